"""Rate limits in the headers of OpenAI's and of Anthropic's API."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.dialects.quotas import reset_ns
from orchvynt.dialects.rate_headers import go_duration, rate_headers
from orchvynt.model.rates import NO_GAUGES, Gauge, Gauges

SECOND = 1_000_000_000
AT = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
BOTH = Gauges(Gauge(60, 59, SECOND), Gauge(200_000, 0, 360 * SECOND))


def test_openais_names() -> None:
    assert dict(rate_headers("openai_chat", BOTH, AT)) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert rate_headers("route", BOTH, AT) == rate_headers("ollama_chat", BOTH, AT) == rate_headers("openai_chat", BOTH, AT)


def test_anthropics_names() -> None:
    assert dict(rate_headers("anthropic_messages", BOTH, AT + 1)) == {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "59",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:02Z",
        "anthropic-ratelimit-tokens-limit": "200000",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:06:01Z",
    }


def test_nothing_where_no_limit_applies() -> None:
    assert rate_headers("openai_chat", NO_GAUGES, AT) == ()
    assert [name for name, _ in rate_headers("openai_chat", Gauges(tokens=Gauge(1, 1, 0)), AT)] == [
        "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0s"), (1, "1ms"), (20_000_000, "20ms"), (999_000_000, "999ms"), (999_000_001, "1s"), (SECOND, "1s"), (59 * SECOND, "59s"),
        (59 * SECOND + 1, "1m0s"), (360 * SECOND, "6m0s"), (3_605 * SECOND, "1h0m5s"), (86_400 * SECOND, "24h0m0s"),
    ],
)  # fmt: skip
def test_a_duration_as_openai_writes_it(nanos: int, text: str) -> None:
    assert go_duration(nanos) == text


@given(st.integers(0, 6 * 86_400 * SECOND))
def test_what_is_written_reads_as_no_less(nanos: int) -> None:
    assert nanos <= reset_ns(go_duration(nanos), AT) <= nanos + SECOND
