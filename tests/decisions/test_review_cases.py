"""A case is decided once, by those who may, when enough of them have approved the same content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.reviews.cases import CLAIM_NS, NEW_TEXT, ORIGINAL, TEXT_CHARS_MAX, Case, Counted, Voter, claim, release, vote
from orchvynt.model.facts import Choice
from orchvynt.model.faults import Fault

ANY: frozenset[Choice] = frozenset({"approve", "edit", "reject", "respond"})
ANA, BEN, CFO = (Voter(f"{name}@example.com", frozenset({"finance"})) for name in ("ana", "ben", "cfo"))
TOKEN = Voter("token:ci")
CASE = Case("rev_1", reviewers=("finance",), quorum=2, choices=ANY)


def counted(case: Case, voter: Voter, choice: Choice = "approve", reason: str = "", at: int = 1) -> Counted:
    found = vote(case, voter, choice, reason, at, "new" if choice in NEW_TEXT else "")
    assert isinstance(found, Counted), found
    return found


def refused(case: Case, voter: Voter, choice: Choice = "approve", reason: str = "", at: int = 1) -> Fault:
    found = vote(case, voter, choice, reason, at, "new" if choice in NEW_TEXT else "")
    assert isinstance(found, Fault)
    return found


def test_two_people_approve() -> None:
    first = counted(CASE, ANA)
    assert not first.decides
    said = refused(first.case, ANA)
    assert (said.code, said.message) == ("conflict", "ana@example.com has approved review rev_1 before; 1 more person has to.")
    assert counted(first.case, BEN).decides


def test_one_rejection_decides() -> None:
    assert counted(CASE, ANA, "reject").decides
    assert counted(counted(CASE, ANA).case, ANA, "reject").decides


@pytest.mark.parametrize("choice", ["edit", "respond"])
def test_new_content_needs_its_own_approvals(choice: Choice) -> None:
    edited = counted(counted(CASE, ANA).case, BEN, choice)
    assert not edited.decides
    assert [one.by for one in edited.case.votes] == [BEN.by]
    assert refused(edited.case, BEN).code == "conflict"
    assert counted(edited.case, ANA).decides


def test_an_approval_under_quorum_approves_the_edited_text() -> None:
    edited = vote(CASE, ANA, "edit", "typo", 1, "better")
    assert isinstance(edited, Counted)
    approved = counted(edited.case, BEN)
    assert (approved.decides, approved.decision, approved.text, approved.cast.by) == (True, "edit", "better", BEN.by)
    rejected = counted(edited.case, BEN, "reject")
    assert (rejected.decision, rejected.text) == ("reject", "")
    assert counted(counted(CASE, ANA).case, BEN).decision == "approve"


def test_nobody_approves_an_edit_that_came_in_between() -> None:
    edited = vote(CASE, ANA, "edit", "", 1, "better", ORIGINAL)
    assert isinstance(edited, Counted)
    blind = vote(edited.case, BEN, "approve", "", 2, edition=ORIGINAL)
    assert isinstance(blind, Fault)
    assert (blind.code, "has changed the content" in blind.message) == ("conflict", True)
    assert isinstance(vote(edited.case, BEN, "approve", "", 2, edition=edited.case.edition), Counted)
    assert isinstance(vote(edited.case, BEN, "reject", "", 2, edition=ORIGINAL), Counted), "a rejection lets nothing through"


def test_new_text_is_there_bounded_and_nowhere_else() -> None:
    for text in ("", " \n", "x" * (TEXT_CHARS_MAX + 1)):
        found = vote(CASE, ANA, "respond", "", 1, text)
        assert isinstance(found, Fault)
        assert found.param == "reply"
    found = vote(CASE, ANA, "approve", "", 1, "text")
    assert isinstance(found, Fault)
    assert found.param == "reply"


def test_a_late_vote_is_told_who_was_first() -> None:
    fault = refused(Case("rev_1", "approved", "token:ana"), TOKEN)
    assert fault.code == "conflict"
    assert fault.detail == {"review": "rev_1", "status": "approved", "by": "token:ana"}


def test_a_required_reason_is_required() -> None:
    case = Case("rev_1", require_reason=True)
    fault = refused(case, TOKEN, reason="  ")
    assert (fault.code, fault.param) == ("invalid_request", "reason")
    assert counted(case, TOKEN, reason="looked at it").decides
    assert refused(case, TOKEN, reason="x" * 2001).param == "reason"


def test_who_asked_may_not_approve_and_no_token_may() -> None:
    for written in ("Ana@example.com", " ana@example.com "):
        case = Case("rev_1", reviewers=("finance",), not_requester=True, requester=written)
        assert refused(case, ANA).code == "forbidden"
    assert "token" in refused(case, TOKEN).message
    assert counted(case, BEN).decides
    assert counted(case, ANA, "reject").decides
    assert counted(case, TOKEN, "reject").decides


def test_only_members_decide() -> None:
    assert refused(CASE, Voter("eve@example.com", frozenset({"ops"}))).code == "forbidden"
    assert refused(CASE, Voter("eve@example.com")).code == "forbidden"


def test_what_is_not_offered_is_refused() -> None:
    assert refused(Case("rev_1"), TOKEN, "edit").param == "decision"


def test_a_claim_keeps_others_out_until_it_lapses() -> None:
    claimed = claim(CASE, ANA, 10)
    assert isinstance(claimed, Case)
    assert refused(claimed, BEN, at=11).code == "conflict"
    assert isinstance(claim(claimed, BEN, 11), Fault)
    assert isinstance(release(claimed, BEN, 11), Fault)
    assert not counted(claimed, ANA, at=11).case.claimed_by
    assert counted(claimed, BEN, at=10 + CLAIM_NS).case.votes
    freed = release(claimed, ANA, 11)
    assert isinstance(freed, Case)
    assert counted(freed, BEN, at=12).case.votes


@given(st.lists(st.tuples(st.sampled_from([ANA, BEN, CFO]), st.sampled_from(sorted(ANY))), max_size=12), st.integers(1, 3))
def test_what_is_let_through_was_approved_by_as_many_as_the_quorum_asks_for(cast: list[tuple[Voter, Choice]], quorum: int) -> None:
    case, of_this_content = Case("rev_1", reviewers=("finance",), quorum=quorum, choices=ANY), set[str]()
    for voter, choice in cast:
        found = vote(case, voter, choice, "", 1, "new" if choice in NEW_TEXT else "")
        if isinstance(found, Fault):
            continue
        of_this_content = {voter.by} if choice in ("edit", "respond") else of_this_content | {voter.by}
        case = found.case
        assert found.decides == (choice == "reject" or len(of_this_content) >= quorum)
        if found.decides:
            return
