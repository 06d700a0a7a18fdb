"""The change between two snapshots in words, for the history and for whoever applies it. It shows references, never secrets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from orchvynt.language.document.scalars import duration_text
from orchvynt.language.patterns import base_url
from orchvynt.language.snapshot import Budget, Escalation, Expression, Gate, Model, Provider, SecretRef, Snapshot
from orchvynt.model.money import Price, usd_text


def diff(old: Snapshot, new: Snapshot) -> list[str]:
    """One line for each change, in the order of the document; empty where both mean the same."""
    lines: list[str] = []
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
    lines += _chains(old, new)
    lines += _maps("budget", {budget.name: budget for budget in old.budgets}, {budget.name: budget for budget in new.budgets})
    lines += _order("budgets", [budget.name for budget in old.budgets], [budget.name for budget in new.budgets])
    lines += _maps("gate", {gate.name: gate for gate in old.gates}, {gate.name: gate for gate in new.gates})
    lines += _order("gates", [gate.name for gate in old.gates], [gate.name for gate in new.gates])
    lines += _maps("group", old.groups, new.groups)
    return lines + _change("journal.sync", old.sync, new.sync)


def _maps(kind: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    lines = [f"{kind} {name} removed" for name in old if name not in new]
    for name, value in new.items():
        if name not in old:
            lines.append(f"{kind} {name} added: {_summary(value)}")
        elif isinstance(value, msgspec.Struct):
            lines += _fields(f"{kind} {name}", old[name], value)
        else:
            lines += _change(f"{kind} {name}", old[name], value)
    return lines


def _order(kind: str, old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Order only: what was added or removed has its own line."""
    before = [name for name in old if name in new]
    after = [name for name in new if name in old]
    return [] if before == after else [f"order of {kind}: {', '.join(before)} → {', '.join(after)}"]


def _chains(old: Snapshot, new: Snapshot) -> list[str]:
    if old.chain is None or new.chain is None:
        if old.chain is new.chain:
            return []
        return [f"chain default {'added: ' + _summary(new.chain) if new.chain is not None else 'removed'}"]
    return _fields("chain default", old.chain, new.chain)


def _fields(where: str, old: object, new: object) -> list[str]:
    lines = []
    for name, before, after in _pairs(old, new):
        lines += _change(f"{where}: {_FIELD_WORDS.get(name, name)}", before, after, name)
    return lines


def _pairs(old: object, new: object) -> list[tuple[str, object, object]]:
    """The fields of two values of one kind; a provider's address is one thing, and a model's provider is its name."""
    assert isinstance(old, msgspec.Struct)
    assert isinstance(new, msgspec.Struct)
    if isinstance(old, Provider) and isinstance(new, Provider):
        return [("kind", old.kind, new.kind), ("base_url", base_url(old), base_url(new)), ("api_key", old.api_key, new.api_key)]
    pairs = [(name, getattr(old, name), getattr(new, name)) for name in old.__struct_fields__ if name != "name"]
    return [(name, a.name if isinstance(a, Provider) else a, b.name if isinstance(b, Provider) else b) for name, a, b in pairs]


def _change(where: str, old: object, new: object, field: str = "") -> list[str]:
    before, after = _words(old, field), _words(new, field)
    return [] if before == after else [f"{where} {before} → {after}"]


_FIELD_WORDS: Final[Mapping[str, str]] = {
    "nanos": "limit",
    "tokens": "limit",
    "upstream_model": "model",
    "after_ns": "after",
    "wait_up_to_ns": "wait.up_to",
    "backoff_base_ns": "backoff.base",
    "backoff_max_ns": "backoff.max",
    "respect_retry_after_ns": "respect_retry_after",
    "refuse_streams": "stream",
    **{f"{name}_ns": name for name in ("connect", "first_token", "stall", "answer", "invocation", "wait_for_holds")},
}


def _words(value: object, field: str = "") -> str:
    """A value as the document would write it."""
    if field in _SPECIAL:
        return _SPECIAL[field](value)
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Expression):
        return f"`{value.text.strip()}`"
    if isinstance(value, SecretRef):
        return f"${{{value.source}:{value.name}}}"
    if isinstance(value, Price):
        return _price(value)
    if isinstance(value, Escalation):
        return f"after {duration_text(value.after_ns)} {'to ' + value.to if value.to else 'reject'}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {value[key]:g}" for key in sorted(value)) + "}"
    if isinstance(value, frozenset):
        return "[" + ", ".join(sorted(value)) + "]"
    if isinstance(value, tuple):
        return "[" + ", ".join(value) + "]"
    if field.endswith("_ns") and isinstance(value, int):
        return duration_text(value)
    return str(value)


def _money(value: object) -> str:
    return f"{usd_text(value)} USD" if isinstance(value, int) else "no USD"


def _tokens(value: object) -> str:
    return f"{value} tokens" if value is not None else "no tokens"


def _wait(value: object) -> str:
    return duration_text(value) if isinstance(value, int) else "auto"


_SPECIAL: Final[Mapping[str, Callable[[object], str]]] = {
    "nanos": _money,
    "tokens": _tokens,
    "wait_up_to_ns": _wait,
    "refuse_streams": lambda refuses: "refuse" if refuses else "hold",
}


def _price(price: Price) -> str:
    if price.is_free:
        return "free"
    rates = f"input {usd_text(price.input)}, output {usd_text(price.output)}, cached input {usd_text(price.cached_input)}"
    return f"{rates} USD per million tokens ({price.source})"


def _summary(value: object) -> str:
    """What was added, in a few words."""
    if isinstance(value, Provider):
        return f"{value.kind} at {base_url(value)}"
    if isinstance(value, Model):
        return f"{value.upstream_model} at {value.provider.name}, {_price(value.price) if value.price is not None else 'price unknown'}"
    if isinstance(value, Budget):
        limits = [words for words in (_money(value.nanos), _tokens(value.tokens)) if not words.startswith("no ")]
        return f"{' and '.join(limits)} per {value.scope}, {value.window}{_under(value.when)}"
    if isinstance(value, Gate):
        return f"stage {value.stage}, reviewers {value.reviewers}{_under(value.when)}"
    if isinstance(value, msgspec.Struct):
        shown = [(name, _words(getattr(value, name), name)) for name in value.__struct_fields__ if name != "name"]
        return ", ".join(f"{name} {words}" for name, words in shown if words != "none")
    return _words(value)


def _under(when: Expression | None) -> str:
    return f" when {_words(when)}" if when is not None else ""
