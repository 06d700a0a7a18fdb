"""What a change of the policy takes away from what is protected, in words. What cannot be shown to be as strict as before counts as weaker.

Protected are the gates and budgets that `protected` of the policy in force names, what decides whether they take hold (their groups and
whoever is told, the prices they count in, what keys say and routes lead to where their conditions read it), and `protected` itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from orchvynt.language.compiled_budgets import Breach, Budget, Limits
from orchvynt.language.compiled_gates import Confidence, Escalation, Gate, Group
from orchvynt.language.compiled_protected import Protected, covers
from orchvynt.language.detecting import of_presidio
from orchvynt.language.patterns import destination_url
from orchvynt.language.phrases import words
from orchvynt.language.snapshot import Destination, Snapshot
from orchvynt.language.weakened_callers import calls_led_around
from orchvynt.language.weakened_prices import cheaper_prices

_HARD: Final = ("reject", "clamp", "review")


def weakened(old: Snapshot, new: Snapshot) -> tuple[str, ...]:
    """A line for each thing that `new` removes or weakens of what `old` protects; empty where nothing needs an approval."""
    protected = old.protected
    if protected is None:
        return ()
    gates = [gate for gate in old.gates if covers(protected.gates, gate.name)]
    budgets = [budget for budget in old.budgets if covers(protected.budgets, budget.name)]
    deciding = _deciding(protected, gates, budgets)
    lines = [
        *_of_protection(protected, new.protected),
        *_of_gates(gates, new),
        *_of_presidio(gates, old, new),
        *_of_budgets(budgets, new),
        *_of_groups(deciding, old, new),
        *_of_told(gates, budgets, deciding, old, new),
        *(cheaper_prices(old, new) if any(_counts_money(budget) for budget in budgets) else ()),
        *calls_led_around(gates, budgets, old, new),
    ]
    return tuple(dict.fromkeys(lines))


def _of_protection(old: Protected, new: Protected | None) -> Iterator[str]:
    if new is None:
        yield "`protected` is removed"
        return
    for kind in ("gates", "budgets"):
        before, after = getattr(old, kind), getattr(new, kind)
        for pattern in before:
            # A star of the old pattern can stand only where a star of the new one does, so this covers all that it names.
            if not covers(after, pattern):
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
        if budget.grant_max != after.grant_max and not _grants(budget, after):
            yield f"budget {budget.name}: grant_max {words(budget.grant_max)} → {words(after.grant_max)}"


def _of_groups(deciding: Iterable[str], old: Snapshot, new: Snapshot) -> Iterator[str]:
    """Whoever joins a group that decides can let through what it is there to stop."""
    for name in sorted(deciding):
        before, after = old.groups.get(name, Group(name, ())), new.groups.get(name)
        if after is None:
            continue
        for member in after.members:
            if member not in before.members:
                yield f"group {name}: {member} joins those who decide"
        if after.oidc != before.oidc and after.oidc:
            yield f"group {name}: whoever the identity provider has in {after.oidc} joins those who decide"


def _of_told(gates: Sequence[Gate], budgets: Sequence[Budget], deciding: Iterable[str], old: Snapshot, new: Snapshot) -> Iterator[str]:
    """Whoever is told that something waits, or is spent, goes on being told: by the same group, at the same place."""
    told = {name for gate in gates for name in gate.notify} | {name for budget in budgets for name in budget.notify}
    for name in sorted(deciding):
        before, after = old.groups.get(name), new.groups.get(name)
        if before is None or after is None:
            continue
        told |= set(before.notify)
        if not _still_told(before.notify, after.notify):
            yield f"group {name}: notify {words(before.notify)} → {words(after.notify)}"
    for name in sorted(told):
        was, now = old.destinations.get(name), new.destinations.get(name)
        if was is not None and now is not None and _place(was) != _place(now):
            yield f"destination {name}: {_place_words(was)} → {_place_words(now)}"


def _place(one: Destination) -> tuple[object, ...]:
    """Where its messages go. The secret of a webhook only signs; of mail and of apprise it holds the address."""
    return (
        one.channel,
        destination_url(one),
        one.slack.channel if one.slack is not None else "",
        one.mail.to if one.mail is not None else (),
    )


def _place_words(one: Destination) -> str:
    return " ".join([str(part) if isinstance(part, str) else words(part) for part in _place(one) if part])


def _deciding(protected: Protected, gates: Sequence[Gate], budgets: Sequence[Budget]) -> frozenset[str]:
    found = {protected.approvers, *(gate.reviewers for gate in gates)}
    found |= {step.to for gate in gates for step in gate.escalation if step.to}
    return frozenset(found | {budget.breach.reviewers for budget in budgets if budget.breach.reviewers})


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
    """A rejection that comes earlier, or instead of waiting for good, lets nothing through."""
    if old == new or not new or new[-1].to:
        return old == new
    return new[:-1] == old or (old[:-1] == new[:-1] and not old[-1].to and new[-1].after_ns <= old[-1].after_ns)


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


def _grants(old: Budget, new: Budget) -> bool:
    """Without `grant_max` an operator grants up to the limit itself; with one nothing of what it leaves out."""
    bounded = [name for name in ("nanos", "tokens") if getattr(old.limits, name) is not None]
    return all((getattr(new.grant_max or new.limits, name) or 0) <= (getattr(old.grant_max or old.limits, name) or 0) for name in bounded)


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
        "refuse_streams": _kept,
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
        "refuse_streams": "stream",
    }
)
