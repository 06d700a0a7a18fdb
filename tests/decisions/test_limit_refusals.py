"""The words of a rate limit's refusal, and that its wait is never too short."""

import pytest

from orchvynt.decisions.limits.charging import Over, Unit
from orchvynt.decisions.limits.refusals import rate_limited, window_text
from orchvynt.language.compiled import Expression
from orchvynt.language.snapshot import RateLimit
from orchvynt.model.rates import NO_GAUGES

SECOND = 1_000_000_000
LIMIT = RateLimit("per-agent", "agent", None, 60 * SECOND, 60, 200_000, 10)


def over(unit: Unit = "invocations", most: int = 60, needed: int = 1, wait_ns: int = 1, limit: RateLimit = LIMIT) -> Over:
    return Over(limit, "drafting", unit, most, 0, needed, wait_ns, NO_GAUGES)


def test_it_says_which_limit_and_what_to_do() -> None:
    fault = rate_limited(over())
    assert (fault.code, fault.status, fault.should_retry, fault.retry_after_seconds) == ("rate_limited", 429, True, 1)
    assert fault.message == "Rate limit per-agent (agent drafting) is reached: 60 invocations a minute, 0 remain."
    assert fault.help == "Try again in 1 s. See `orchvynt limits`; `limit` of `per-agent` in the policy says how many may come."
    assert fault.detail == {
        "rate_limit": "per-agent", "subject": "drafting", "unit": "invocations", "limit": 60, "window": "minute", "remaining": 0,
        "needed": 1,
    }  # fmt: skip


def test_tokens_say_what_the_call_needs() -> None:
    said = rate_limited(over("tokens", 200_000, 1_234)).message
    assert said.endswith("200,000 tokens a minute, 0 remain, and this call needs about 1,234.")


def test_what_runs_has_no_window() -> None:
    assert "10 at the same time, 0 remain." in rate_limited(over("concurrent", 10)).message


@pytest.mark.parametrize(("wait_ns", "seconds"), [(0, 1), (1, 1), (SECOND, 1), (SECOND + 1, 2), (90 * SECOND, 90)])
def test_a_wait_is_rounded_up(wait_ns: int, seconds: int) -> None:
    assert rate_limited(over(wait_ns=wait_ns)).retry_after_seconds == seconds


def test_a_window_that_rolls_and_a_subject_of_an_expression() -> None:
    by = Expression(" context.customer ", lambda _: "", frozenset({"context"}))
    limit = RateLimit("r", None, None, 90 * SECOND, 1, by=by)
    assert window_text(limit) == "rolling 90s"
    assert "(context.customer drafting)" in rate_limited(over(limit=limit)).message
