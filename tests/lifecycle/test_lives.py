"""Lives of an invocation as scripts."""

import json

import msgspec
import pytest
from tests.support.budgets import line
from tests.support.playbook import ANSWER, ASK_FIRST, Playbook, Recorded, admitted, received, sent
from tests.support.snapshots import EVERY_TRIGGER, SECOND, invocation, snapshot

from orchvynt.decisions.budgets.needs import Short
from orchvynt.decisions.fallback.moves import Rest
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Failure, Seen
from orchvynt.language.snapshot import Chain, ChainUse
from orchvynt.lifecycle.chains import chain_of
from orchvynt.lifecycle.commands import (
    Admit,
    BreakStream,
    CancelAttempt,
    Close,
    Deliver,
    EndStream,
    Flow,
    LeaveQueue,
    PutToRest,
    Refuse,
    Send,
    WakeAfter,
)
from orchvynt.lifecycle.events import (
    AnswerArrived,
    AttemptFailed,
    BackoffElapsed,
    CallerGone,
    DeadlinePassed,
    HoldsAwaited,
    NotAdmitted,
    ShutDown,
    StreamEnded,
    StreamStarted,
)
from orchvynt.lifecycle.settling import take_back
from orchvynt.lifecycle.table import UnexpectedEventError
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model.facts import AttemptSent, AttemptSettled, HoldPlaced, InvocationFinished, InvocationRefused, Reserved
from orchvynt.model.usage import Usage

LINE = line(tokens=100)
ASK_SECOND = Admit(2, "claude", "att_1.2")


def failed(outcome: str, status: int = 0, may_have_run: bool = False, seen: Seen | None = None) -> AttemptFailed:
    return AttemptFailed(3_000, 30, Failure(outcome, status, "words"), may_have_run, True, 0.5, seen, 7)


def test_an_answer_is_settled_and_delivered_after_its_facts() -> None:
    playbook = (
        sent()
        >> AnswerArrived(3_000, 30, ANSWER)
        << [Recorded("attempt_ended", "attempt_settled", "answer_delivered", "invocation_finished"), Deliver(), Close()]
    )
    receipt = next(fact for fact in playbook.facts if isinstance(fact, AttemptSettled))
    assert receipt.reserved == (Reserved("b", "*", 0, 0, 10, 1),)
    assert receipt.usage == Usage(9, 1)


def test_an_unknown_model_is_refused_before_anything_is_asked() -> None:
    playbook = Playbook(snapshot(), invocation("gpt5"))
    playbook >> received() << [Recorded("invocation_received", "routed", "invocation_refused", "invocation_finished"), Refuse, Close()]
    refused = next(fact for fact in playbook.facts if isinstance(fact, InvocationRefused))
    assert (refused.code, refused.status) == ("model_not_found", 404)
    assert refused.detail == {"nearest": ["gpt"]}


