"""Warns of gates, hard budgets and rate limits that a caller escapes by saying nothing, and names the keys that let it."""

from collections.abc import Iterator
from typing import Final

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.keys import claims_read, fixes, may_say, requires
from orchvynt.language.document.budgets import BudgetEntry, RateLimitEntry
from orchvynt.language.document.gates import GateEntry
from orchvynt.language.document.keys import KeyEntry
from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions.compiling import Compiled
from orchvynt.language.expressions.parser import parse
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.source import Source
from orchvynt.language.variables import TABLES

_OMITTABLE: Final = frozenset(name for table in TABLES.values() for name, variable in table.items() if variable.omittable)
_SHOWN_MAX: Final = 5


def check_omittable(source: Source, conditions: Conditions, report: Report) -> None:
    if source.is_broken("keys"):
        return
    letting = _Letting(source)
    for budget in source.budgets:
        if budget.section.on_breach != "alert":
            _guard(budget, "budget", letting, conditions, report)
    for limit in source.rate_limits:
        _guard(limit, "rate limit", letting, conditions, report)
    for gate in source.gates:
        _guard(gate, "gate", letting, conditions, report)


def _guard(
    item: Item[BudgetEntry] | Item[RateLimitEntry] | Item[GateEntry], kind: str, keys: "_Letting", conditions: Conditions, report: Report
) -> None:
    compiled = conditions.get(f"{item.path}.when")
    if compiled is None or compiled.constant is not None or not compiled.expression.names or not compiled.expression.names <= _OMITTABLE:
        return
    letting = keys.omit(claims_read(compiled), _flags_asked(compiled))
    if letting is None:
        return
    said = f"{kind} `{item.section.name}` depends only on what callers may omit: {', '.join(claims_read(compiled))}"
    help = "A caller that leaves it out, or says something else, is judged accordingly; `keys` can fix it."
    if letting:
        shown = ", ".join(letting[:_SHOWN_MAX]) + (f" and {len(letting) - _SHOWN_MAX} more" if len(letting) > _SHOWN_MAX else "")
        said += f" (with the key{'s' if len(letting) > 1 else ''} {shown})"
        help = f"Fix it in {'those keys' if len(letting) > 1 else 'that key'}, or require it there."
    report.warning(item.at("when"), said, help, f"{item.path}.when")


class _Letting:
    """Which keys let their callers leave claims out; looked up once for the same claims, however many gates read them."""

    def __init__(self, source: Source) -> None:
        self._keys = source.keys
        self._found: dict[tuple[tuple[str, ...], frozenset[str]], list[str] | None] = {}

    def omit(self, claims: tuple[str, ...], flags: frozenset[str]) -> list[str] | None:
        """The keys whose callers may leave out all of them; None where there are keys, and none lets them."""
        asked = (claims, flags)
        if asked not in self._found:
            names = [key.section.name for key in self._keys if all(_may_omit(key.section, claim, flags) for claim in claims)]
            self._found[asked] = None if self._keys and not names else names
        return self._found[asked]


def _may_omit(key: KeyEntry, claim: str, flags: frozenset[str]) -> bool:
    """A claim that callers may not set at all is no choice of theirs. Of flags, only those that the key adds cannot be left out."""
    fixed = not flags.isdisjoint(key.fixed.flags) if claim == "flags" and flags else fixes(key, claim)
    return not fixed and not requires(key, claim) and (may_say(key, claim) or claim == "caller_retry")


def _flags_asked(compiled: Compiled) -> frozenset[str]:
    """The flags that a condition asks for by name: `"x" in flags`."""
    return frozenset(_flags(parse(compiled.expression.text))) if "flags" in compiled.expression.names else frozenset()


def _flags(node: ast.Node) -> Iterator[str]:
    match node:
        case ast.Binary(operator="in", left=ast.Literal(value=str() as flag), right=ast.Name(name="flags")):
            yield flag
        case _:
            for field in node.__struct_fields__:
                part = getattr(node, field)
                for below in part if isinstance(part, tuple) else (part,):
                    if isinstance(below, ast.Node):
                        yield from _flags(below)
