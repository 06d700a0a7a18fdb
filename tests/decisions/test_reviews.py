"""What happens to a review that nobody decides, and what an approval may grant."""

from orchvynt.decisions.reviews.escalating import next_step
from orchvynt.decisions.reviews.granting import check_grant
from orchvynt.language.snapshot import Escalation, Gate
from orchvynt.model.facts import Wanted
from orchvynt.model.faults import Fault


def gate(*escalation: Escalation) -> Gate:
    return Gate("g", "output", None, "people", False, None, escalation)


def test_when_an_escalation_is_due() -> None:
    assert next_step(gate(), 100) == (0, "")
    chain = gate(Escalation(50, "heads"), Escalation(80, ""))
    assert [next_step(chain, 100, done) for done in range(3)] == [(150, "to heads"), (180, "reject"), (0, "")]


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
