"""Whether every routing rule can be reached: none stands behind one that matches whatever it would match."""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import msgspec

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.document.routing import RuleEntry
from orchvynt.language.expressions.compiling import Compiled, is_shadowed
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.source import Source

_PAIRS_MAX: Final = 2_000
"""So many pairs of conditions are compared. A policy of up to 60 rules is searched whole; of a larger one, first what an index finds."""
_EQUALITIES_MAX: Final = 6


class _Earlier(msgspec.Struct, gc=False):
    """A rule that others may stand behind."""

    rule: Item[RuleEntry]
    compiled: Compiled

    @property
    def name(self) -> str:
        return self.rule.section.name

    @property
    def line(self) -> int:
        return self.rule.at("name").line


def check_rules(source: Source, conditions: Conditions, report: Report) -> None:
    catching_all: Item[RuleEntry] | None = None
    same: dict[str, _Earlier] = {}
    reach = _Reach(len(source.rules))
    for rule in source.rules:
        name, when, path = rule.section.name, rule.section.when, f"{rule.path}.when"
        compiled = conditions.get(path)
        if catching_all is not None:
            said = f"rule `{name}` is never reached: `{catching_all.section.name}` before it matches everything"
            line = catching_all.at("name").line
            report.error(rule.at("name"), said, f"Put it before line {line}, or give that rule a `when`.", rule.path)
            continue
        if when is None:
            catching_all = rule
            continue
        if compiled is None or compiled.constant is not None:
            continue
        mine = _Earlier(rule, compiled)
        text = " ".join(when.split())
        before = same.setdefault(text, mine)
        if before is not mine:
            said = f"rule `{name}` is never reached: `{before.name}` before it has the same condition"
            report.error(rule.at("when"), said, "Remove one of them.", path)
        elif (hides := reach.hidden_by(mine)) is not None:
            said = f"rule `{name}` is never reached: `{hides.name}` before it matches whatever this one does"
            report.error(rule.at("when"), said, f"Put it before line {hides.line}, or remove it.", path)
        else:
            reach.add(mine)


def _exclude(one: Compiled, other: Compiled) -> bool:
    """Whether one needs a text where the other needs another: then no request meets both, which is much cheaper to see than to decide."""
    needed = dict(other.equalities)
    return any(needed.get(place, text) != text for place, text in one.equalities)


class _Reach:
    """Finds the earlier rule that hides a later one. Equalities that the earlier needs and the later has not exclude a pair."""

    def __init__(self, count: int) -> None:
        self._all = count * (count - 1) // 2 <= _PAIRS_MAX
        self._left = _PAIRS_MAX
        self._earlier: list[_Earlier] = []
        self._by_equalities: dict[frozenset[tuple[str, str]], list[_Earlier]] = {}

    def add(self, rule: _Earlier) -> None:
        self._earlier.append(rule)
        self._by_equalities.setdefault(frozenset(rule.compiled.equalities), []).append(rule)

    def hidden_by(self, rule: _Earlier) -> _Earlier | None:
        for earlier in self._earlier if self._all else self._likely(rule):
            if not self._all and self._left <= 0:
                return None
            if _exclude(rule.compiled, earlier.compiled):
                continue
            self._left -= 1
            if is_shadowed(rule.compiled, earlier.compiled, "request"):
                return earlier
        return None

    def _likely(self, rule: _Earlier) -> Iterator[_Earlier]:
        pairs = sorted(set(rule.compiled.equalities))[:_EQUALITIES_MAX]
        for size in range(len(pairs), -1, -1):
            for some in combinations(pairs, size):
                yield from self._by_equalities.get(frozenset(some), ())
