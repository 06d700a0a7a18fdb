"""While the store is away nobody is asked for the first time, and budgets that are closed pay for nothing. All of it is on record."""

import msgspec
from tests.support.budgets import line
from tests.support.lives import condition
from tests.support.playbook import ANSWER, ASK_FIRST, Playbook, Recorded, admitted, received, sent
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.budgets.needs import Short
from orchvynt.language.snapshot import Breach, Budget, Gate, Limits
from orchvynt.lifecycle.commands import Close, Deliver, GoOn, JudgeAgain, Park, Refuse
from orchvynt.lifecycle.events import AnswerArrived, NotAdmitted, Voted, while_away
from orchvynt.model.faults import Fault

AWAY = "the store is unavailable: the disk is full."
INPUT = Gate("asked", "input", None, "people", False, 5 * SECOND)
OUTPUT = Gate("seen", "output", None, "people", False, 5 * SECOND)
OPEN = msgspec.structs.replace(OUTPUT, when=condition('output.text == "hi"'))
PURSE = Budget("purse", "global", None, "day", Limits(tokens=100), breach=Breach("review", reviewers="leads", grants=(50, 500)))
ENDED = ("attempt_ended", "attempt_settled")


def refusal(playbook: Playbook) -> Fault:
    fault = playbook.state.verdict
    assert fault is not None
    assert (fault.code, fault.status, fault.retry_after_seconds, fault.should_retry) == ("store_unavailable", 503, 5, True)
    assert AWAY in fault.message
    assert playbook.state.phase == "done"
    return fault


def test_a_request_that_a_gate_holds_is_refused_before_anything_is_sent() -> None:
    playbook = Playbook(snapshot(gates=(INPUT,)), invocation())
    playbook >> while_away(received(), AWAY)
    playbook << [Recorded("invocation_received", "gate_judged", "invocation_refused", "invocation_finished"), Refuse, Close]
    assert "gate asked" in refusal(playbook).message


def test_an_answer_that_is_known_to_be_held_is_not_paid_for() -> None:
    playbook = Playbook(snapshot(gates=(OUTPUT,)), invocation())
    playbook >> while_away(received(), AWAY)
    playbook << [Recorded("invocation_received", "routed", "gate_judged", "invocation_refused", "invocation_finished"), Refuse, Close]
    assert "gate seen" in refusal(playbook).message


def test_an_answer_that_turns_out_to_be_held_is_settled_and_not_delivered() -> None:
    playbook = sent(gates=(OPEN,))
    playbook >> AnswerArrived(3_000, 30, ANSWER, away=AWAY)
    playbook << [Recorded(*ENDED, "gate_judged", "invocation_refused", "invocation_finished"), Refuse, Close]
    refusal(playbook)


def test_what_no_gate_holds_goes_out() -> None:
    playbook = sent() >> AnswerArrived(3_000, 30, ANSWER, away=AWAY)
    playbook << [Recorded(*ENDED, "answer_delivered", "invocation_finished"), Deliver, Close]


def test_whom_people_let_go_on_waits_for_further_ones_all_the_same() -> None:
    second = msgspec.structs.replace(INPUT, name="again")
    playbook = Playbook(snapshot(gates=(INPUT, second)), invocation())
    playbook >> received() << [Recorded("invocation_received", "gate_judged", "gate_judged", "review_opened"), Park]
    playbook >> Voted(4_000, 40, "approve", "token:ana", "fine", away=AWAY)
    playbook << [Recorded("review_decided", "review_opened"), Park]
    playbook >> Voted(5_000, 50, "approve", "token:ben", "fine", away=AWAY) << [Recorded("review_decided"), GoOn, JudgeAgain]


def test_a_budget_asks_nobody_either() -> None:
    playbook = Playbook(snapshot(tiers=("gpt",), budgets=(PURSE,)), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    playbook >> NotAdmitted(2_000, 20, "budget", Short(line(terms=PURSE), False, "tokens", 100, 90, 0, 60), away=AWAY)
    playbook << [Recorded("candidate_skipped"), Recorded("invocation_refused", "invocation_finished"), Refuse, Close]
    assert "budget purse" in refusal(playbook).message


def test_closed_budgets_refuse_at_once_whatever_other_tiers_there_are() -> None:
    playbook = Playbook(snapshot(budgets=(PURSE,)), invocation())
    playbook >> received() << [Recorded("invocation_received", "routed"), ASK_FIRST]
    playbook >> NotAdmitted(2_000, 20, "store_away", away=AWAY)
    playbook << [Recorded("candidate_skipped", "invocation_refused", "invocation_finished"), Refuse, Close]
    assert "budgets are closed" in refusal(playbook).message


def test_admitted_before_is_sent() -> None:
    playbook = sent(gates=())
    assert playbook.tags()[-1] == "attempt_sent"
    assert while_away(admitted(), AWAY).away == AWAY
