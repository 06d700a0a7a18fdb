"""Lives that come to a review, as scripts: parked, decided, joined again, escalated."""

import pytest
from tests.support.playbook import ANSWER, Playbook, Recorded, received, sent
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.snapshot import Escalation, Gate
from orchvynt.lifecycle.commands import Close, Deliver, Escalate, Park, Refuse
from orchvynt.lifecycle.events import AnswerArrived, CallerGone, CallerJoined, CallerWaitElapsed, EscalationDue, Voted
from orchvynt.lifecycle.table import UnexpectedEventError


def gate(name: str = "g", escalation: tuple[Escalation, ...] = (), refuse_streams: bool = False) -> Gate:
    return Gate(name, "output", None, "people", False, 5 * SECOND, escalation, refuse_streams)


def parked(*gates: Gate) -> Playbook:
    return (
        sent(gates=gates or (gate(),))
        >> AnswerArrived(3_000, 30, ANSWER)
        << [Recorded("attempt_ended", "attempt_settled", "review_opened"), Park]
    )


def test_an_approved_answer_is_delivered_once() -> None:
    playbook = (
        parked()
        >> Voted(4_000, 40, "approve", "token:ana", "fine")
        << [Recorded("review_decided", "answer_delivered", "invocation_finished"), Deliver(), Close()]
    )
    assert playbook.state.phase == "done"
    with pytest.raises(UnexpectedEventError):
        playbook >> Voted(5_000, 50, "approve", "token:ben", "too late")


def test_a_rejected_answer_is_never_delivered() -> None:
    playbook = (
        parked()
        >> Voted(4_000, 40, "reject", "token:ana", "wrong")
        << [Recorded("review_decided", "invocation_refused", "invocation_finished"), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.code == "review_rejected"


def test_two_gates_want_two_reviews() -> None:
    playbook = parked(gate("first"), gate("second"))
    (playbook >> Voted(4_000, 40, "approve", "token:ana", "") << [Recorded("review_decided", "review_opened"), Park])
    (
        playbook
        >> Voted(5_000, 50, "approve", "token:ana", "")
        << [Recorded("review_decided", "answer_delivered", "invocation_finished"), Deliver(), Close()]
    )


def test_a_caller_is_told_pending_and_joins_again() -> None:
    playbook = parked() >> CallerWaitElapsed(4_000, 40) << [Recorded("caller_waits"), Refuse]
    assert not playbook.state.caller_present
    playbook >> CallerJoined(5_000, 50) << [Recorded("caller_waits")]
    (
        playbook
        >> Voted(6_000, 60, "approve", "token:ana", "")
        << [Recorded("review_decided", "answer_delivered", "invocation_finished"), Deliver(), Close()]
    )


def test_an_answer_that_nobody_waits_for_is_approved_without_a_delivery() -> None:
    playbook = parked() >> CallerGone(4_000, 40) << [Recorded("caller_waits")]
    playbook >> Voted(6_000, 60, "approve", "token:ana", "") << [Recorded("review_decided", "invocation_finished"), Deliver(), Close()]


def test_an_escalation_rejects_or_asks_a_further_group() -> None:
    rejecting = parked(gate(escalation=(Escalation(SECOND, ""),)))
    rejecting >> EscalationDue(9_000, 90) << [Recorded("review_decided", "invocation_refused", "invocation_finished"), Refuse, Close()]
    assert rejecting.state.verdict is not None
    assert rejecting.state.verdict.code == "review_expired"
    widening = parked(gate(escalation=(Escalation(SECOND, "people"),)))
    widening >> EscalationDue(9_000, 90) << [Recorded("review_escalated"), Escalate]
    assert widening.state.phase == "in_review"


def test_a_gate_may_refuse_streams() -> None:
    playbook = Playbook(snapshot(gates=(gate(refuse_streams=True),)), invocation(stream=True))
    (
        playbook
        >> received()
        << [Recorded("invocation_received", "routed", "gate_judged", "invocation_refused", "invocation_finished"), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.code == "gate_refused"
