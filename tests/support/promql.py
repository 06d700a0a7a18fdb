"""As much of PromQL as our documents use: which metrics an expression reads, and with which labels. It judges no types.

The grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

import re
from typing import Final, NamedTuple

FUNCTIONS: Final = frozenset({"histogram_quantile", "increase", "max", "min", "rate", "scalar", "sum"})
WORDS: Final = frozenset({"and", "by", "on", "or", "unless", "without", "ignoring", "group_left"})
TOKEN: Final = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<range>\[(?:\d+[smhdw]|\$__rate_interval)\])|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<sign>==|!=|=~|!~|<=|>=|[-+*/%^<>=(){},])"""
)
OPENS: Final = {"(": ")", "{": "}"}


class PromqlError(Exception):
    """The text is not PromQL, as far as this reader knows it."""


class Reading(NamedTuple):
    """`metrics` with the labels that their selectors name; `grouped` are the labels that the whole expression groups by."""

    metrics: dict[str, set[str]]
    grouped: set[str]


def tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text):
        matched = TOKEN.match(text, at)
        if matched is None:
            raise PromqlError(f"at {text[at : at + 20]!r}")
        if matched.lastgroup != "space":
            found.append((str(matched.lastgroup), matched.group()))
        at = matched.end()
    return found


def read(text: str) -> Reading:
    """Raises PromqlError."""
    metrics: dict[str, set[str]] = {}
    grouped: set[str] = set()
    closing: list[str] = []
    current, naming = "", False
    given = [*tokens(text), ("end", "")]
    for place, (kind, said) in enumerate(given[:-1]):
        following = given[place + 1][1]
        if said in OPENS:
            closing.append(OPENS[said])
            naming = naming or (said == "(" and place > 0 and given[place - 1][1] in {"by", "on", "without", "ignoring", "group_left"})
        elif said in OPENS.values():
            if not closing or closing.pop() != said:
                raise PromqlError(f"unbalanced {said} in {text}")
            naming = naming and said != ")"
        elif kind == "name" and closing and closing[-1] == "}":
            if following not in {"=", "!=", "=~", "!~"}:
                raise PromqlError(f"{said} is compared with nothing")
            metrics[current].add(said)
        elif kind == "name" and naming:
            grouped.add(said)
        elif kind == "name" and said in FUNCTIONS:
            if following not in {"(", "by", "without"}:
                raise PromqlError(f"{said} is a function")
        elif kind == "name" and said not in WORDS:
            current = said
            metrics.setdefault(said, set())
    if closing:
        raise PromqlError(f"{closing[-1]} is missing in {text}")
    return Reading(metrics, grouped)
