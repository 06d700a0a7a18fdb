"""What a change of the policy takes away from what is protected, in words. What cannot be shown to be as strict as before counts as weaker.

Protected are the gates and budgets that `protected` of the policy in force names, what decides whether they take hold (their groups, the
prices they count in, what keys say for callers where their conditions read it), and `protected` itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from orchvynt.language.compiled_budgets import Breach, Budget, Limits
from orchvynt.language.compiled_gates import Confidence, Escalation, Gate, Group
from orchvynt.language.compiled_protected import Protected, covers
from orchvynt.language.detecting import of_presidio
from orchvynt.language.phrases import words
from orchvynt.language.snapshot import Key, Model, Snapshot

_HARD: Final = ("reject", "clamp", "review")


def weakened(old: Snapshot, new: Snapshot) -> tuple[str, ...]:
    """A line for each thing that `new` removes or weakens of what `old` protects; empty where nothing needs an approval."""
    protected = old.protected
    if protected is None:
        return ()
    gates = [gate for gate in old.gates if covers(protected.gates, gate.name)]
    budgets = [budget for budget in old.budgets if covers(protected.budgets, budget.name)]
    lines = [
        *_of_protection(protected, new.protected),
        *_of_gates(gates, new),
        *_of_presidio(gates, old, new),
        *_of_budgets(budgets, new),
        *_of_groups(protected, gates, budgets, old, new),
        *(_of_prices(old, new) if any(_counts_money(budget) for budget in budgets) else ()),
        *_of_keys(gates, budgets, old, new),
    ]
    return tuple(dict.fromkeys(lines))


def _of_protection(old: Protected, new: Protected | None) -> Iterator[str]:
    if new is None:
        yield "`protected` is removed"
        return
    for kind in ("gates", "budgets"):
        before, after = getattr(old, kind), getattr(new, kind)
        for pattern in before:
            if pattern not in after:
                yield f"protected.{kind}: {pattern} is no longer named"
    if new.approvers != old.approvers:
        yield f"protected.approvers: the group {new.approvers} in place of {old.approvers}"
    if new.quorum < old.quorum:
        yield f"protected.approvers: quorum {new.quorum} in place of {old.quorum}"
    if old.not_author and not new.not_author:
        yield "protected.approvers: the author may approve"


def _of_gates(gates: Sequence[Gate], new: Snapshot) -> Iterator[str]:
    now = {gate.name: gate for gate in new.gates}
    for gate in gates:
        after = now.get(gate.name)
        if after is None:
            yield f"gate {gate.name} is removed"
            continue
        for name, stricter in _GATE.items():
            if not stricter(getattr(gate, name), getattr(after, name)):
                yield f"gate {gate.name}: {_spelt(name)} {words(getattr(gate, name), name)} → {words(getattr(after, name), name)}"


def _of_presidio(gates: Sequence[Gate], old: Snapshot, new: Snapshot) -> Iterator[str]:
    """What it looks with, and how sure it must be, decides whether a gate that asks it takes hold. What it is too slow for is closed."""
    before, after = old.presidio, new.presidio
    if before is None or after is None or not any(of_presidio(gate.when.names) for gate in gates if gate.when is not None):
        return
    for name, weaker in (
        ("language", before.language != after.language),
        ("model", before.model != after.model),
        ("least_score", after.least_score > before.least_score),
    ):
        if weaker:
            yield f"presidio: {name} {words(getattr(before, name), name)} → {words(getattr(after, name), name)}"


def _of_budgets(budgets: Sequence[Budget], new: Snapshot) -> Iterator[str]:
    now = {budget.name: budget for budget in new.budgets}
    for budget in budgets:
        after = now.get(budget.name)
        if after is None:
            yield f"budget {budget.name} is removed"
            continue
        for name, stricter in _BUDGET.items():
            if not stricter(getattr(budget, name), getattr(after, name)):
                yield f"budget {budget.name}: {_spelt(name)} {words(getattr(budget, name), name)} → {words(getattr(after, name), name)}"


def _of_groups(protected: Protected, gates: Sequence[Gate], budgets: Sequence[Budget], old: Snapshot, new: Snapshot) -> Iterator[str]:
    """Whoever joins a group that decides can let through what it is there to stop."""
    deciding = {protected.approvers, *(gate.reviewers for gate in gates)}
    deciding |= {step.to for gate in gates for step in gate.escalation if step.to}
    deciding |= {budget.breach.reviewers for budget in budgets if budget.breach.reviewers}
    for name in sorted(deciding):
        before, after = old.groups.get(name, Group(name, ())), new.groups.get(name)
        if after is None:
            continue
        for member in after.members:
            if member not in before.members:
                yield f"group {name}: {member} joins those who decide"
        if after.oidc != before.oidc and after.oidc:
            yield f"group {name}: whoever the identity provider has in {after.oidc} joins those who decide"


def _of_prices(old: Snapshot, new: Snapshot) -> Iterator[str]:
    """A cheaper price lets more through under the same limit."""
    for kind, before, after in (
        ("model", old.models, new.models),
        ("pattern", dict(old.patterns), dict(new.patterns)),
    ):
        for name, model in after.items():
            known = before.get(name)
            if known is not None and _cheaper(known, model):
                yield f"{kind} {name}: price {words(known.price)} → {words(model.price)}"


def _cheaper(old: Model, new: Model) -> bool:
    same_thing = (old.provider.name, old.upstream_model) == (new.provider.name, new.upstream_model)
    if not same_thing or old.price is None or new.price is None or (old.price.source.startswith("genai") and old.price == new.price):
        return False
    return any(getattr(new.price, rate) < getattr(old.price, rate) for rate in ("input", "output", "cached_input"))


def _of_keys(gates: Sequence[Gate], budgets: Sequence[Budget], old: Snapshot, new: Snapshot) -> Iterator[str]:
    """What a key says for its callers, and what they may say themselves, where a protected condition reads it."""
    conditions = [one.when for one in gates] + [one.when for one in budgets] + [one.by for one in budgets]
    read = {name for condition in conditions if condition is not None for name in condition.names}
    read |= {budget.scope for budget in budgets if budget.scope is not None}
    for name, key in new.keys.items():
        before = old.keys.get(name)
        if before is None:
            continue
        for claim in _claims_that_differ(before, key):
            if any(_reads(one, claim) for one in read):
                yield f"key {name}: what it says of {claim} changes"
    if old.keys and not new.keys:
        yield "keys: callers need no key any more"


def _claims_that_differ(old: Key, new: Key) -> Iterator[str]:
    for name in old.fixed.__struct_fields__:
        before, after = getattr(old.fixed, name), getattr(new.fixed, name)
        if before != after and not (name == "flags" and set(before) <= set(after)):
            yield name
    gained = None if new.may_set is None else new.may_set - (old.may_set or frozenset())
    if old.may_set is not None:
        yield from sorted(gained if gained is not None else {*_CLAIMS} - old.may_set)
    yield from sorted(set(old.require) - set(new.require))


def _reads(name: str, claim: str) -> bool:
    """Whether a condition that reads `name` reads the claim: `context.tier` is a part of `context`, and the other way round."""
    return name == claim or name.startswith(f"{claim}.") or claim.startswith(f"{name}.")


def _counts_money(budget: Budget) -> bool:
    return budget.limits.nanos is not None or budget.breach.ceiling.nanos is not None


def _same(old: object, new: object) -> bool:
    return words(old) == words(new)


def _not_less(old: int, new: int) -> bool:
    return new >= old


def _kept(old: bool, new: bool) -> bool:
    return new or not old


def _not_gained(old: bool, new: bool) -> bool:
    return old or not new


def _when(old: object, new: object) -> bool:
    """Without a condition everything is caught; any other change of one may let something pass."""
    return new is None or words(old) == words(new)


def _still_told(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    return set(old) <= set(new)


def _known(old: Confidence | None, new: Confidence | None) -> bool:
    if old is None or new is None:
        return old == new
    return (old.source, old.of) == (new.source, new.of) and _not_gained(old.unknown_passes, new.unknown_passes)


def _escalation(old: tuple[Escalation, ...], new: tuple[Escalation, ...]) -> bool:
    """A rejection that comes instead of waiting for good lets nothing through."""
    return old == new or (new[:-1] == old and not new[-1].to)


def _at_most(old: int | None, new: int | None) -> bool:
    return old is None or (new is not None and new <= old)


def _limits(old: Limits, new: Limits) -> bool:
    return all(_at_most(getattr(old, name), getattr(new, name)) for name in old.__struct_fields__)


def _breach(old: Breach, new: Breach) -> bool:
    if old.kind in _HARD:
        if new.kind == "review":
            grants = new.grants if old.kind != "review" else tuple([one for one in new.grants if one not in old.grants])
            return old.kind == "review" and not grants and new.reviewers == old.reviewers
        return new.kind in _HARD
    if old.kind == "downgrade":
        return new.kind in ("reject", "clamp") or (new.kind == old.kind and new.model == old.model and _limits(old.ceiling, new.ceiling))
    return True


def _granted(old: Limits | None, new: Limits | None) -> bool:
    """Without `grant_max` an operator grants up to the limit itself."""
    return old == new or (old is not None and new is not None and _limits(old, new))


def _spelt(field: str) -> str:
    return _WORDS.get(field, field)


_GATE: Final[Mapping[str, Callable[..., bool]]] = MappingProxyType(
    {
        "stage": _same,
        "when": _when,
        "reviewers": _same,
        "require_reason": _kept,
        "escalation": _escalation,
        "hours": _same,
        "confidence": _known,
        "quorum": _not_less,
        "not_requester": _kept,
        "notify": _still_told,
        "sample": _not_less,
        "after_delivery": _not_gained,
        "enforced": _kept,
    }
)
"""By field of a gate: whether the new value is as strict as the old one."""

_BUDGET: Final[Mapping[str, Callable[..., bool]]] = MappingProxyType(
    {
        "scope": _same,
        "by": _same,
        "when": _when,
        "window": _same,
        "rolls_ns": _same,
        "timezone": _same,
        "limits": _limits,
        "depth": _at_most,
        "same_prompt": _at_most,
        "breach": _breach,
        "missing_refused": _kept,
        "idle_ns": _not_less,
        "alert_at": lambda old, new: set(old) <= set(new),
        "notify": _still_told,
        "grant_max": _granted,
    }
)

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "limits": "limit",
        "breach": "on_breach",
        "missing_refused": "missing",
        "rolls_ns": "window",
        "idle_ns": "idle",
        "enforced": "enforce",
        "after_delivery": "mode",
    }
)

_CLAIMS: Final = ("workflow", "agent", "run", "session", "workload", "user", "flags", "context", "min_quality")
