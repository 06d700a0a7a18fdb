"""Collects what is wrong in one file and renders it with the offending line underlined; no excerpt ever shows a secret."""

import re
import unicodedata
from typing import Final, Literal

import msgspec

from orchvynt.language.masking import masked, masked_line
from orchvynt.language.problems import Problem

PROBLEMS_MAX: Final = 200
"""Of errors, and as many of warnings: neither crowds out the other."""
_EXCERPT_CHARS: Final = 160
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the file: lines and columns count from 1, `end_column` is the first column after it."""

    line: int
    column: int
    end_line: int
    end_column: int


class _Finding(msgspec.Struct, frozen=True):
    span: Span
    message: str
    path: str
    help: str
    severity: Literal["error", "warning"]


class Report:
    """All problems of one file. Excerpts are made at the end, when every literal that has to be hidden is known."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = _LINE_BREAK.split(text)
        self._findings: list[_Finding] = []
        self._seen: set[tuple[int, int, str]] = set()
        self._counts = {"error": 0, "warning": 0}
        self._hidden: set[str] = set()
        self.failed = False

    def error(self, span: Span, message: str, help: str = "", path: str = "") -> None:
        self._add(_Finding(span, message, path, help, "error"))
        self.failed = True

    def warning(self, span: Span, message: str, help: str = "", path: str = "") -> None:
        self._add(_Finding(span, message, path, help, "warning"))

    @property
    def full(self) -> bool:
        """Whether no further error will be told, so that no advice has to be found for it."""
        return self._counts["error"] >= PROBLEMS_MAX

    def hide(self, literal: str) -> None:
        """From now on, and in what was found before, this text is shown as stars."""
        self._hidden.update(part for line in _LINE_BREAK.split(literal) if (part := line.strip()))

    def _add(self, finding: _Finding) -> None:
        key = (finding.span.line, finding.span.column, finding.message)
        if key not in self._seen and self._counts[finding.severity] < PROBLEMS_MAX:
            self._seen.add(key)
            self._counts[finding.severity] += 1
            self._findings.append(finding)

    def problems(self) -> tuple[Problem, ...]:
        """In the order of the file."""
        hidden = frozenset(self._hidden)
        ordered = sorted(self._findings, key=lambda one: (one.span.line, one.span.column))
        return tuple(
            Problem(
                self.file,
                one.span.line,
                one.span.column,
                _one_line(masked(one.message, hidden)),
                _one_line(one.path),
                _one_line(masked(one.help, hidden)),
                self._excerpt(one.span, hidden),
                one.severity,
            )
            for one in ordered
        )

    def _excerpt(self, span: Span, hidden: frozenset[str]) -> str:
        if span.line > len(self.lines):
            return ""
        line = masked_line(self.lines[span.line - 1], hidden)
        begin = span.column - 1
        end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
        end = min(max(end, begin + 1), max(len(line), begin + 1))
        cut = max(0, begin - _EXCERPT_CHARS // 2)
        shown = "".join(_printable(char) for char in line[cut : cut + _EXCERPT_CHARS])
        begin, end = begin - cut, min(end - cut, _EXCERPT_CHARS)
        return f"    {shown.rstrip()}\n    {' ' * begin}{'^' * max(1, end - begin)}"


def _one_line(text: str) -> str:
    """Messages quote the file, in which a value may hold anything."""
    return text if text.isprintable() else "".join(_printable(char) for char in text)


def _printable(char: str) -> str:
    """Control and direction characters would move the text away from what underlines it, or forge a terminal."""
    if char == "\t":
        return " "
    return "·" if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") else char
