"""Texts that PostgreSQL cannot hold as they are: a zero character becomes two others, and comes back as it was.

Callers choose names of runs and users, and budgets are kept by them: two names must never become one.
"""

from typing import Final

_MARK: Final = "\x1a"
_MARKED: Final = _MARK + "1"
_ZERO: Final = _MARK + "0"


def stored(text: str) -> str:
    if "\0" in text or _MARK in text:
        return text.replace(_MARK, _MARKED).replace("\0", _ZERO)
    return text


def read(text: str) -> str:
    if _MARK in text:
        return "".join(_pieces(text))
    return text


def _pieces(text: str) -> list[str]:
    first, *rest = text.split(_MARK)
    # What is behind a mark that none of us wrote stays as it is.
    return [first, *({"0": "\0", "1": _MARK}.get(piece[:1], _MARK + piece[:1]) + piece[1:] for piece in rest)]
