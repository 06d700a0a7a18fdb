"""The change between two snapshots in words, for the history and for whoever applies it. It shows references, never secrets."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from orchvynt.language.holding import stream_words
from orchvynt.language.patterns import base_url, destination_url
from orchvynt.language.phrases import granting, summary, target, words
from orchvynt.language.snapshot import (
    Alert,
    Budget,
    ChainUse,
    Constraint,
    Destination,
    Gate,
    PolicyTest,
    Presidio,
    Protected,
    Provider,
    Rule,
    Snapshot,
)
from orchvynt.language.spending import spending_changes


def diff(old: Snapshot, new: Snapshot) -> list[str]:
    """One line for each change, in the order of the document; empty where both mean the same."""
    lines: list[str] = []
    lines += _change("timezone", old.timezone, new.timezone)
    lines += _maps("provider", old.providers, new.providers)
    lines += _maps("model", old.models, new.models)
    lines += _maps("pattern", dict(old.patterns), dict(new.patterns))
    lines += _order("patterns", [name for name, _ in old.patterns], [name for name, _ in new.patterns])
    lines += _maps("alias", old.aliases, new.aliases)
    lines += _maps("rule", {rule.name: rule for rule in old.rules}, {rule.name: rule for rule in new.rules})
    lines += _order("rules", [rule.name for rule in old.rules], [rule.name for rule in new.rules])
    lines += _change("routing.default", old.default, new.default)
    lines += _change("routing.unknown_model", old.unknown_model, new.unknown_model)
    lines += _fields("fallback.retry", old.retry, new.retry)
    lines += _fields("fallback.timeouts", old.timeouts, new.timeouts)
    lines += _fields("fallback.breaker", old.breaking, new.breaking)
    lines += _maps("chain", old.chains, new.chains)
    lines += _uses(old.chain_uses, new.chain_uses)
    lines += _maps("alert", _alerts(old.alerts), _alerts(new.alerts))
    lines += _maps("destination", old.destinations, new.destinations)
    lines += _maps("budget", {budget.name: budget for budget in old.budgets}, {budget.name: budget for budget in new.budgets})
    lines += spending_changes(old.budgets, new.budgets)
    lines += _order("budgets", [budget.name for budget in old.budgets], [budget.name for budget in new.budgets])
    lines += _maps("rate limit", {limit.name: limit for limit in old.rate_limits}, {limit.name: limit for limit in new.rate_limits})
    lines += _order("rate limits", [limit.name for limit in old.rate_limits], [limit.name for limit in new.rate_limits])
    lines += _maps("gate", {gate.name: gate for gate in old.gates}, {gate.name: gate for gate in new.gates})
    lines += _order("gates", [gate.name for gate in old.gates], [gate.name for gate in new.gates])
    lines += _maps("group", old.groups, new.groups)
    lines += _protected(old.protected, new.protected)
    lines += _presidio(old.presidio, new.presidio)
    lines += _keys(old, new)
    lines += _maps("constraint", _constraints(old.constraints), _constraints(new.constraints))
    lines += _change("journal.sync", old.sync, new.sync)
    lines += _change("journal.keep_evidence", old.evidence, new.evidence)
    lines += _fields("outage", old.outage, new.outage)
    lines += _change("telemetry.metrics", old.metrics, new.metrics)
    return lines + _tests(old.tests, new.tests)


def _maps(kind: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """What was removed, added, and changed, by name."""
    lines = [f"{kind} {name} removed" for name in old if name not in new]
    for name, value in new.items():
        if name not in old:
            told = summary(value)
            lines.append(f"{kind} {name} added{f': {told}' if told else ''}")
        elif isinstance(value, msgspec.Struct):
            lines += _fields(f"{kind} {name}", old[name], value)
        else:
            lines += _change(f"{kind} {name}", old[name], value)
    return lines


def _order(kind: str, old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Order only: what was added or removed has its own line."""
    in_old, in_new = frozenset(old), frozenset(new)
    before = [name for name in old if name in in_new]
    after = [name for name in new if name in in_old]
    if before == after:
        return []
    return [f"order of {kind}: {_abridged(before)} → {_abridged(after)}"]


def _abridged(names: list[str]) -> str:
    rest = len(names) - _ORDER_NAMES_MAX
    return ", ".join(names[:_ORDER_NAMES_MAX]) + (f" and {rest} more" if rest > 0 else "")


def _uses(old: Sequence[ChainUse], new: Sequence[ChainUse]) -> list[str]:
    """They have no names, and their order is their meaning: all of them are told where anything changed."""
    before, after = ([f"{one.chain} when {words(one.when)}" if one.when is not None else one.chain for one in uses] for uses in (old, new))
    return [] if before == after else [f"fallback.use: {_abridged(before) or 'none'} → {_abridged(after) or 'none'}"]


def _constraints(constraints: Sequence[Constraint]) -> dict[str, object]:
    """They have no names: what holds together is told by the condition."""
    found: dict[str, object] = {}
    for one in constraints:
        name = f"when {words(one.when)}" if one.when is not None else "always"
        while name in found:
            name += " (again)"
        found[name] = one.regions
    return found


