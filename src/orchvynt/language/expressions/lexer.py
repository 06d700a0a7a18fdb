"""Cuts an expression into tokens, by CEL's rules for names, numbers and strings (https://github.com/google/cel-spec, langdef)."""

import math
import re
from typing import Final, Literal

import msgspec

from orchvynt.language.expressions.syntax import ExpressionError

TEXT_CHARS_MAX: Final = 4096

_COMMON = re.compile(
    r"[ ]*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9_'\"])|\"(?P<double>[^\"\\\n]+)\"|'(?P<single>[^'\\\n]+)'"
    r"|(?P<operator>&&|\|\||[=!<>]=|/(?!/)|[-+*%<>!?:,()\[\]]|\.(?![0-9])))"
)
"""What most expressions are made of, in one step; whatever else there is goes the long way."""

_SPACE = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)+")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r"&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]]")
_ESCAPE = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\'\"`?])|x(?P<x>[0-9A-Fa-f]{2})|u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})|(?P<octal>[0-3][0-7]{2}))"
)
_PLAIN_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_MEANT: Final = {"&": "&&", "|": "||", "=": "=="}
_WORDS: Final = {"and": "&&", "or": "||", "not": "!"}


class Token(msgspec.Struct, frozen=True, gc=False):
    """`value` is the text of a name or operator, the value of a string or number; kind `end` closes the list."""

    kind: Literal["name", "string", "number", "operator", "end"]
    value: str | float
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Raises ExpressionError where the text cannot be cut."""
    if len(text) > TEXT_CHARS_MAX:
        raise ExpressionError(0, 0, f"the expression is longer than {TEXT_CHARS_MAX} characters")
    found: list[Token] = []
    at = 0
    while at < len(text):
        if common := _COMMON.match(text, at):
            token = _common(common)
            if token.value in _RESERVED and token.kind == "name" and not (found and found[-1].value == "."):
                raise ExpressionError(token.start, token.end, f"`{token.value}` is a reserved word", "Use another name.")
            found.append(token)
            at = token.end
            continue
        if space := _SPACE.match(text, at):
            at = space.end()
            continue
        token = _string(text, at) or _number(text, at) or _name(text, at) or _operator(text, at)
        found.append(token)
        at = token.end
    found.append(Token("end", "", len(text), len(text)))
    return found


def _common(match: re.Match[str]) -> Token:
    group = match.lastindex or 0
    start, end = match.span(group)
    if match.lastgroup == "name":
        return Token("name", match[group], start, end)
    if match.lastgroup == "operator":
        return Token("operator", match[group], start, end)
    return Token("string", match[group], start - 1, end + 1)


def _string(text: str, at: int) -> Token | None:
    raw = text[at] in "rR" and text[at + 1 : at + 2] in ("'", '"')
    begin = at + 1 if raw else at
    quote = text[begin]
    if quote not in "'\"":
        if text[at] in "bB" and text[at + 1 : at + 2] in ("'", '"'):
            raise ExpressionError(at, at + 2, "not supported yet: byte strings", "Write a string without the `b`.")
        return None
    if text.startswith(quote * 3, begin):
        raise ExpressionError(begin, begin + 3, "not supported yet: strings in triple quotes", "Write the string in single quotes.")
    parts: list[str] = []
    at_char = begin + 1
    while True:
        char = text[at_char : at_char + 1]
        if char in ("", "\n"):
            raise ExpressionError(begin, at_char, "the string is not closed", f"Close it with {quote}.")
        if char == quote:
            return Token("string", "".join(parts), at, at_char + 1)
        if char == "\\" and not raw:
            piece, at_char = _escape(text, at_char)
            parts.append(piece)
            continue
        parts.append(char)
        at_char += 1


def _escape(text: str, at: int) -> tuple[str, int]:
    match = _ESCAPE.match(text, at)
    if match is None:
        raise ExpressionError(
            at, at + 2, f"unknown escape `{text[at : at + 2]}`", "In a regular expression write r'…', or two backslashes."
        )
    if plain := match["plain"]:
        return _PLAIN_ESCAPES.get(plain, plain), match.end()
    code = int(match["octal"], 8) if match["octal"] else int(match["x"] or match["u"] or match["U"], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ExpressionError(at, match.end(), f"`{match[0]}` is not a character")
    return chr(code), match.end()


def _number(text: str, at: int) -> Token | None:
    match = _NUMBER.match(text, at)
    if match is None:
        return None
    after = text[match.end() : match.end() + 1]
    if after.isalnum() or after == "_":
        end = match.end() + 1
        raise ExpressionError(at, end, f"`{text[at:end]}` is not a number", "Write numbers in decimal without a suffix; 5 % is 0.05.")
    value = float(match[0])
    if not math.isfinite(value):
        raise ExpressionError(at, match.end(), "the number is too large")
    return Token("number", value, at, match.end())


def _name(text: str, at: int) -> Token | None:
    match = _NAME.match(text, at)
    if match is None:
        return None
    return Token("name", match[0], at, match.end())


def _operator(text: str, at: int) -> Token:
    match = _OPERATOR.match(text, at)
    if match is None:
        char = text[at]
        help = f"Did you mean `{_MEANT[char]}`?" if char in _MEANT else ""
        raise ExpressionError(at, at + 1, f"unexpected character `{char if char.isprintable() else f'U+{ord(char):04X}'}`", help)
    return Token("operator", match[0], at, match.end())


def meant(word: str) -> str:
    """The operator that a word of another language stands for; empty if none."""
    return _WORDS.get(word.lower(), "")
