"""What follows a failed attempt, by the outcome's word."""

import msgspec
import pytest

from orchvynt.decisions.fallback.moves import Failed, GiveUp, NextTier, Rest, Retrying, move, rest
from orchvynt.language.snapshot import Chain, Retry

SECOND = 1_000_000_000
RETRY = Retry(max_retries=1, backoff_base_ns=SECOND // 4, backoff_max_ns=8 * SECOND, respect_retry_after_ns=20 * SECOND)
EVERYTHING = frozenset(
    {"rate_limit", "quota", "overloaded", "server_error", "auth", "timeout", "connection", "malformed", "stall", "cut", "context_length"}
)
CHAIN = Chain("default", ("b",), EVERYTHING)


def failed(outcome: str, status: int = 0, retry_after: int = 0, retries: int = 0, has_next: bool = True, connected: bool = True) -> Failed:
    return Failed(outcome, status, retry_after, retries, has_next, connected)


@pytest.mark.parametrize("outcome", ["rate_limit", "overloaded", "quota", "auth", "timeout", "stall", "context_length"])
def test_another_tier_is_asked_at_once(outcome: str) -> None:
    assert move(failed(outcome), RETRY, CHAIN, 0.5) == NextTier(outcome)


def test_a_passing_fault_is_retried_with_full_jitter_and_then_left() -> None:
    assert move(failed("server_error", 500), RETRY, CHAIN, 0.5) == Retrying(SECOND // 8, "server_error")
    assert move(failed("server_error", 500, retries=1), RETRY, CHAIN, 0.5) == NextTier("server_error")


def test_a_refused_connection_is_not_retried() -> None:
    assert move(failed("connection", connected=False), RETRY, CHAIN, 0.5) == NextTier("connection")


def test_without_another_tier_a_busy_model_is_waited_for_as_long_as_the_policy_bears() -> None:
    assert move(failed("rate_limit", 429, 2 * SECOND, has_next=False), RETRY, CHAIN, 0.5) == Retrying(2 * SECOND, "rate_limit")
    assert move(failed("rate_limit", 429, 60 * SECOND, has_next=False), RETRY, CHAIN, 0.5) == GiveUp("rate_limit")


@pytest.mark.parametrize("outcome", ["bad_request", "content_filter"])
def test_what_the_request_itself_caused_is_final(outcome: str) -> None:
    assert move(failed(outcome, 400), RETRY, CHAIN, 0.5) == GiveUp(outcome)


def test_what_is_no_trigger_moves_nowhere() -> None:
    chain = Chain("cheap", ("b",), frozenset({"rate_limit", "status_503"}))
    assert move(failed("server_error", 500, retries=1), RETRY, chain, 0.5) == GiveUp("server_error")
    assert move(failed("server_error", 503, retries=1), RETRY, chain, 0.5) == NextTier("status_503")
    assert move(failed("auth"), RETRY, None, 0.5) == GiveUp("auth")


def test_a_model_that_cannot_take_the_request_is_passed_over_whatever_the_triggers() -> None:
    assert move(failed("policy"), RETRY, Chain("c", ("b",), frozenset()), 0.5) == NextTier("policy")


def test_what_rests() -> None:
    assert rest(failed("rate_limit", 429, 7 * SECOND), RETRY) == Rest(7 * SECOND, False, "rate_limit")
    assert rest(failed("overloaded", 529), RETRY) == Rest(SECOND // 4, False, "overloaded")
    credential = rest(failed("auth", 401), RETRY)
    assert credential is not None
    assert credential.credential
    assert rest(failed("bad_request", 400), RETRY) is None


def test_a_model_whose_breaker_is_open_is_not_retried() -> None:
    barred = msgspec.structs.replace(failed("server_error", 500), barred=True)
    assert move(barred, RETRY, CHAIN, 0.5) == NextTier("server_error")
    assert move(msgspec.structs.replace(barred, has_next=False), RETRY, CHAIN, 0.5) == GiveUp("server_error")


def test_a_spent_retry_budget_moves_on_but_a_stale_connection_is_repeated_all_the_same() -> None:
    spent = msgspec.structs.replace(failed("server_error", 500), may_retry=False)
    assert move(spent, RETRY, CHAIN, 0.5) == NextTier("server_error")
    stale = msgspec.structs.replace(spent, stale=True, barred=True)
    assert move(stale, RETRY, CHAIN, 0.5) == Retrying(0, "the kept-alive connection was closed", free=True)


def test_the_wait_that_a_failing_model_asks_for_is_kept_by_all() -> None:
    assert rest(failed("server_error", 503, 7 * SECOND), RETRY) == Rest(7 * SECOND, False, "server_error")
    assert rest(failed("server_error", 503), RETRY) is None


def test_a_busy_model_that_says_nothing_rests_longer_each_time_up_to_the_longest_backoff() -> None:
    rests = [rest(failed("rate_limit", 429, retries=retries), RETRY) for retries in (0, 1, 30)]
    assert [one.for_ns for one in rests if one is not None] == [SECOND // 4, SECOND // 2, 8 * SECOND]