def _alerts(alerts: Sequence[Alert]) -> dict[str, Alert]:
    """They have no names either."""
    found: dict[str, Alert] = {}
    for one in alerts:
        name = f"when {words(one.when)}"
        while name in found:
            name += " (again)"
        found[name] = one
    return found


def _protected(old: Protected | None, new: Protected | None) -> list[str]:
    if old is not None and new is not None:
        return _fields("protected", old, new)
    return [] if old is new else [f"protected {'removed' if new is None else f'added: {summary(new)}'}"]


def _presidio(old: Presidio | None, new: Presidio | None) -> list[str]:
    if old is not None and new is not None:
        return _fields("presidio", old, new)
    return [] if old is new else [f"presidio: {'no gate asks it any more' if new is None else 'gates ask it from now on'}"]


def _keys(old: Snapshot, new: Snapshot) -> list[str]:
    if not old.keys and new.keys:
        return ["keys: from now on a key is needed", *_maps("key", old.keys, new.keys)]
    if old.keys and not new.keys:
        return ["keys: from now on anybody may call, on this machine only", *_maps("key", old.keys, new.keys)]
    return _maps("key", old.keys, new.keys)


def _tests(old: Sequence[PolicyTest], new: Sequence[PolicyTest]) -> list[str]:
    before = {test.name: msgspec.structs.replace(test, line=0) for test in old}
    after = {test.name: msgspec.structs.replace(test, line=0) for test in new}
    lines = [f"test {name} removed" for name in before if name not in after]
    for name, test in after.items():
        if name not in before:
            lines.append(f"test {name} added")
        elif test != before[name]:
            lines.append(f"test {name} changed")
    return lines


def _fields(where: str, old: object, new: object) -> list[str]:
    lines = []
    for name, before, after in _pairs(old, new):
        lines += _change(f"{where}: {_FIELD_WORDS.get(name, name)}", before, after, name)
    return lines


def _pairs(old: object, new: object) -> list[tuple[str, object, object]]:
    """The fields of two values of one kind. An address is one thing, and so is where a rule leads; a model's provider is its name."""
    assert isinstance(old, msgspec.Struct)
    assert isinstance(new, msgspec.Struct)
    if isinstance(old, Provider) and isinstance(new, Provider):
        return [("kind", old.kind, new.kind), ("base_url", base_url(old), base_url(new)), ("api_key", old.api_key, new.api_key)]
    if isinstance(old, Destination) and isinstance(new, Destination):
        own = [(name, getattr(old, name), getattr(new, name)) for name in ("slack", "mail", "digest_ns", "excerpt")]
        return [(new.channel, destination_url(old), destination_url(new)), ("secret", old.secret, new.secret), *own]
    if isinstance(old, Rule) and isinstance(new, Rule):
        return [("when", old.when, new.when), *_targets(old, new)]
    pairs: list[tuple[str, object, object]] = [
        (name, getattr(old, name), getattr(new, name)) for name in old.__struct_fields__ if name not in _NOT_ITS_OWN
    ]
    if isinstance(old, Budget) and isinstance(new, Budget):
        pairs.append(("on_breach.review.grant", granting(old), granting(new)))
    if isinstance(old, Gate) and isinstance(new, Gate):
        pairs.append(("streams", stream_words(old), stream_words(new)))
    return [(name, a.name if isinstance(a, Provider) else a, b.name if isinstance(b, Provider) else b) for name, a, b in pairs]


def _targets(old: Rule, new: Rule) -> list[tuple[str, object, object]]:
    if old.use and new.use:
        return [("use", old.use, new.use)]
    for field in ("choose", "split"):
        before, after = getattr(old, field), getattr(new, field)
        if before is not None and after is not None:
            return [(field, before, after)]
    return [("leads to", target(old), target(new))]


def _change(where: str, old: object, new: object, field: str = "") -> list[str]:
    before, after = words(old, field), words(new, field)
    return [] if before == after else [f"{where} {before} → {after}"]


_ORDER_NAMES_MAX: Final = 50
_NOT_ITS_OWN: Final = ("name", "timezone")
"""The name is where a value is found, and a budget's timezone is the policy's."""

_FIELD_WORDS: Final[Mapping[str, str]] = {
    "limits": "limit",
    "rolls_ns": "window",
    "breach": "on_breach",
    "missing_refused": "missing",
    "upstream_model": "model",
    "after_ns": "after",
    "wait_up_to_ns": "wait.up_to",
    "backoff_base_ns": "backoff.base",
    "backoff_max_ns": "backoff.max",
    "respect_retry_after_ns": "respect_retry_after",
    "window_ns": "window",
    "repeat_ns": "repeat",
    "refuse_streams": "stream",
    "enforced": "enforce",
    "rejects_in_words": "on_reject",
    "after_delivery": "mode",
    "open_for_ns": "open_for",
    "within_ns": "within",
    "latency_p99_ns": "latency_p99",
    "closed_after_ns": "budgets.closed_after",
    "buffer": "journal.buffer",
    **{f"{name}_ns": name for name in ("connect", "first_token", "stall", "answer", "invocation", "wait_for_holds", "idle", "remind")},
}
