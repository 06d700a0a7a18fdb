"""What is known of one candidate for one invocation: measured where enough was measured, else what the policy declares, else nothing."""

from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.catalog.bounds import input_tokens_bound
from orchvynt.decisions.routing.measured import Measured
from orchvynt.decisions.routing.plans import Plans
from orchvynt.decisions.routing.quality import Scores
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.language.candidate_figures import CandidateFigures
from orchvynt.language.snapshot import Model
from orchvynt.model.invocation import Ask, Invocation
from orchvynt.model.money import NANOS_PER_USD, cost_nanos

OUTPUT_TOKENS_EXPECTED: Final = 500
"""Of a model whose answers were not measured yet; where every candidate is unmeasured, only the prices decide."""


class Observed(msgspec.Struct, frozen=True):
    """What this process has seen of models. `healthy(model, mono)` says whether a model may be asked in its place. `plans` are those
    that it need not make again."""

    statistics: Statistics
    scores: Scores
    healthy: Callable[[Model, int], bool]
    plans: Plans = msgspec.field(default_factory=Plans)


def figures(model: Model, invocation: Invocation, observed: Observed, mono: int) -> CandidateFigures:
    provider, expect = model.provider.name, model.expect
    measured = observed.statistics.measured(provider, model.name, mono)
    nanos = expected_nanos(model, invocation.ask, measured)
    return CandidateFigures(
        model.name,
        provider,
        model.region,
        observed.scores.quality(model, invocation.claims.workload),
        nanos / NANOS_PER_USD if nanos is not None else None,
        measured.p50_ms if measured.p50_ms is not None else expect.p50_ms,
        measured.p95_ms if measured.p95_ms is not None else expect.p95_ms,
        measured.p99_ms if measured.p99_ms is not None else expect.p99_ms,
        measured.error_rate,
        float(model.context_window) if model.context_window else None,
        observed.healthy(model, mono),
        float(measured.samples),
    )


def expected_nanos(model: Model, ask: Ask, measured: Measured) -> int | None:
    """The price of the input's bound and of an answer as long as this model's usually are, within the caller's limit."""
    if model.price is None:
        return None
    output = measured.output_tokens if measured.output_tokens is not None else OUTPUT_TOKENS_EXPECTED
    if ask.max_output_tokens is not None:
        output = min(output, ask.max_output_tokens)
    return cost_nanos(model.price, input_tokens_bound(ask, model.provider.kind, model.context_window), output * ask.choices)


def nothing_observed() -> Observed:
    """Where nothing was measured yet and nothing rests."""
    return Observed(Statistics(), Scores(), lambda _model, _mono: True)
