"""What reaches a terminal: colours where they are wanted, and nothing that could move its cursor."""

import io
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.surfaces.cli.shell import NOW

from orchvynt.surfaces.cli.amounts import BAR_CELLS, after, amount, bar, instant, neat, percent, relative, share
from orchvynt.surfaces.cli.plain import printable
from orchvynt.surfaces.cli.terminal import Terminal

SECOND = 1_000_000_000
SGR = re.compile(r"\x1b\[[0-9;]*m")


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def on_screen(**environment: str) -> tuple[Terminal, Screen]:
    screen = Screen()
    return Terminal({"TERM": "xterm-256color", "COLUMNS": "80", **environment}, NOW, screen, Screen()), screen


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_nothing_that_is_printed_controls_a_terminal(text: str) -> None:
    for cleaned in (printable(text), printable(text, lines=True).replace("\n", "")):
        assert all(unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for letter in cleaned)
    assert printable(printable(text)) == printable(text)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_table_or_line_lets_through_what_it_was_given(first: str, second: str) -> None:
    for terminal, out in ((Terminal({}, NOW, pipe := io.StringIO(), io.StringIO()), pipe), on_screen()):
        terminal.table(("A", "B"), [(first, second)])
        terminal.line((first, "bold"), second)
        written = out.getvalue().replace("\n", "")
        if isinstance(out, Screen):
            written = SGR.sub("", written)  # our own colours
        assert "\x1b" not in written
        assert all(unicodedata.category(letter) not in ("Cc", "Cf") for letter in written)


def test_markup_of_others_is_text() -> None:
    pipe = io.StringIO()
    Terminal({}, NOW, pipe, io.StringIO()).line("[red]x[/red] :smile: [link=http://evil]y[/link]")
    assert pipe.getvalue() == "[red]x[/red] :smile: [link=http://evil]y[/link]\n"


def test_a_pipe_gets_long_lines_whole_and_a_terminal_colours() -> None:
    pipe = io.StringIO()
    Terminal({}, NOW, pipe, io.StringIO()).table(("NAME", "TEXT"), [("a", "x" * 5000)])
    assert "x" * 5000 in pipe.getvalue()
    assert all(line == line.rstrip() for line in pipe.getvalue().splitlines())
    terminal, screen = on_screen()
    terminal.line(("good", "green"))
    assert "\x1b[32mgood" in screen.getvalue()


NAMES = ("MODEL", "STATE", "SPARE", "ADDRESS")
ROWS = [("gpt-4o", "ready", "4", "http://127.0.0.1:8080/v1"), ("claude", "open", "12", "-")]


@pytest.mark.parametrize(
    ("columns", "shown"), [(80, ("MODEL", "STATE", "SPARE", "ADDRESS")), (40, ("MODEL", "STATE", "SPARE")), (15, ("MODEL", "STATE"))]
)
def test_a_narrow_terminal_leaves_out_what_can_be_spared(columns: int, shown: tuple[str, ...]) -> None:
    terminal, screen = on_screen(NO_COLOR="1", COLUMNS=str(columns))
    terminal.table(NAMES, ROWS, spare=("ADDRESS", "SPARE"))
    lines = [line.rstrip() for line in SGR.sub("", screen.getvalue()).splitlines()]
    assert tuple(lines[0].split()) == shown
    assert lines[1].startswith("gpt-4o  ready")
    rest = [name for name in NAMES if name not in shown]
    assert "".join(lines[3:]) == (f"This terminal is too narrow for {', '.join(rest)}; --json has them." if rest else "")


def test_a_pipe_gets_every_column() -> None:
    pipe = io.StringIO()
    Terminal({}, NOW, pipe, io.StringIO()).table((*NAMES, "LONG"), [(*row, "x" * 200) for row in ROWS], spare=NAMES)
    assert tuple(pipe.getvalue().splitlines()[0].split()) == (*NAMES, "LONG")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_declined(environment: dict[str, str]) -> None:
    terminal, screen = on_screen(**environment)
    terminal.line(("good", "green"))
    assert screen.getvalue() == "good\n"


def test_instants_are_relative_for_people_and_absolute_for_programs() -> None:
    at = "2026-01-01T00:57:00.000000Z"
    terminal, _ = on_screen()
    assert terminal.when(at) == "3 min ago"
    assert Terminal({}, NOW, io.StringIO(), io.StringIO()).when(at) == at
    assert terminal.when("") == "-"


@pytest.mark.parametrize(
    ("offset", "text"),
    [(0, "just now"), (-12, "12 s ago"), (90, "in 1 min"), (-3 * 3600, "3 h ago"), (-5 * 86_400, "5 days ago"), (7100, "in 118 min")],
)
def test_relative(offset: int, text: str) -> None:
    from orchvynt.lifecycle.explain.phrases import instant_text

    assert relative(instant_text(NOW + offset * SECOND), NOW) == text


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4 * 10**18))
def test_instants_come_back_to_the_microsecond(at: int) -> None:
    from orchvynt.lifecycle.explain.phrases import instant_text

    assert instant(instant_text(at)) == at // 1000 * 1000


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(-5, 10**12))
def test_bars_always_have_their_length(settled: int, held: int, limit: int) -> None:
    full, pending, free = bar(settled, held, limit)
    assert full + pending + free == BAR_CELLS
    assert min(full, pending, free) >= 0
    assert full > 0 or settled == 0
    assert share(settled, limit) >= 0


def test_offsets_of_one_second_are_told_apart() -> None:
    assert [after(offset) for offset in (0.4, 12.3, 1_042.25, 59_999.4, 185_000)] == ["400 µs", "12 ms", "1.042 s", "59.999 s", "3 min 5 s"]


def test_amounts() -> None:
    assert amount(None, True) == "-"
    assert amount(3_100_000, True) == "$0.0031"
    assert amount(12_345, False) == "12,345"
    assert instant("nonsense") == 0


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "$0.00"), (1_403_300_000, "$1.40"), (1_234_567_890_000, "$1,234.57"), (3_100_000, "$0.0031"), (31_415, "$0.0000314"),
        (7, "$0.000000007"),
        (9_999_999, "$0.01"), (10_000_000, "$0.01"), (17_400_000, "$0.0174"), (123_456_789, "$0.123"), (500_000_000, "$0.50"),
        (-1_500_000_000, "-$1.50"), (-31_415, "-$0.0000314"),
    ],
)  # fmt: skip
def test_people_see_money_rounded(nanos: int, text: str) -> None:
    assert neat(nanos) == text


@pytest.mark.parametrize(
    ("used", "text"), [(0, "0%"), (0.0001, "<1%"), (0.01, "1%"), (0.604, "60%"), (0.999, "99%"), (1, "100%"), (1.325, "132%")]
)
def test_a_share_is_all_or_nothing_only_where_it_is(used: float, text: str) -> None:
    assert percent(used) == text
