"""Writes to a terminal or a pipe: colours and relative times for people, plain aligned lines and absolute times for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

import msgspec
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from orchvynt.surfaces.cli.amounts import relative
from orchvynt.surfaces.cli.plain import printable

PIPE_COLUMNS: Final = 100_000
PADDING: Final = 2
STATES: Final[dict[str, str]] = {
    "answered": "green",
    "approved": "green",
    "ready": "green",
    "ok": "green",
    "open": "yellow",
    "parked": "yellow",
    "running": "cyan",
    "resting": "yellow",
    "half-open": "yellow",
    "refused": "red",
    "rejected": "red",
    "expired": "red",
    "failed": "red",
    "interrupted": "red",
    "cancelled": "magenta",
}


class Terminal:
    """Where a command writes to. Everything that comes from elsewhere passes `printable` on its way."""

    def __init__(self, environment: Mapping[str, str], now: int, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.now = now
        self.said_json = False
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self.is_terminal = self._out.isatty()
        self._console = _console(self._out, environment)
        self._errors = _console(self._err, environment)

    @property
    def columns(self) -> int:
        """How wide it is; of a pipe, as wide as anything."""
        return self._console.width

    def json(self, raw: bytes) -> None:
        """A server's JSON as it is, indented, in ASCII, so that no byte of it can move a terminal's cursor."""
        self.said_json = True
        self._out.write(json.dumps(json.loads(raw), indent=2) + "\n")

    def values(self, value: msgspec.Struct) -> None:
        """A value of our own as JSON."""
        self.json(msgspec.json.encode(value))

    def line(self, *parts: str | tuple[str, str], lines: bool = False) -> None:
        """One line of texts, or of (text, style) pairs."""
        self._print(_text(parts, lines))

    def raw(self, text: str) -> None:
        """A document as it is into a pipe; made harmless on a terminal."""
        self._out.write(printable(text, lines=True) if self.is_terminal else text)

    def error(self, message: str, help_text: str = "") -> None:
        """What went wrong, and what to do, on standard error."""
        self._errors.print(_text([("orchvynt: ", "bold red"), message], lines=False), soft_wrap=True)
        if help_text:
            self._errors.print(_text([("  ", ""), (help_text, "dim")], lines=False), soft_wrap=True)

    def error_text(self, text: str) -> None:
        """Text of several lines on standard error, such as problems with their excerpts."""
        self._errors.print(_text([text], lines=True), soft_wrap=True)

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[Text | str]], right: Sequence[str] = (), spare: Sequence[str] = ()
    ) -> None:
        """Aligned columns. Headings that are in `right` are flush right. Into a pipe nothing is wrapped or cut.

        On a terminal that is too narrow for all, columns of `spare` are left out, the first ones first, and named below."""
        left_out = self._left_out(headings, rows, spare)
        if left_out:
            kept = [place for place, heading in enumerate(headings) if heading not in left_out]
            headings = [headings[place] for place in kept]
            rows = [[row[place] for place in kept] for row in rows]
        grid = Table(box=None, padding=(0, PADDING, 0, 0), header_style="bold", show_edge=False, pad_edge=False, show_header=any(headings))
        for place, heading in enumerate(headings):
            # The first column names the row; a name that is broken over lines cannot be copied.
            whole = place == 0 or not self.is_terminal
            grid.add_column(heading, justify="right" if heading in right else "left", no_wrap=whole, overflow="fold", highlight=False)
        for row in rows:
            grid.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
        self._print(grid)
        if left_out:
            self.line(("", ""))
            self.line((f"This terminal is too narrow for {', '.join(left_out)}; --json has them.", "dim"))

    def _left_out(self, headings: Sequence[str], rows: Sequence[Sequence[Text | str]], spare: Sequence[str]) -> list[str]:
        widths = {
            heading: max([cell_len(heading), *(cell_len(str(row[place])) for row in rows)]) + PADDING
            for place, heading in enumerate(headings)
        }
        left_out: list[str] = []
        for heading in spare:
            if not self.is_terminal or sum(widths.values()) - PADDING <= self._console.width:
                break
            del widths[heading]
            left_out.append(heading)
        return [heading for heading in headings if heading in left_out]

    def pairs(self, pairs: Sequence[tuple[str, str | Text]]) -> None:
        """A name and a value a line."""
        self.table(("", ""), [(Text(name, "dim"), value) for name, value in pairs if value != ""])

    def when(self, at: str) -> str:
        """An instant: relative for people, absolute for programs."""
        return relative(at, self.now) if self.is_terminal else at or "-"

    def _print(self, content: RenderableType) -> None:
        """Rendered first, so that padding behind the last column does not reach the reader."""
        with self._console.capture() as captured:
            self._console.print(content, soft_wrap=isinstance(content, Text))
        for line in captured.get().split("\n")[:-1]:
            self._out.write(line.rstrip() + "\n")


def state(word: str) -> Text:
    """A state in its colour."""
    return Text(printable(word), STATES.get(word, ""))


def _text(parts: Sequence[str | tuple[str, str]], lines: bool) -> Text:
    text = Text()
    for part in parts:
        words, style = part if isinstance(part, tuple) else (part, "")
        text.append(printable(words, lines), style or None)
    return text


def _console(stream: TextIO, environment: Mapping[str, str]) -> Console:
    """Colours only on a terminal that wants them (`NO_COLOR`, `TERM=dumb` are honoured). Letters that the encoding lacks are escaped."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    if not stream.isatty():
        return Console(file=stream, force_terminal=False, color_system=None, width=PIPE_COLUMNS, emoji=False, markup=False, highlight=False)
    return Console(file=stream, emoji=False, markup=False, highlight=False, _environ=environment)
