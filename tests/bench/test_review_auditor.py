"""The auditor of the kill loop of reviews can fail: each promise is broken in honest evidence, and each is accused. No server runs."""

from copy import deepcopy
from typing import Any

import pytest
from tests.support.review_kills.auditor import AccusedError, judge
from tests.support.review_kills.evidence import Arrival, Cast, Claim, End, Evidence
from tests.support.review_kills.forgeries import FORGERIES, accused
from tests.support.review_kills.gates import ANA, ANSWER, BEN, CLEO, TOKEN

INV, REVIEW = "inv_1", "rev_1.1"
EARLY, LATE = "2026-11-30T10:00:00.000000Z", "2026-11-30T10:00:03.500000Z"
LATE_NS = 1_796_032_803_500_000_000


def entry(kind: str, at: str = EARLY, **detail: Any) -> dict[str, Any]:
    return {"at": at, "offset_ms": 0.0, "kind": kind, "text": kind, "detail": detail}


def attempt(name: str = "att_1", outcome: str = "answered") -> list[dict[str, Any]]:
    return [
        entry("attempt_sent", attempt=name),
        entry("attempt_ended", attempt=name, outcome=outcome),
        entry("attempt_settled", attempt=name),
    ]


def opened(review: str = REVIEW) -> dict[str, Any]:
    return entry("review_opened", review=review)


def voted(cast: Cast) -> dict[str, Any]:
    return entry("review_voted", review=REVIEW, vote={"by": cast.by, "choice": cast.choice, "reason": cast.reason})


def decided(decision: str, by: str, reason: str) -> dict[str, Any]:
    return entry("review_decided", LATE, review=REVIEW, decision=decision, by=by, reason=reason)


def evidence(
    gate: str,
    said: str,
    timeline: list[dict[str, Any]],
    casts: list[Cast],
    mark: str | None = "",
    outcome: str = "answered",
    arrivals: tuple[Arrival, ...] = (Arrival(1, "whole"),),
    claims: tuple[Claim, ...] = (),
) -> Evidence:
    """`mark` is None where callers are refused: then they get no header that says what was changed."""
    last = next(one["detail"] for one in timeline if one["kind"] == "review_decided")
    status = {"reject": "rejected", "expire": "expired"}.get(last["decision"], "approved")
    end = End("chatcmpl-openai_1" if mark is not None else "", said, INV)
    return Evidence(
        text=f"question 1, {gate}",
        way="leaves",
        gate=gate,
        keyed=False,
        ends=[end, end, end],
        marks=[mark, mark] if mark is not None else [],
        answered=INV,
        left_ns=0,
        told_ns=LATE_NS,
        spans=[],
        tries=1,
        arrivals=list(arrivals),
        records=[{"invocation": INV, "outcome": outcome, "timeline": timeline}],
        reviews={REVIEW: {"review": REVIEW, "status": status, **{name: last[name] for name in ("decision", "by", "reason")}}},
        casts={REVIEW: casts},
        claims={REVIEW: list(claims)},
    )


def four_eyes() -> Evidence:
    """Two people approve; a vote of somebody else comes too late."""
    casts = [Cast(ANA, "approve", "first", "", 200), Cast(BEN, "approve", "second", "", 200), Cast(TOKEN, "reject", "third", "", 409, True)]
    timeline = [*attempt(), opened(), entry("review_claimed", by=ANA), voted(casts[0]), decided("approve", BEN, "second")]
    return evidence("four-eyes", ANSWER, timeline, casts, claims=(Claim(ANA, 200),))


def an_edit() -> Evidence:
    """An edit makes the approval before it void; whoever approved approves again. The server died before it told the last one so."""
    casts = [
        Cast(ANA, "approve", "first", "", 200),
        Cast(BEN, "edit", "second", "Other words.", 200),
        Cast(ANA, "approve", "third", "", 0),
    ]
    timeline = [*attempt(), opened(), voted(casts[0]), voted(casts[1]), decided("edit", ANA, "third")]
    return evidence("four-eyes", "Other words.", timeline, casts, "edit")


def an_expiry() -> Evidence:
    timeline = [*attempt(), opened(), entry("review_escalated", review=REVIEW, to="heads"), decided("expire", "escalation", "")]
    return evidence("ages", "review_expired", timeline, [Cast(CLEO, "approve", "late", "", 409, True)], None, "refused")


def cut_off_after_an_approval() -> Evidence:
    cast = Cast(ANA, "approve", "go", "", 200)
    timeline = [opened(), decided("approve", ANA, "go"), *attempt(outcome="interrupted")]
    return evidence("asked", "all_providers_failed", timeline, [cast], None, "interrupted", (Arrival(1, ""),))


