"""Lines of what operators ask for: how a rate limit stands, a breaker, and what was measured of a model."""

import msgspec

from orchvynt.decisions.fallback.sights import Sight
from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.charging import gauges_of
from orchvynt.decisions.limits.refusals import window_text
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.quality import SCORES_NEEDED, lower_bound
from orchvynt.language.snapshot import Model, RateLimit
from orchvynt.model.money import cost_nanos
from orchvynt.runtime.control import BreakerLine, ProviderLine, RateLimitLine


def rate_limit_line(limit: RateLimit, subject: str, bucket: Bucket) -> RateLimitLine:
    gauges = gauges_of([(limit, bucket)])
    requests, tokens = gauges.requests, gauges.tokens
    return RateLimitLine(
        limit.name,
        limit.subject_of,
        subject,
        window_text(limit),
        limit.invocations,
        requests.remaining if requests is not None else None,
        limit.tokens,
        tokens.remaining if tokens is not None else None,
        limit.concurrent,
        bucket.running,
        bucket.refused,
        max((gauge.full_ns for gauge in (requests, tokens) if gauge is not None), default=0),
    )


def breaker_line(seen: Sight, at: int, now: int) -> BreakerLine:
    return BreakerLine(seen.state, seen.error_rate, at + seen.until - now if seen.until else 0)


def with_figures(line: ProviderLine, model: Model, observed: Observed, now: int) -> ProviderLine:
    measured = observed.statistics.measured(line.provider, line.model, now)
    per_call = None
    if model.price is not None and measured.input_tokens is not None and measured.output_tokens is not None:
        per_call = cost_nanos(model.price, measured.input_tokens, measured.output_tokens, measured.cached_input_tokens or 0)
    count, total = observed.scores.of(model, "")
    return msgspec.structs.replace(
        line,
        measured=measured,
        nanos_per_call=per_call,
        quality=observed.scores.quality(model, ""),
        quality_measured=lower_bound(count, total) if count >= SCORES_NEEDED else None,
        scores=count,
    )
