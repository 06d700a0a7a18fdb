"""A judge is asked how sure an answer is: held, sent, settled; and whatever comes of it, the answer is judged."""

import msgspec
import pytest
from tests.support.lives import condition
from tests.support.playbook import ANSWER, ASK_FIRST, HELD, Expected, Playbook, Recorded
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.budgets.needs import Fits
from orchvynt.dialects.shapes import Answer, Failure
from orchvynt.language.compiled_gates import Confidence
from orchvynt.language.snapshot import Constraint, Gate
from orchvynt.lifecycle import events
from orchvynt.lifecycle.commands import Admit, CancelAttempt, Close, Deliver, ForJudge, LeaveQueue, Park, PutToRest, Send, WakeAfter
from orchvynt.model import facts
from orchvynt.model.money import Price
from orchvynt.model.usage import Usage

ADMITTED = events.Admitted(2, 20, Fits(20, 0, 30), HELD, 30)
ASK_JUDGE = ForJudge(Admit(1, "claude", "att_1.2", at_last=True))
GONE = events.CallerGone(9, 90)


def gate(name: str = "unsure", passes: bool = False, when: str = "confidence < 0.75", judge: str = "claude") -> Gate:
    return Gate(name, "output", condition(when), "people", False, 5 * SECOND, confidence=Confidence("judge", judge, passes))


def asked(*gates: Gate) -> Playbook:
    """The answer of `gpt` is there, and its judge is to be asked."""
    play = Playbook(snapshot(gates=gates or (gate(),)), invocation())
    play >> events.Received(1, 10) << [Recorded("invocation_received", "routed"), ASK_FIRST]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), Send]
    play >> events.AnswerArrived(3, 30, ANSWER) << [Recorded("attempt_ended", "attempt_settled"), ASK_JUDGE]
    return play


def sent(*gates: Gate) -> Playbook:
    play = asked(*gates)
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    assert play.facts[-1].purpose == "judge"  # type: ignore[union-attr]
    return play


def says(text: str) -> events.AnswerArrived:
    body = msgspec.json.encode(
        {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
         "usage": {"input_tokens": 9, "output_tokens": 1}}
    )  # fmt: skip
    return events.AnswerArrived(5, 50, Answer(body, "msg_1", "claude", "stop", Usage(9, 1), 3))


JUDGED = ("attempt_ended", "attempt_settled", "confidence_taken", "gate_judged")
DELIVERED: list[Expected] = [Deliver(), Close()]


def taken(play: Playbook) -> facts.ConfidenceTaken:
    return next(fact for fact in play.facts if isinstance(fact, facts.ConfidenceTaken))


def test_an_answer_that_its_judge_is_sure_of_goes_out() -> None:
    play = sent()
    play >> says("0.9") << [Recorded(*JUDGED, "answer_delivered", "invocation_finished"), *DELIVERED]
    found = taken(play)
    assert (found.source, found.value, found.gates, found.model, found.attempt) == ("judge:claude", 0.9, ("unsure",), "gpt", "att_1.2")


def test_one_that_it_is_not_sure_of_is_parked() -> None:
    play = sent()
    play >> says('{"confidence": 0.2}') << [Recorded(*JUDGED, "review_opened"), Park]
    assert play.state.judging is None


@pytest.mark.parametrize("passes", [False, True])
def test_words_leave_it_unknown(passes: bool) -> None:
    play = sent(gate(passes=passes))
    if passes:
        play >> says("sure") << [Recorded(*JUDGED, "answer_delivered", "invocation_finished"), *DELIVERED]
    else:
        play >> says("sure") << [Recorded(*JUDGED, "review_opened"), Park]
    judged = next(fact for fact in play.facts if isinstance(fact, facts.GateJudged))
    assert judged.problem.startswith("the confidence is unknown")
    assert judged.reads["unknown"] == ["confidence"]


def test_several_gates_ask_one_judge_once() -> None:
    play = sent(gate("a"), gate("b", when="confidence < 0.95"))
    play >> says("0.9") << [Recorded(*JUDGED, "gate_judged", "review_opened"), Park]
    assert taken(play).gates == ("a", "b")


def test_a_gate_that_is_decided_without_it_asks_nobody() -> None:
    play = Playbook(snapshot(gates=(gate(when='output.text == "hi" || confidence < 0.75'),)), invocation())
    play >> events.Received(1, 10) << [Recorded("invocation_received", "routed"), ASK_FIRST]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), Send]
    play >> events.AnswerArrived(3, 30, ANSWER) << [Recorded("attempt_ended", "attempt_settled", "gate_judged", "review_opened"), Park]


