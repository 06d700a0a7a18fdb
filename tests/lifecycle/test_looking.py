"""Presidio is asked what is in an answer: counted, or not heard, and then the gates that hang on it close."""

import msgspec
import pytest
from tests.lifecycle.test_finding_out import judged
from tests.lifecycle.test_judging import ADMITTED, ASK_JUDGE, gate
from tests.support.lives import condition
from tests.support.playbook import ANSWER, ASK_FIRST, Playbook, Recorded
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.compiled_gates import Presidio
from orchvynt.language.snapshot import Gate
from orchvynt.lifecycle import events
from orchvynt.lifecycle.commands import Close, Deliver, LookInto, Park, ReviewLater, Send

NAMES = Gate("names", "output", condition('detects("presidio:PERSON", "presidio:URL")'), "people", False, 5 * SECOND)
LATER = msgspec.structs.replace(NAMES, name="later", after_delivery=True)
LOOK = LookInto(("PERSON", "URL"), "hi")
FOUND = {"PERSON": 0, "URL": 2}
OVER = ("gate_judged", "answer_delivered", "invocation_finished")


def arrived(*gates: Gate) -> Playbook:
    play = Playbook(msgspec.structs.replace(snapshot(gates=gates), presidio=Presidio()), invocation())
    play >> events.Received(1, 10) << [Recorded("invocation_received", "routed"), ASK_FIRST]
    play >> ADMITTED << [Recorded("hold_placed", "attempt_sent"), Send]
    return play >> events.AnswerArrived(3, 30, ANSWER)


def looking(*gates: Gate) -> Playbook:
    return arrived(*gates or (NAMES,)) << [Recorded("attempt_ended", "attempt_settled"), LOOK]


def test_what_it_finds_parks_the_answer_and_stands_on_record_as_counts() -> None:
    play = looking()
    play >> events.LookedInto(4, 40, FOUND) << [Recorded("gate_judged", "review_opened"), Park]
    assert judged(play).reads == {"output.detected.presidio:PERSON": 0, "output.detected.presidio:URL": 2}


def test_what_it_does_not_find_lets_it_out() -> None:
    play = looking()
    play >> events.LookedInto(4, 40, {"PERSON": 0, "URL": 0}) << [Recorded(*OVER), Deliver(), Close()]


def test_not_heard_closes() -> None:
    play = looking()
    play >> events.LookedInto(4, 40, {}, "Presidio was not done within 2,000 ms") << [Recorded("gate_judged", "review_opened"), Park]
    assert (judged(play).verdict, "not done within 2,000 ms" in judged(play).problem) == ("failed", True)


def test_a_gate_that_is_decided_without_it_does_not_ask() -> None:
    decided = msgspec.structs.replace(NAMES, when=condition('output.text == "ho" && detects("presidio:PERSON")'))
    arrived(decided) << [Recorded("attempt_ended", "attempt_settled", *OVER), Deliver(), Close()]


def test_several_gates_ask_once() -> None:
    play = looking(NAMES, msgspec.structs.replace(NAMES, name="too"))
    play >> events.LookedInto(4, 40, FOUND) << [Recorded("gate_judged", "gate_judged", "review_opened"), Park]


def test_it_is_asked_before_a_judge_who_costs() -> None:
    both = msgspec.structs.replace(gate("both"), when=condition('detects("presidio:PERSON", "presidio:URL") && confidence < 0.75'))
    play = looking(both)
    play >> events.LookedInto(4, 40, {"PERSON": 0, "URL": 0}) << [Recorded(*OVER), Deliver(), Close()]
    play = looking(both)
    play >> events.LookedInto(4, 40, FOUND) << [ASK_JUDGE]


def test_who_only_looks_asks_after_the_delivery() -> None:
    play = arrived(LATER) << [Recorded("attempt_ended", "attempt_settled", "answer_delivered"), Deliver(), LOOK]
    play >> events.LookedInto(4, 40, FOUND) << [Recorded("gate_judged", "review_opened", "invocation_finished"), ReviewLater, Close()]


def test_a_caller_that_leaves_ends_it() -> None:
    play = looking()
    play >> events.CallerGone(4, 40) << [Recorded("caller_left", "invocation_finished"), Close()]


@pytest.mark.parametrize("event", [events.DeadlinePassed(9, 90), events.ShutDown(9, 90)])
def test_when_time_is_up_the_gate_closes(event: events.AnyEvent) -> None:
    play = looking()
    play >> event
    assert play.state.phase == "in_review"
    assert judged(play).verdict == "failed"


def test_a_tool_call_gate_asks_only_where_there_is_a_call() -> None:
    calls = msgspec.structs.replace(NAMES, stage="tool_call", when=condition('detects("presidio:PERSON")', "tool_call"))
    arrived(calls) << [Recorded("attempt_ended", "attempt_settled", *OVER), Deliver(), Close()]