def test_a_rate_limit_rests_the_model_and_asks_the_next_tier_at_once() -> None:
    playbook = (
        sent()
        >> failed("rate_limit", 429)
        << [
            PutToRest("openai", "gpt", Rest(SECOND // 4, False, "rate_limit")),
            Recorded("attempt_ended", "hold_voided", "fallback_activated"),
            ASK_SECOND,
        ]
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
    )
    assert candidate_of(playbook.state).model == "claude"
    assert playbook.state.fallback_trigger == "rate_limit"


def test_a_passing_fault_is_retried_once_on_the_same_model() -> None:
    playbook = (
        sent()
        >> failed("server_error", 500)
        << [Recorded("attempt_ended", "hold_voided", "retry_scheduled"), WakeAfter(SECOND // 8, True)]
        >> BackoffElapsed(4_000, 40)
        << [Admit(1, "gpt", "att_1.2")]
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
        >> failed("server_error", 500)
        << [Recorded("attempt_ended", "hold_voided", "fallback_activated"), Admit(2, "claude", "att_1.3")]
    )
    assert playbook.state.retries == 0


def test_an_attempt_that_may_have_run_is_settled_at_its_hold() -> None:
    playbook = (
        sent() >> failed("connection", may_have_run=True) << [Recorded("attempt_ended", "attempt_settled", "retry_scheduled"), WakeAfter]
    )
    receipt = next(fact for fact in playbook.facts if isinstance(fact, AttemptSettled))
    assert receipt.usage == Usage(10, 20, estimated=True)
    assert receipt.reserved == (Reserved("b", "*", 0, 0, 30, 20),)


def test_when_every_tier_failed_the_caller_is_told_each() -> None:
    playbook = (
        sent()
        >> failed("rate_limit", 429)
        << [PutToRest, Recorded("attempt_ended", "hold_voided", "fallback_activated"), ASK_SECOND]
        >> NotAdmitted(3_000, 30, "resting", rests_ns=60 * SECOND, rest_why="auth", later="after_rest")
        << [Recorded("candidate_skipped"), Recorded("invocation_refused", "fallback_ended", "invocation_finished"), Refuse, Close()]
    )
    verdict = playbook.state.verdict
    assert verdict is not None
    assert verdict.code == "all_providers_failed"
    assert verdict.detail["attempts"][0]["trigger"] == "rate_limit"
    assert verdict.detail["skipped"] == [{"model": "claude", "why": "resting"}]
    assert verdict.retry_after_seconds == 1, "gpt rests for a moment only"


def test_a_provider_that_refuses_the_request_is_final_and_passed_on() -> None:
    playbook = (
        sent()
        >> failed("bad_request", 400)
        << [Recorded("attempt_ended", "hold_voided"), Recorded("invocation_refused", "invocation_finished"), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert (playbook.state.verdict.code, playbook.state.verdict.status) == ("invalid_request", 400)


@pytest.mark.parametrize(("status", "passed_on"), [(404, 404), (422, 422), (408, 400), (425, 400), (451, 400)])
def test_a_status_that_means_something_else_here_is_told_but_not_passed_on(status: int, passed_on: int) -> None:
    verdict = (sent() >> failed("bad_request", status)).state.verdict
    assert verdict is not None
    assert (verdict.status, verdict.detail["upstream_status"]) == (passed_on, status)
    for caller in ("openai_chat", "anthropic_messages", "ollama_chat"):
        body = json.loads(registry.caller(caller).error(verdict, "inv_1"))
        assert (body if caller == "ollama_chat" else body["error"])["upstream_status"] == status


def test_a_budget_without_room_is_402_with_the_numbers() -> None:
    short = Short(LINE, False, "tokens", 100, 90, 0, 30)
    playbook = Playbook(snapshot(tiers=()), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    (
        playbook
        >> NotAdmitted(2_000, 20, "budget", short)
        << [Recorded("candidate_skipped"), Recorded("invocation_refused", "invocation_finished"), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.status == 402
    assert playbook.state.verdict.detail["spent"] == 90


def test_waiting_for_holds_is_on_record_and_ends_when_the_caller_leaves() -> None:
    short = Short(LINE, True, "tokens", 100, 50, 40, 30)
    playbook = Playbook(snapshot(), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    playbook >> HoldsAwaited(2_000, 20, short) << [Recorded("hold_awaited")]
    playbook >> CallerGone(3_000, 30) << [Recorded("caller_left", "invocation_finished"), LeaveQueue(), Close()]


def test_nothing_is_routed_for_a_caller_that_left_before_the_first_step() -> None:
    playbook = Playbook(snapshot(), invocation())
    playbook >> CallerGone(3_000, 30) << [Recorded("invocation_received", "caller_left", "invocation_finished"), Close()]
    playbook >> CallerGone(3_000, 30) << []
    finished = playbook.facts[-1]
    assert isinstance(finished, InvocationFinished)
    assert (finished.outcome, finished.nanos) == ("cancelled", 0)
    assert playbook.state.policy_version == snapshot().version


def test_an_attempt_that_is_taken_back_before_it_is_on_record_never_was() -> None:
    playbook = sent()
    before = playbook.facts
    attempt, left = take_back(playbook.state, before)
    assert (attempt, playbook.state.phase, playbook.state.attempt_count) == ("att_1.1", "admitting", 0)
    assert [fact for fact in before if not isinstance(fact, HoldPlaced | AttemptSent)] == left
    playbook >> CallerGone(3_000, 30) << [Recorded("caller_left", "invocation_finished"), LeaveQueue(), Close()]


def test_a_silent_route_is_asked_last() -> None:
    playbook = Playbook(snapshot(), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    (
        playbook
        >> NotAdmitted(2_000, 20, "resting", rests_ns=9 * SECOND, rest_why="timeout", later="at_once")
        << [Recorded("candidate_skipped"), Admit(2, "claude", "att_1.1")]
    )
    playbook >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    (
        playbook
        >> failed("auth", 401)
        << [PutToRest, Recorded("attempt_ended", "hold_voided", "fallback_activated"), Admit(1, "gpt", "att_1.2", True)]
    )


def test_when_all_rest_the_soonest_is_waited_for() -> None:
    playbook = Playbook(snapshot(tiers=()), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    (
        playbook
        >> NotAdmitted(2_000, 20, "resting", rests_ns=SECOND, rest_why="rate_limit", later="after_rest")
        << [Recorded("candidate_skipped"), Recorded("retry_scheduled"), WakeAfter(SECOND)]
    )
    playbook >> BackoffElapsed(3_000, 30) << [Admit(1, "gpt", "att_1.1")]


def test_a_stream_flows_from_its_first_content_and_ends_with_the_providers_end() -> None:
    seen = Seen("c", "gpt-4o", True, 4, "stop", Usage(9, 2), True)
    playbook = (
        sent(stream=True)
        >> StreamStarted(3_000, 30, "c")
        << [Recorded("answer_delivered"), Flow()]
        >> StreamEnded(4_000, 40, seen, None, b"", 90)
        << [Recorded("attempt_ended", "attempt_settled", "stream_ended", "invocation_finished"), EndStream(), Close()]
    )
    assert playbook.state.phase == "done"


def test_a_stream_that_breaks_after_content_ends_with_an_error_event() -> None:
    seen = Seen("c", "gpt-4o", True, 4)
    playbook = (
        sent(stream=True)
        >> StreamStarted(3_000, 30, "c")
        << [Recorded("answer_delivered"), Flow()]
        >> failed("cut", 200, may_have_run=True, seen=seen)
        << [Recorded("attempt_ended", "attempt_settled", "stream_ended", "invocation_finished"), BreakStream, Close()]
    )
    assert playbook.state.verdict is not None


def test_a_stream_that_fails_before_content_goes_to_the_next_tier() -> None:
    (
        sent(stream=True)
        >> failed("timeout", may_have_run=True)
        << [PutToRest, Recorded("attempt_ended", "attempt_settled", "fallback_activated"), ASK_SECOND]
    )


def test_a_caller_that_leaves_cancels_its_attempt_and_pays_the_bound() -> None:
    playbook = (
        sent()
        >> CallerGone(3_000, 30)
        << [Recorded("caller_left", "attempt_ended", "attempt_settled", "invocation_finished"), CancelAttempt(), Close()]
    )
    finished = playbook.facts[-1]
    assert isinstance(finished, InvocationFinished)
    assert finished.outcome == "cancelled"


def test_the_deadline_ends_an_invocation_that_gave_nothing() -> None:
    playbook = (
        sent()
        >> DeadlinePassed(3_000, 30)
        << [Recorded("invocation_refused", "attempt_ended", "attempt_settled", "invocation_finished"), CancelAttempt(), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.status == 503


def test_a_shutdown_breaks_what_flows_and_holds_nothing() -> None:
    seen = Seen("c", "gpt-4o", True, 4)
    playbook = sent(stream=True) >> StreamStarted(3_000, 30, "c") << [Recorded("answer_delivered"), Flow()]
    (
        playbook
        >> ShutDown(4_000, 40, seen, 12)
        << [Recorded("stream_ended", "attempt_ended", "attempt_settled", "invocation_finished"), CancelAttempt(), BreakStream, Close()]
    )


def test_late_timers_do_nothing_and_impossible_events_are_defects() -> None:
    playbook = (
        sent()
        >> CallerGone(3_000, 30)
        << [Recorded("caller_left", "attempt_ended", "attempt_settled", "invocation_finished"), CancelAttempt(), Close()]
    )
    playbook >> DeadlinePassed(4_000, 40) << []
    with pytest.raises(UnexpectedEventError):
        playbook >> AnswerArrived(5_000, 50, ANSWER)


def test_an_open_breaker_is_never_waited_for() -> None:
    playbook = Playbook(snapshot(tiers=()), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    (
        playbook
        >> NotAdmitted(2_000, 20, "breaker", rests_ns=9 * SECOND, rest_why="model", later="never")
        << [Recorded("candidate_skipped"), Recorded("invocation_refused", "invocation_finished"), Refuse, Close()]
    )
    verdict = playbook.state.verdict
    assert verdict is not None
    assert (verdict.code, verdict.retry_after_seconds) == ("all_providers_failed", 9)


def test_the_first_tier_that_may_be_asked_again_says_when_to_come_back() -> None:
    playbook = sent()
    (
        playbook
        >> AttemptFailed(3_000, 30, Failure("server_error", 500, "words"), False, True, 0.5, barred_ns=15 * SECOND)
        << [Recorded("attempt_ended", "hold_voided", "fallback_activated"), ASK_SECOND]
    )
    (
        playbook
        >> NotAdmitted(4_000, 40, "breaker", rests_ns=4 * SECOND, rest_why="address", later="never")
        << [Recorded("candidate_skipped"), Recorded("invocation_refused", "fallback_ended", "invocation_finished"), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.retry_after_seconds == 4


def test_a_slow_route_is_left_and_asked_last() -> None:
    chain = Chain("default", ("gpt", "claude"), EVERY_TRIGGER | {"latency"}, latency_p99_ns=SECOND)
    playbook = Playbook(msgspec.structs.replace(snapshot(), chains={"default": chain}), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    (
        playbook
        >> NotAdmitted(2_000, 20, "slow", rest_why="latency", later="at_once", figures={"p99_ms": 1_200.0})
        << [Recorded("candidate_skipped", "fallback_activated"), Admit(2, "claude", "att_1.1")]
    )
    assert playbook.state.fallback_trigger == "latency"
    (
        playbook
        >> NotAdmitted(2_000, 20, "slow", rest_why="latency", later="at_once", figures={"p99_ms": 1_500.0})
        << [Recorded("candidate_skipped", "fallback_activated"), Admit(1, "gpt", "att_1.1", at_last=True)]
    )


def test_a_hold_that_does_not_fit_is_a_fallback_where_the_chain_says_so() -> None:
    short = Short(LINE, False, "tokens", 100, 90, 0, 30)
    for triggers, tags in (
        (EVERY_TRIGGER, ("candidate_skipped",)),
        (EVERY_TRIGGER | {"policy"}, ("candidate_skipped", "fallback_activated")),
    ):
        made = msgspec.structs.replace(snapshot(), chains={"default": Chain("default", ("gpt", "claude"), triggers)})
        playbook = Playbook(made, invocation())
        playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
        playbook >> NotAdmitted(2_000, 20, "budget", short) << [Recorded(*tags), Admit(2, "claude", "att_1.1")]


def test_a_routed_model_that_cannot_take_the_request_is_a_fallback_where_the_chain_says_so() -> None:
    small = msgspec.structs.replace(snapshot().models["gpt"], context_window=1)
    for triggers, tags in ((EVERY_TRIGGER, ()), (EVERY_TRIGGER | {"policy"}, ("fallback_activated",))):
        chains = {"default": Chain("default", ("gpt", "claude"), triggers)}
        made = msgspec.structs.replace(snapshot(), models={**snapshot().models, "gpt": small}, chains=chains)
        asked = invocation()
        playbook = Playbook(made, msgspec.structs.replace(asked, ask=msgspec.structs.replace(asked.ask, max_output_tokens=100)))
        playbook >> received() << [Recorded("invocation_received", "routed", *tags), Admit(1, "claude", "att_1.1")]


def test_another_chain_serves_where_its_condition_holds() -> None:
    other = Chain("other", ("claude",), frozenset({"status_503"}))
    made = snapshot(tiers=())
    playbook = Playbook(msgspec.structs.replace(made, chains={"other": other}, chain_uses=(ChainUse(None, "other"),)), invocation())
    (
        playbook
        >> received()
        << [Recorded("invocation_received", "routed"), ASK_FIRST]
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
    )
    assert chain_of(playbook.snapshot, playbook.state) is other
    playbook >> failed("server_error", 503) << [Recorded("attempt_ended", "hold_voided", "retry_scheduled"), WakeAfter]
    playbook >> BackoffElapsed(4_000, 40) << [Admit] >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    (
        playbook
        >> failed("server_error", 503)
        << [Recorded("attempt_ended", "hold_voided", "fallback_activated"), Admit(2, "claude", "att_1.3")]
    )
    assert playbook.state.fallback_trigger == "status_503"
