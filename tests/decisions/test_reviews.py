"""A review is decided once, with a reason where one is required."""

from orchvynt.decisions.reviews.transitions import check_grant, check_vote, escalates_at
from orchvynt.language.snapshot import Escalation, Gate
from orchvynt.model.facts import Wanted
from orchvynt.model.faults import Fault


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


def test_an_approval_grants_one_of_the_listed_amounts() -> None:
    dollars = Wanted("purse", "docs", "usd", 10, 5, 0, 9, 0, (10**9, 5 * 10**9))
    assert check_grant("rev_1", "approve", "1", dollars) == 10**9
    assert check_grant("rev_1", "approve", "5.00", dollars) == 5 * 10**9
    for amount in (None, "2", "-1", "1e0", "one", "1.0000000001", ""):
        fault = check_grant("rev_1", "approve", amount, dollars)
        assert isinstance(fault, Fault)
        assert "1, 5" in fault.help
    assert check_grant("rev_1", "reject", None, dollars) == 0
    assert isinstance(check_grant("rev_1", "reject", "1", dollars), Fault)


def test_the_only_amount_is_the_default_and_tokens_are_whole() -> None:
    tokens = Wanted("purse", "docs", "tokens", 10, 5, 0, 9, 0, (500,))
    assert check_grant("rev_1", "approve", None, tokens) == 500
    assert check_grant("rev_1", "approve", "500", tokens) == 500
    assert isinstance(check_grant("rev_1", "approve", "500.0", tokens), Fault)


def test_an_answer_takes_no_amount() -> None:
    assert check_grant("rev_1", "approve", None, None) == 0
    assert isinstance(check_grant("rev_1", "approve", "5", None), Fault)