def in_words() -> Evidence:
    return evidence("words", "no", [*attempt(), opened(), decided("reject", BEN, "no")], [Cast(BEN, "reject", "no", "", 200)], "reject")


HONEST = (four_eyes(), an_edit(), an_expiry(), cut_off_after_an_approval(), in_words())


@pytest.mark.parametrize("seen", HONEST, ids=["four eyes", "edit", "expiry", "cut off", "in words"])
def test_what_is_right_is_not_accused(seen: Evidence) -> None:
    judge(seen)


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_forged_is_accused_of_what_it_is(name: str) -> None:
    found = accused(HONEST)
    assert name in found, "none of the evidence can be made into it"
    assert found[name]


@pytest.mark.parametrize("first", HONEST, ids=["four eyes", "edit", "expiry", "cut off", "in words"])
def test_a_decision_that_is_not_on_record_is_accused_at_every_gate(first: Evidence) -> None:
    assert accused([first])["a decision that is not on record"]


@pytest.mark.parametrize("outcome", ["timeout", "connection", "interrupted"])
def test_a_fallback_is_no_second_send(outcome: str) -> None:
    """A slow provider is given up and the next one asked: both are on record, both have a receipt, and both may have arrived."""
    cast = Cast(ANA, "approve", "fine", "", 200)
    timeline = [*attempt("att_1", outcome), *attempt("att_2"), opened(), decided("approve", ANA, "fine")]
    arrivals = (Arrival(1, ""), Arrival(2, "whole"))
    judge(evidence("now", ANSWER, timeline, [cast], arrivals=arrivals))
    beside = [timeline[0], timeline[3], *timeline[1:3], *timeline[4:]]
    with pytest.raises(AccusedError, match="had not failed"):
        judge(evidence("now", ANSWER, beside, [cast], arrivals=arrivals))


def test_an_invocation_that_was_cut_off_before_it_was_parked_is_asked_again() -> None:
    seen = four_eyes()
    seen.records.insert(0, {"invocation": "inv_0", "outcome": "interrupted", "timeline": attempt("att_0", "interrupted")})
    seen.arrivals.append(Arrival(2, ""))
    assert judge(seen).cut_off == 1


@pytest.mark.parametrize("code", ["store_unavailable", "content_blocked"])
def test_what_nobody_could_look_at_is_refused_only_while_the_store_is_away(code: str) -> None:
    seen = four_eyes()
    seen.records.insert(0, {"invocation": "inv_0", "outcome": "refused", "timeline": [entry("invocation_refused", code=code)]})
    if code == "store_unavailable":
        assert judge(seen).cut_off == 1
    else:
        with pytest.raises(AccusedError, match="nobody looked at it"):
            judge(seen)


@pytest.mark.parametrize("wrong", ["", "a key", "nobody was dead", "told before"])
def test_only_a_request_without_a_key_is_parked_again_and_only_while_nobody_can_know(wrong: str) -> None:
    """What was parked before is out of reach of the process that is asked; later the same request finds either."""
    seen = four_eyes()
    before = deepcopy(seen.records[0])
    before["invocation"] = "inv_0"
    seen.records.insert(0, before)
    seen.records[1]["timeline"].insert(0, entry("invocation_received"))
    seen.arrivals.append(Arrival(2, "whole"))
    seen.ends[-1] = End("chatcmpl-openai_0", "other words", "inv_0")
    began = LATE_NS - 3_500_000_000
    seen.spans = [] if wrong == "nobody was dead" else [(began - 1, began + 1)]
    seen.keyed = wrong == "a key"
    seen.told_ns = began - 1 if wrong == "told before" else LATE_NS
    if wrong:
        with pytest.raises(AccusedError, match="parked as"):
            judge(seen)
    else:
        assert judge(seen).unheard == 1


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("refused", [True, False])
def test_what_crossed_with_its_caller_leaving_is_right_once(left: bool, refused: bool) -> None:
    """The server has told it, the caller had just gone: it asks anew, and is answered. If it never left, it was asked twice."""
    seen = four_eyes()
    before = deepcopy(seen.records[0])
    before["invocation"] = "inv_0"
    if refused:
        before["outcome"] = "refused"
        before["timeline"] = [one for one in before["timeline"] if one["kind"] != "review_decided"]
        before["timeline"].append(entry("review_decided", LATE))
    else:
        before["timeline"].append(entry("answer_delivered", LATE))
    seen.records.insert(0, before)
    seen.arrivals.append(Arrival(2, "whole"))
    seen.left_ns = LATE_NS if left else 0
    if left:
        assert judge(seen).crossed == 1
    else:
        with pytest.raises(AccusedError, match="parked as"):
            judge(seen)
