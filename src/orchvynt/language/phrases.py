"""A snapshot's values as the document would write them, for the change in words. It shows references, never secrets."""

import json
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from orchvynt.language.compiled_budgets import UNLIMITED, RateLimit
from orchvynt.language.document.amounts import share_text
from orchvynt.language.document.hours import DAYS
from orchvynt.language.document.scalars import MILLISECOND, duration_text
from orchvynt.language.holding import stream_words
from orchvynt.language.patterns import base_url, destination_url
from orchvynt.language.snapshot import (
    Alert,
    Breach,
    Budget,
    Capabilities,
    Choose,
    Confidence,
    Destination,
    Escalation,
    Expect,
    Expression,
    Fixed,
    Gate,
    Key,
    Limits,
    Model,
    Provider,
    Rule,
    SecretRef,
    Split,
    WorkingHours,
)
from orchvynt.model.money import Price, usd_text


def words(value: object, field: str = "") -> str:
    """A value in words; `field` is its name in the snapshot."""
    if field in _BY_FIELD:
        return _BY_FIELD[field](value)
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, frozenset):
        return "[" + ", ".join(sorted(value)) + "]"
    if isinstance(value, tuple):
        return "[" + ", ".join(str(item) for item in value) + "]"
    if field.endswith("_ns") and isinstance(value, int):
        return duration_text(value)
    by_kind = _BY_KIND.get(type(value))
    return by_kind(value) if by_kind is not None else str(value)


def summary(value: object) -> str:
    """What was added, in a few words."""
    if isinstance(value, Provider):
        return f"{value.kind} at {base_url(value)}"
    if isinstance(value, Model):
        return f"{value.upstream_model} at {value.provider.name}, {words(value.price) if value.price is not None else 'price unknown'}"
    if isinstance(value, Rule):
        return f"{target(value)}{_under(value.when)}"
    if isinstance(value, Budget):
        rolls = f" {duration_text(value.rolls_ns)}" if value.rolls_ns else ""
        return f"{_budget_limits(value)} per {value.subject_of}, {value.window}{rolls}{_under(value.when)}"
    if isinstance(value, RateLimit):
        return f"{_rate(value)} per {value.subject_of}{_under(value.when)}"
    if isinstance(value, Gate):
        return f"stage {value.stage}, reviewers {value.reviewers}{_under(value.when)}; {stream_words(value)}"
    if isinstance(value, Alert):
        return f"tells {', '.join(value.notify)}, window {duration_text(value.window_ns)}, repeat {duration_text(value.repeat_ns)}"
    if isinstance(value, Destination):
        return f"{value.channel} {destination_url(value)}, secret {words(value.secret)}"
    if isinstance(value, msgspec.Struct):
        defaults = {one.name: one.default for one in msgspec.structs.fields(value)}
        given = [(name, getattr(value, name)) for name in value.__struct_fields__ if name != "name"]
        shown = [(name, words(one, name)) for name, one in given if not isinstance(value, Key) or one != defaults[name]]
        return ", ".join(f"{name} {said}" for name, said in shown if said not in ("none", "nothing"))
    return words(value)


def target(rule: Rule) -> str:
    """Where a rule leads."""
    if rule.choose is not None:
        return f"choose {words(rule.choose)}"
    return f"split {words(rule.split)}" if rule.split is not None else f"use {rule.use}"


def _under(when: Expression | None) -> str:
    return f" when {words(when)}" if when is not None else ""


def _wait(value: object) -> str:
    return duration_text(value) if isinstance(value, int) else "auto"


def _anything(value: object) -> str:
    return words(value) if value is not None else "anything"


def _share(value: object) -> str:
    return share_text(value) if isinstance(value, int) else "none"


