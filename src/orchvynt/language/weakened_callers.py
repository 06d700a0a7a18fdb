"""Which changes of keys and of routing lead calls around what is protected: what its conditions read no longer says what it said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from orchvynt.language.compiled import Expression
from orchvynt.language.compiled_budgets import Budget
from orchvynt.language.compiled_gates import Gate
from orchvynt.language.diff import diff
from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions.parser import parse
from orchvynt.language.snapshot import Key, Snapshot

_CLAIMS: Final = ("workflow", "agent", "run", "session", "workload", "user", "flags", "context", "min_quality")
_OF_ROUTING: Final = ("model", "provider", "tier")
_ROUTES: Final = (
    "provider ",
    "model ",
    "pattern ",
    "order of patterns",
    "alias ",
    "rule ",
    "order of rules",
    "routing.",
    "chain ",
    "fallback.use",
)
"""How lines of `diff` begin that say which model answers."""

_LINES_MAX: Final = 20


def calls_led_around(gates: Sequence[Gate], budgets: Sequence[Budget], old: Snapshot, new: Snapshot) -> Iterator[str]:
    """A line for each change of keys, routes and clocks that a protected condition, scope or requester depends on."""
    asked = [gate.when for gate in gates] + [budget.when for budget in budgets] + [budget.by for budget in budgets]
    conditions = [one for one in asked if one is not None]
    read = {name for condition in conditions for name in condition.names} | {one.scope for one in budgets if one.scope is not None}
    if any(gate.not_requester for gate in gates):
        read.add("key.owner")
    yield from _of_keys(read, all(_rises(one) for one in conditions), old.keys, new.keys)
    yield from _of_routes(gates, old, new)
    if old.timezone != new.timezone and any(name.startswith("now.") for name in read):
        yield f"timezone {old.timezone} → {new.timezone}, and a protected condition reads the clock"


def _of_keys(read: Iterable[str], rises: bool, old: Mapping[str, Key], new: Mapping[str, Key]) -> Iterator[str]:
    """A key that is new is as strict as before if one of those that were there says and lets its callers say the same."""
    for name, key in new.items():
        before = old.get(name)
        if before is not None:
            for claim in _differing(before, key, read, rises):
                yield f"key {name}: what it says of {claim} changes"
        elif old:
            freer = [_differing(one, key, [claim for claim in read if claim != "key.owner"], rises) for one in old.values()]
            least = min(freer, key=len) if "key.name" not in read else ["name"]
            if least:
                yield f"key {name} is new, and no key before it leaves {' and '.join(least)} to its callers as it does"
    if old and not new:
        yield "keys: callers need no key any more"


def _differing(old: Key, new: Key, read: Iterable[str], rises: bool) -> list[str]:
    """The claims that a protected condition reads, of which the new key says less, or lets callers say more."""
    return [claim for claim in dict.fromkeys(_changed(old, new, rises)) if any(_reads(one, claim) for one in read)]


def _changed(old: Key, new: Key, rises: bool) -> Iterator[str]:
    for name in old.fixed.__struct_fields__:
        before, after = getattr(old.fixed, name), getattr(new.fixed, name)
        if before != after and not (name == "flags" and set(before) <= set(after) and rises):
            yield name
    if old.may_set is not None:
        yield from sorted((frozenset(_CLAIMS) if new.may_set is None else new.may_set) - old.may_set)
    yield from sorted(set(old.require) - set(new.require))
    if old.owner != new.owner:
        yield "key.owner"
    if old.allow_models is not None and not (new.allow_models is not None and new.allow_models <= old.allow_models):
        yield from _OF_ROUTING


def _of_routes(gates: Sequence[Gate], old: Snapshot, new: Snapshot) -> Iterator[str]:
    """A gate that asks which model answered can be passed by on the way to another one; so can one that asks a judge."""
    for gate in gates:
        read = [name for name in _OF_ROUTING if gate.when is not None and name in gate.when.names]
        if read:
            changes = [line for line in diff(old, new) if line.startswith(_ROUTES)]
            yield from (f"gate {gate.name} reads `{read[0]}`: {line}" for line in changes[:_LINES_MAX])
        judge = gate.confidence.of if gate.confidence is not None and gate.confidence.source == "judge" else ""
        before, after = old.models.get(judge), new.models.get(judge)
        if before is not None and after is not None and (before.provider, before.upstream_model) != (after.provider, after.upstream_model):
            told = f"{before.upstream_model} at {before.provider.name} → {after.upstream_model} at {after.provider.name}"
            yield f"gate {gate.name}: its judge {judge} is another model: {told}"


def _reads(name: str, claim: str) -> bool:
    """Whether a condition that reads `name` reads the claim: `context.tier` is a part of `context`, and the other way round."""
    return name == claim or name.startswith(f"{claim}.") or claim.startswith(f"{name}.")


def _rises(condition: Expression) -> bool:
    """Whether more flags never make it less true."""
    return "flags" not in condition.names or _rising(parse(condition.text))


def _rising(node: ast.Expr) -> bool:
    match node:
        case ast.Logical(operands=operands):
            return all(_rising(operand) for operand in operands)
        case ast.Binary(operator="in", left=left, right=ast.Name(name="flags")):
            return not _asks_flags(left)
        case ast.Quantified(kind="exists", items=ast.Name(name="flags"), predicate=predicate):
            return not _asks_flags(predicate)
        case _:
            return not _asks_flags(node)


def _asks_flags(node: ast.Node) -> bool:
    if isinstance(node, ast.Name):
        return node.name == "flags"
    parts = [getattr(node, field) for field in node.__struct_fields__]
    below = [one for part in parts for one in (part if isinstance(part, tuple) else (part,)) if isinstance(one, ast.Node)]
    return any(_asks_flags(one) for one in below)
