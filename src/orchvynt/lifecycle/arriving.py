"""Before anything else is decided: which rate limits of the policy an invocation comes under, and what it is estimated to use."""

from collections.abc import Mapping
from typing import Final

from orchvynt.catalog.bounds import input_tokens_estimate
from orchvynt.decisions.limits.application import applicable
from orchvynt.decisions.limits.charging import Need
from orchvynt.decisions.limits.turns import Entering
from orchvynt.decisions.routing.names import resolve
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation

OUTPUT_TOKENS_USUAL: Final = 256
"""Of an answer without a limit, while its model is unmeasured: only an estimate, corrected once the answer is there."""


def entering(
    snapshot: Snapshot, invocation: Invocation, values: Mapping[str, object], statistics: Statistics, mono: int
) -> Entering | Fault | None:
    """What an invocation asks of the limits that apply to it; the fault if a limit cannot be evaluated; None if no limit applies."""
    applied = applicable(snapshot.rate_limits, invocation, values)
    if isinstance(applied, Fault):
        return applied
    if not applied:
        return None
    counts_tokens = any(one.limit.tokens for one in applied)
    return Entering(tuple(applied), need_of(snapshot, invocation, statistics, mono) if counts_tokens else Need(0))


def need_of(snapshot: Snapshot, invocation: Invocation, statistics: Statistics, mono: int) -> Need:
    """Which model will answer is not known yet: the output that is usual is the mean of the one that was asked for."""
    ask = invocation.ask
    tokens = input_tokens_estimate(ask)
    if ask.max_output_tokens is not None:
        return Need(tokens + ask.max_output_tokens * ask.choices)
    model = resolve(snapshot, ask.requested_model) or resolve(snapshot, snapshot.default)
    mean = statistics.measured(model.provider.name, model.name, mono).output_tokens if model is not None else None
    return Need(tokens, max(1, OUTPUT_TOKENS_USUAL if mean is None else mean) * ask.choices)