def _json(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _price(price: Price) -> str:
    if price.is_free:
        return "free"
    rates = f"input {usd_text(price.input)}, output {usd_text(price.output)}, cached input {usd_text(price.cached_input)}"
    return f"{rates} USD per million tokens ({price.source})"


def _choose(choose: Choose) -> str:
    where = f" where {words(choose.where)}" if choose.where is not None else ""
    return f"[{', '.join(choose.models)}]{where} by {words(choose.prefer)}"


def _split(split: Split) -> str:
    shares = ", ".join(f"{model} {share_text(share)}" for model, share in split.shares)
    return f"{shares}, {f'sticky by {words(split.sticky)}' if split.sticky is not None else 'each by itself'}"


def _expect(expect: Expect) -> str:
    given = [(name.removesuffix("_ms"), getattr(expect, name)) for name in expect.__struct_fields__]
    return ", ".join(f"{name} {duration_text(round(value * MILLISECOND))}" for name, value in given if value is not None) or "nothing"


def _capabilities(known: Capabilities) -> str:
    given = [(name, getattr(known, name)) for name in known.__struct_fields__]
    return ", ".join(f"{name if value else f'no {name}'}" for name, value in given if value is not None) or "unknown"


def _fixed(fixed: Fixed) -> str:
    given = [(name, getattr(fixed, name)) for name in fixed.__struct_fields__]
    return ", ".join(f"{name} {words(value)}" for name, value in given if value not in (None, "", (), {})) or "nothing"


def _limits(limits: Limits) -> str:
    """`2.5 USD and 10,000 tokens`, or `no limit`."""
    given = [f"{usd_text(limits.nanos)} USD"] if limits.nanos is not None else []
    for name in ("tokens", "input_tokens", "output_tokens", "invocations"):
        if (value := getattr(limits, name)) is not None:
            given.append(f"{value:,} {name.replace('_', ' ')}")
    return " and ".join(given) or "no limit"


def _budget_limits(budget: Budget) -> str:
    """With what stops a run."""
    given = [] if budget.limits == UNLIMITED else [_limits(budget.limits)]
    given += [f"depth {budget.depth}"] if budget.depth is not None else []
    given += [f"the same prompt {budget.same_prompt} times"] if budget.same_prompt is not None else []
    return " and ".join(given)


def _rate(limit: RateLimit) -> str:
    """`60 invocations and 10,000 tokens in 1m, 10 at the same time`."""
    given = [f"{value:,} {what}" for what, value in (("invocations", limit.invocations), ("tokens", limit.tokens)) if value is not None]
    said = [f"{' and '.join(given)} in {duration_text(limit.window_ns)}"] if given else []
    said += [f"{limit.concurrent:,} at the same time"] if limit.concurrent is not None else []
    return ", ".join(said)


def _breach(breach: Breach) -> str:
    if breach.kind == "downgrade":
        ceiling = f", at most {_limits(breach.ceiling)}" if breach.ceiling != UNLIMITED else ""
        return f"downgrade to {breach.model}{ceiling}"
    return f"review by {breach.reviewers}" if breach.kind == "review" else breach.kind


def granting(budget: Budget) -> tuple[str, ...]:
    """The amounts that a review of the budget may grant."""
    money = budget.limits.nanos is not None
    return tuple([_limits(Limits(nanos=amount) if money else Limits(tokens=amount)) for amount in budget.breach.grants])


def _escalation(value: object) -> str:
    steps = [step for step in value if isinstance(step, Escalation)] if isinstance(value, tuple) else []
    return ", ".join(f"after {duration_text(step.after_ns)} {'to ' + step.to if step.to else 'reject'}" for step in steps) or "none"


def _durations(value: object) -> str:
    return ", ".join(f"after {duration_text(after)}" for after in value) if isinstance(value, tuple) and value else "none"


def _hours(hours: WorkingHours) -> str:
    days = ", ".join(DAYS[day] for day in hours.days)
    begins, ends = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (hours.begins, hours.ends))
    return f"{days} {begins} to {ends} {hours.timezone}"


def _observed(enforced: object) -> str:
    return "true" if enforced else "observe"


def _confidence(confidence: Confidence) -> str:
    of = f":{confidence.of}" if confidence.of else ""
    return f"from {confidence.source}{of}, unknown {'pass' if confidence.unknown_passes else 'review'}"


_BY_FIELD: Final[Mapping[str, Callable[[object], str]]] = {
    "alert_at": lambda shares: words(tuple(share_text(one) for one in shares)) if isinstance(shares, tuple) else "none",
    "wait_up_to_ns": _wait,
    "sample": _share,
    "least_score": _share,
    "escalation": _escalation,
    "remind_ns": _durations,
    "enforced": _observed,
    "rejects_in_words": lambda words: "message" if words else "error",
    "after_delivery": lambda after: "after_delivery" if after else "before_delivery",
    "refuse_streams": lambda refuses: "refuse" if refuses else "hold",
    "may_set": _anything,
    "allow_models": _anything,
    "error_rate": _share,
    "budget": _share,
}

_BY_KIND: Final[Mapping[type, Callable[..., str]]] = {
    Expression: lambda value: f"`{value.text.strip()}`",
    SecretRef: lambda value: f"${{{value.source}:{value.name}}}",
    Price: _price,
    Limits: _limits,
    Breach: _breach,
    WorkingHours: _hours,
    Choose: _choose,
    Split: _split,
    Expect: _expect,
    Capabilities: _capabilities,
    Fixed: _fixed,
    Confidence: _confidence,
}
