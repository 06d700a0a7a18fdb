"""Makes the snapshot's budgets and rate limits out of checked sections."""

from typing import Final

import msgspec

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.names import Names
from orchvynt.language.compiled_budgets import UNLIMITED, Breach, Budget, Limits, RateLimit, WindowKind
from orchvynt.language.document.amounts import WHOLE_SHARE
from orchvynt.language.document.budgets import BreachEntry, BudgetEntry, CeilingEntry, GrantMaxEntry, LimitEntry
from orchvynt.language.document.scalars import rolling_length
from orchvynt.language.source import Source
from orchvynt.model.money import nanos_from_usd

# Of a rate limit: how fast it fills again, not when it begins anew.
_RATE_NS: Final = {
    "minute": 60_000_000_000,
    "hour": 3_600_000_000_000,
    "day": 86_400_000_000_000,
    "week": 7 * 86_400_000_000_000,
    "month": 30 * 86_400_000_000_000,
}


def build_budgets(source: Source, names: Names, conditions: Conditions, timezone: str) -> tuple[Budget, ...]:
    made = []
    for item in source.budgets:
        entry = item.section
        kind, rolls_ns = _window(entry.window)
        made.append(
            Budget(
                entry.name,
                entry.scope,
                conditions.expression(f"{item.path}.when"),
                kind,
                _limits(entry.limit),
                entry.wait_for_holds,
                entry.min_output_tokens,
                timezone,
                conditions.expression(f"{item.path}.by"),
                rolls_ns,
                entry.limit.depth,
                entry.limit.same_prompt,
                _breach(entry, names),
                entry.missing == "refuse",
                entry.idle,
                entry.was or "",
                _alert_at(entry),
                tuple(entry.notify),
                _limits(entry.grant_max) if entry.grant_max is not None else None,
            )
        )
    return tuple(made)


def build_rate_limits(source: Source, conditions: Conditions) -> tuple[RateLimit, ...]:
    made = []
    for item in source.rate_limits:
        entry = item.section
        kind, rolls_ns = _window(entry.window)
        limit = entry.limit
        made.append(
            RateLimit(
                entry.name,
                entry.scope,
                conditions.expression(f"{item.path}.when"),
                rolls_ns or _RATE_NS[kind],
                limit.invocations,
                limit.tokens,
                limit.concurrent,
                conditions.expression(f"{item.path}.by"),
            )
        )
    return tuple(made)


def _window(window: str | None) -> tuple[WindowKind, int]:
    if window is None:
        return "lifetime", 0
    length = rolling_length(window)
    return ("rolling", length) if length else (msgspec.convert(window, WindowKind), 0)


def _limits(entry: LimitEntry | CeilingEntry | GrantMaxEntry) -> Limits:
    nanos = nanos_from_usd(entry.usd) if entry.usd is not None else None
    if isinstance(entry, (CeilingEntry, GrantMaxEntry)):
        return Limits(nanos, entry.tokens)
    return Limits(nanos, entry.tokens, entry.input_tokens, entry.output_tokens, entry.invocations)


def _alert_at(entry: BudgetEntry) -> tuple[int, ...]:
    """Who names no share, and wants to be told, is told when nothing is left."""
    if entry.alert_at:
        return tuple(sorted(set(entry.alert_at)))
    return (WHOLE_SHARE,) if entry.notify or entry.on_breach == "alert" else ()


def _breach(entry: BudgetEntry, names: Names) -> Breach:
    said = entry.on_breach
    if not isinstance(said, BreachEntry):
        return Breach(said)
    if said.downgrade is not None:
        model = names.model(said.downgrade) or said.downgrade
        return Breach("downgrade", model, _limits(said.ceiling) if said.ceiling is not None else UNLIMITED)
    assert said.review is not None
    amount = nanos_from_usd if entry.limit.usd is not None else int
    return Breach("review", reviewers=said.review.reviewers, grants=tuple(amount(one) for one in said.review.grant))