def test_a_judge_that_a_constraint_bars_is_not_asked() -> None:
    policy = snapshot(gates=(gate(passes=True),))
    models = {**policy.models, "gpt": msgspec.structs.replace(policy.models["gpt"], region="eu")}
    policy = msgspec.structs.replace(policy, models=models, constraints=(Constraint(None, frozenset(["eu"])),))
    play = Playbook(policy, invocation())
    play >> events.Received(1, 10) << [Recorded("invocation_received", "routed"), ASK_FIRST]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), Send]
    (play >> events.AnswerArrived(3, 30, ANSWER)) << [
        Recorded("attempt_ended", "attempt_settled", "confidence_taken", "gate_judged", "answer_delivered", "invocation_finished"),
        *DELIVERED,
    ]
    assert "region" in taken(play).why


def test_no_room_for_it_leaves_it_unknown() -> None:
    play = asked()
    play >> events.NotAdmitted(4, 40, "breaker", rest_why="model") << [Recorded("confidence_taken", "gate_judged", "review_opened"), Park]
    assert "breaker" in taken(play).why


def test_one_that_fails_is_settled_and_rests() -> None:
    play = sent()
    failed = events.AttemptFailed(5, 50, Failure("rate_limit", 429, "slow down"), False, True, 0.5)
    play >> failed << [PutToRest, Recorded("attempt_ended", "hold_voided", "confidence_taken", "gate_judged", "review_opened"), Park]


def test_a_closed_connection_is_used_once_more() -> None:
    play = sent()
    failed = events.AttemptFailed(5, 50, Failure("connection", 0, "closed"), False, True, 0.5, stale=True)
    again = ForJudge(Admit(1, "claude", "att_1.3", at_last=True))
    play >> failed << [Recorded("attempt_ended", "hold_voided", "retry_scheduled"), again]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    play >> says("0.9") << [Recorded(*JUDGED, "answer_delivered", "invocation_finished"), *DELIVERED]
    assert taken(play).attempt == "att_1.3"


def test_a_caller_that_leaves_ends_it() -> None:
    play = sent()
    play >> GONE << [Recorded("caller_left", "attempt_ended", "attempt_settled", "invocation_finished"), ForJudge(CancelAttempt()), Close()]
    waits = asked()
    waits >> GONE << [Recorded("caller_left", "invocation_finished"), ForJudge(LeaveQueue()), Close()]


@pytest.mark.parametrize("event", [events.DeadlinePassed(9, 90), events.ShutDown(9, 90)])
def test_when_time_is_up_the_answer_is_not_lost(event: events.AnyEvent) -> None:
    play = sent(gate(passes=True))
    (play >> event) << [Recorded(*JUDGED, "answer_delivered", "invocation_finished"), ForJudge(CancelAttempt()), *DELIVERED]


def test_what_the_judge_cost_is_a_part_of_the_invocation() -> None:
    policy = snapshot(gates=(gate(),))
    price = Price(input=1_000_000_000, output=2_000_000_000, cached_input=1_000_000_000, source="policy")
    models = {**policy.models, "claude": msgspec.structs.replace(policy.models["claude"], price=price)}
    play = Playbook(msgspec.structs.replace(policy, models=models), invocation())
    play >> events.Received(1, 10) << [Recorded("invocation_received", "routed"), ASK_FIRST]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), Send]
    play >> events.AnswerArrived(3, 30, ANSWER) << [Recorded("attempt_ended", "attempt_settled"), ASK_JUDGE]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    play >> says("0.9") << [Recorded(*JUDGED, "answer_delivered", "invocation_finished"), *DELIVERED]
    finished = play.facts[-1]
    assert isinstance(finished, facts.InvocationFinished)
    assert finished.nanos == 11_000 == play.state.nanos
    assert (finished.model, finished.tier) == ("gpt", 1)


def test_a_provider_that_refuses_to_be_asked_for_log_probabilities_is_asked_without() -> None:
    unsure = Gate("g", "output", condition("confidence < 0.75"), "people", False, None, confidence=Confidence("logprobs", "", True))
    play = Playbook(snapshot(gates=(unsure,)), invocation())
    play >> events.Received(1, 10) << [Recorded("invocation_received", "routed"), ASK_FIRST]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), Send]
    refused = events.AttemptFailed(3, 30, Failure("bad_request", 400, "`logprobs` is not supported"), False, True, 0.5)
    play >> refused << [Recorded("attempt_ended", "hold_voided", "retry_scheduled"), WakeAfter(0)]
    play >> events.BackoffElapsed(4, 40) << [Admit(1, "gpt", "att_1.2")]
    (play >> ADMITTED) << [Recorded("hold_placed", "attempt_sent"), Send]
    assert play.state.weighless == ("gpt",)
    again = events.AttemptFailed(5, 50, Failure("bad_request", 400, "`logprobs` is not supported"), False, True, 0.5)
    play >> again
    assert play.state.phase == "done"
