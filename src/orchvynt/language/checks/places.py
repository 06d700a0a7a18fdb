"""Where a part of an expression stands in the file, through the quoting of the YAML value that holds it."""

import re
from typing import Final

from orchvynt.language.report import Span
from orchvynt.language.yaml_marks import Scalar

_ESCAPED_CHARS: Final = {"x": 4, "u": 6, "U": 10}


def span_within(scalar: Scalar, lines: list[str], start: int, end: int) -> Span:
    """The span of `text[start:end]`; of the whole value where it is folded over several lines."""
    found = _positions(scalar, lines)
    if found is None or start >= len(found) or end >= len(found):
        return scalar.span
    (line, column), (end_line, end_column) = found[start], found[max(start, end)]
    return Span(line, column, end_line, end_column if (end_line, end_column) > (line, column) else column + 1)


def _positions(scalar: Scalar, lines: list[str]) -> list[tuple[int, int]] | None:
    """The place of each character and of the end; None where it cannot be told."""
    span = scalar.span
    if scalar.quote == "|":
        return _of_block(scalar, lines)
    if span.line != span.end_line or span.line > len(lines):
        return None
    source = lines[span.line - 1]
    at = span.column - 1 + (1 if scalar.quote else 0)
    found: list[tuple[int, int]] = []
    for _ in scalar.text:
        found.append((span.line, at + 1))
        at += _source_chars(source, at, scalar.quote)
    found.append((span.line, at + 1))
    return found


def _source_chars(source: str, at: int, quote: str) -> int:
    """How many characters of the file one character of the value takes."""
    if quote == "'" and source.startswith("''", at):
        return 2
    if quote == '"' and source.startswith("\\", at):
        return _ESCAPED_CHARS.get(source[at + 1 : at + 2], 2)
    return 1


def _of_block(scalar: Scalar, lines: list[str]) -> list[tuple[int, int]] | None:
    first = scalar.span.line
    content = lines[first : first + scalar.text.count("\n") + 1]
    indent = next((len(line) - len(line.lstrip(" ")) for line in content if line.strip()), 0)
    found: list[tuple[int, int]] = []
    line, column = first + 1, indent + 1
    for char in scalar.text:
        found.append((line, column))
        line, column = (line + 1, indent + 1) if char == "\n" else (line, column + 1)
    if not re.match(r"\|[-+]?\s*(#.*)?$", lines[first - 1][scalar.span.column - 1 :]):
        return None
    found.append((line, column))
    return found
