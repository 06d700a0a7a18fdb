"""JSON as the standard library reads it, strictly: UTF-8 only, no NaN, numbers kept as they are written."""

import json
from typing import Any, NamedTuple


class Number(str):
    """A number in the words of the body: two are the same only if every digit is."""

    __slots__ = ()


class Pairs(NamedTuple):
    """What a body says. `known` is False where the standard library reaches a limit of its own and says nothing."""

    value: Any
    accepted: bool
    known: bool = True


def read(body: bytes) -> Pairs:
    try:
        return Pairs(json.loads(body.decode(), parse_constant=_refuse, parse_int=Number, parse_float=Number), True)
    except RecursionError:
        return Pairs(None, False, known=False)
    except ValueError:
        return Pairs(None, False)


def names_twice(body: bytes) -> bool:
    """Whether some object of a body says one name twice."""
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        found.extend(name for name in names if names.count(name) > 1)
        return dict(pairs)

    json.loads(body, object_pairs_hook=look, parse_int=Number)
    return bool(found)


def whole(number: object) -> int | None:
    """A number as an integer, as far as it is one."""
    if not isinstance(number, Number):
        return None
    try:
        return int(number)
    except ValueError:
        return None


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")
