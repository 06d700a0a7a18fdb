"""Who holds an answer asks before it goes out, who only looks at it after: nobody waits for that, and the record has it all the same."""

import msgspec
import pytest
from tests.lifecycle.test_judging import ADMITTED, ASK_JUDGE, JUDGED, gate, says
from tests.support.lives import condition
from tests.support.playbook import ANSWER, ASK_FIRST, Expected, Playbook, Recorded
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.dialects.shapes import Seen
from orchvynt.language.snapshot import Gate
from orchvynt.lifecycle import events
from orchvynt.lifecycle.commands import CancelAttempt, Close, Deliver, EndStream, Flow, ForJudge, LeaveQueue, Park, ReviewLater, Send
from orchvynt.model import facts
from orchvynt.model.chat import Reply
from orchvynt.model.usage import Usage

LATER = msgspec.structs.replace(gate("later"), after_delivery=True)
OBSERVES = msgspec.structs.replace(gate("observes"), enforced=False)
HOLDS = Gate("holds", "output", condition("output.tokens > 0"), "people", False, 5 * SECOND)


def under_way(*gates: Gate, stream: bool = False) -> Playbook:
    play = Playbook(snapshot(gates=gates), invocation(stream=stream))
    play >> events.Received(1, 10) << [Recorded("invocation_received", "routed"), ASK_FIRST]
    return play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), Send]


def given(*gates: Gate) -> Playbook:
    """The caller has its answer, and a judge is to be asked about it."""
    play = under_way(*gates)
    play >> events.AnswerArrived(3, 30, ANSWER) << [Recorded("attempt_ended", "attempt_settled", "answer_delivered"), Deliver(), ASK_JUDGE]
    return play


def judged(play: Playbook) -> facts.GateJudged:
    return next(fact for fact in play.facts if isinstance(fact, facts.GateJudged))


def test_a_judge_is_asked_after_the_delivery_and_the_review_follows() -> None:
    play = given(LATER)
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    play >> says("0.2") << [Recorded(*JUDGED, "review_opened", "invocation_finished"), ReviewLater, Close()]
    assert judged(play).verdict == "matched"
    finished = play.facts[-1]
    assert isinstance(finished, facts.InvocationFinished)
    assert (finished.outcome, finished.duration_ns) == ("answered", 3 - play.state.invocation.at), "the judge's time is not the caller's"


def test_one_that_is_sure_opens_none() -> None:
    play = given(LATER)
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    play >> says("0.9") << [Recorded(*JUDGED, "invocation_finished"), Close()]


def test_a_gate_that_observes_has_its_judge_too() -> None:
    play = given(OBSERVES)
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    play >> says("0.2") << [Recorded(*JUDGED, "invocation_finished"), Close()]
    assert judged(play).would == "would_park"


@pytest.mark.parametrize("kept", [True, False])
def test_a_stream_flows_and_is_judged_when_it_is_out(kept: bool) -> None:
    play = under_way(LATER, stream=True)
    play >> events.StreamStarted(3, 30, "c") << [Recorded("answer_delivered"), Flow()]
    reply = Reply("c", "gpt-4o", 1, "hi", (), "stop", Usage(9, 1)) if kept else None
    ended = events.StreamEnded(4, 40, Seen("c", "gpt-4o", True, 4, "stop", Usage(9, 1), True), reply, b"", 90, "req")
    if not kept:
        # It was too long for anybody to look at: nobody is asked about it.
        whole = Recorded("attempt_ended", "attempt_settled", "stream_ended", *JUDGED[3:], "review_opened", "invocation_finished")
        play >> ended << [whole, EndStream(), ReviewLater, Close()]
        return
    play >> ended << [Recorded("attempt_ended", "attempt_settled", "stream_ended"), EndStream(), ASK_JUDGE]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    play >> says("0.2") << [Recorded(*JUDGED, "review_opened", "invocation_finished"), ReviewLater, Close()]


def test_who_waits_for_people_waits_for_the_judge_too() -> None:
    play = under_way(HOLDS, LATER)
    play >> events.AnswerArrived(3, 30, ANSWER) << [Recorded("attempt_ended", "attempt_settled", "gate_judged"), ASK_JUDGE]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    play >> says("0.2") << [Recorded(*JUDGED, "review_opened"), Park]
    voted = events.Voted(6, 60, "approve", "ana", "")
    decided = Recorded("review_decided", "answer_delivered", "review_opened", "invocation_finished")
    play >> voted << [decided, Deliver(), ReviewLater, Close()]


def test_who_holds_is_asked_first() -> None:
    play = under_way(gate("holds"), msgspec.structs.replace(LATER, when=condition("confidence < 0.95")))
    play >> events.AnswerArrived(3, 30, ANSWER) << [Recorded("attempt_ended", "attempt_settled"), ASK_JUDGE]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    # One question serves both.
    both = Recorded(*JUDGED, "gate_judged", "answer_delivered", "review_opened", "invocation_finished")
    play >> says("0.9") << [both, Deliver(), ReviewLater, Close()]


def test_a_gate_that_is_decided_asks_nobody() -> None:
    play = under_way(msgspec.structs.replace(LATER, when=condition('output.text == "ho" && confidence < 0.75')))
    over = Recorded("attempt_ended", "attempt_settled", "gate_judged", "answer_delivered", "invocation_finished")
    play >> events.AnswerArrived(3, 30, ANSWER) << [over, Deliver(), Close()]


@pytest.mark.parametrize("event", [events.DeadlinePassed(9, 90), events.ShutDown(9, 90)])
def test_when_time_is_up_the_gate_closes_without_it(event: events.AnyEvent) -> None:
    play = given(LATER)
    unknown = Recorded("confidence_taken", "gate_judged", "review_opened", "invocation_finished")
    waits: list[Expected] = [unknown, ForJudge(LeaveQueue()), ReviewLater, Close()]
    play >> event << waits
    sent = given(LATER)
    sent >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), ForJudge]
    over: list[Expected] = [Recorded(*JUDGED, "review_opened", "invocation_finished"), ForJudge(CancelAttempt()), ReviewLater, Close()]
    sent >> event << over


def test_a_judge_without_room_leaves_it_unknown() -> None:
    play = given(LATER)
    full = events.NotAdmitted(4, 40, "breaker", rest_why="model")
    play >> full << [Recorded("confidence_taken", "gate_judged", "review_opened", "invocation_finished"), ReviewLater, Close()]
