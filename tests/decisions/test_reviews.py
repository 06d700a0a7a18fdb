"""A review is decided once, with a reason where one is required."""

from orchvynt.decisions.reviews.transitions import check_vote, escalates_at
from orchvynt.language.snapshot import Escalation, Gate


def gate(escalation: Escalation | None) -> Gate:
    return Gate("g", "output", None, "people", False, None, escalation)


def test_an_open_review_takes_a_vote() -> None:
    assert check_vote("rev_1", "open", "", False, "") is None


def test_a_late_vote_is_told_who_was_first() -> None:
    fault = check_vote("rev_1", "approved", "token:ana", False, "")
    assert fault is not None
    assert fault.code == "conflict"
    assert fault.detail == {"review": "rev_1", "status": "approved", "by": "token:ana"}


def test_a_required_reason_is_required() -> None:
    fault = check_vote("rev_1", "open", "", True, "  ")
    assert fault is not None
    assert (fault.code, fault.param) == ("invalid_request", "reason")
    assert check_vote("rev_1", "open", "", True, "looked at it") is None
    assert check_vote("rev_1", "open", "", True, "x" * 2001) is not None


def test_when_an_escalation_is_due() -> None:
    assert escalates_at(gate(None), 100) == (0, "")
    assert escalates_at(gate(Escalation(50, "")), 100) == (150, "reject")
    assert escalates_at(gate(Escalation(50, "heads")), 100) == (150, "to heads")
