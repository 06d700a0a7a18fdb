"""Judges the evidence of one question: not lost, decided once, sent once, answered identically, and as people decided. Knows none of the
server's code: the rules of votes are written here a second time.

A fallback is no second send: each attempt is on record before it leaves, has an end on record before the next one leaves, and a bill.
What reached the provider must not be more than that, and none of it may leave once there is an answer that waits.
"""

from collections import Counter
from datetime import datetime
from typing import Any, Final, NamedTuple

from tests.support.review_kills.evidence import Cast, End, Evidence, Found
from tests.support.review_kills.gates import ANSWER, CALL, CLEO, EXPIRES_S, GATES

CROSSED_NS: Final = 2_000_000_000
"""A server may notice so much later that a caller had gone when it was answered; the machine may be busy."""
HEARD_NS: Final = 2_000_000_000
"""A process hears of what another one parked a second later at most, when a hint is lost; the machine may be busy."""
NEW_TEXT: Final = frozenset({"edit", "respond"})
STATUS: Final = {"approve": "approved", "edit": "approved", "respond": "approved", "reject": "rejected", "expire": "expired"}

Record = dict[str, Any]
Entry = dict[str, Any]


class AccusedError(AssertionError):
    """A promise broke: which, and for whom."""


class Verdict(NamedTuple):
    """What a question came to. `by_votes` are those that its record counts, in their order."""

    record: Record
    review: dict[str, Any]
    decision: str
    by_votes: list[Cast]
    cut_off: int
    crossed: int
    failed: int
    unheard: int


def judge(seen: Evidence) -> Verdict:
    """Raises AccusedError."""
    _require(bool(seen.ends), seen, "nobody was told anything")
    _require(len(set(seen.marks)) <= 1, seen, f"its answer was marked in several ways: {seen.marks}")
    lasting, crossed, failed, unheard = _lasting(seen)
    # Whoever asks again without a key may find what was not known before.
    ends = {end for end in seen.ends if end.inv not in unheard}
    _require(len(ends) == 1, seen, f"it was answered in several ways: {seen.ends}")
    _require(seen.answered == lasting["invocation"], seen, f"its answer is of {seen.answered}, and what lasts is {lasting['invocation']}")
    _audit_sends(seen, lasting)
    name = f"rev_{lasting['invocation'].removeprefix('inv_')}.1"
    opened = [entry["detail"]["review"] for entry in _of(lasting, "review_opened")]
    _require(opened == [name], seen, f"its reviews are {opened}")
    review = seen.reviews.get(name)
    _require(review is not None, seen, f"review {name} is gone")
    assert review is not None
    votes, decision = _audit_votes(seen, lasting, review)
    _audit_claims(seen, lasting, name)
    _audit_told(seen, lasting, decision, votes)
    return Verdict(lasting, review, decision, votes, len(seen.records) - 1 - crossed - failed - len(unheard), crossed, failed, len(unheard))


def _lasting(seen: Evidence) -> tuple[Record, int, int, set[str]]:
    """The one invocation that was parked; how many others told a caller that had just gone, or failed and said so; and which were not
    known to the process that was asked again."""
    reviewed = [record for record in seen.records if _of(record, "review_opened")]
    for record in seen.records:
        # Where the store is away nobody could decide: it is refused, and says why.
        away = any(entry["detail"].get("code") == "store_unavailable" for entry in _of(record, "invocation_refused"))
        cut = record["outcome"] in ("interrupted", "cancelled", "failed") or away
        _require(record in reviewed or cut, seen, f"{record['invocation']} has ended as {record['outcome']}, and nobody looked at it")
    gone = [record for record in reviewed[:-1] if _crossed(seen, record)]
    failed = [record for record in reviewed[:-1] if record["outcome"] == "failed"]
    left = [record for record in reviewed if record not in gone and record not in failed]
    unheard = {record["invocation"] for record in left if record["invocation"] != seen.answered and _unheard(seen, left)}
    left = [record for record in left if record["invocation"] not in unheard]
    _require(len(left) == 1, seen, f"it was parked as {[record['invocation'] for record in left]}, of {len(seen.records)} invocations")
    return left[0], len(gone), len(failed), unheard


def _unheard(seen: Evidence, parked: list[Record]) -> bool:
    """Each time that it was asked anew, what was parked before was known to a process that was dead, or not to be reached: then only an
    idempotency key finds out that there is something to wait for."""
    again = [_ns(record["timeline"][0]) for record in parked[1:]]
    away = [any(began < at < ended + HEARD_NS for began, ended in seen.spans) and at < seen.told_ns for at in again]
    return not seen.keyed and all(away)


def _crossed(seen: Evidence, record: Record) -> bool:
    """Its answer, or the refusal, was on the way when its caller gave up, so that both are right: the server has told it, the caller has
    nothing."""
    told = _of(record, "answer_delivered") or (_of(record, "review_decided") if record["outcome"] == "refused" else [])
    return seen.left_ns > 0 and len(told) == 1 and abs(_ns(told[0]) - seen.left_ns) < CROSSED_NS


def _audit_sends(seen: Evidence, lasting: Record) -> None:
    sent = 0
    for record in seen.records:
        under_way = ""
        attempts = {entry["detail"]["attempt"]: 0 for entry in _of(record, "attempt_sent")}
        sent += len(attempts)
        for entry in record["timeline"]:
            kind, detail = entry["kind"], entry["detail"]
            if kind == "attempt_sent":
                _require(not under_way, seen, f"{detail['attempt']} was sent, and {under_way} had not failed")
                under_way = detail["attempt"]
            elif kind == "attempt_ended" and detail["outcome"] != "answered":
                under_way = ""
            elif kind in ("attempt_settled", "hold_voided") and detail["attempt"] in attempts:
                attempts[detail["attempt"]] += 1
        _require(set(attempts.values()) <= {1}, seen, f"its attempts were settled so often: {attempts}")
    numbers = [arrival.n for arrival in seen.arrivals]
    _require(len(numbers) <= sent, seen, f"it reached the provider {len(numbers)} times, and {sent} attempts are on record")
    kinds = [entry["kind"] for entry in lasting["timeline"]]
    decided = kinds.index("review_decided") if "review_decided" in kinds else len(kinds)
    if GATES[seen.gate].stage == "input":
        _require("attempt_sent" not in kinds[:decided], seen, "it was sent before anybody had approved it")
    else:
        _require("attempt_sent" not in kinds[kinds.index("review_opened") :], seen, "it was sent again after it was parked")
    answers = sum(entry["detail"]["outcome"] == "answered" for entry in _of(lasting, "attempt_ended"))
    _require(answers <= 1, seen, f"it has {answers} answers")
    _require(answers <= sum(arrival.how == "whole" for arrival in seen.arrivals), seen, "its answer was billed by nobody")


def _audit_votes(seen: Evidence, lasting: Record, review: dict[str, Any]) -> tuple[list[Cast], str]:
    """What is on record is what people did: every vote that was told to count, and none that was told not to; then the rules."""
    by_reason = {cast.reason: cast for cast in seen.casts.get(review["review"], [])}
    recorded: list[Cast] = []
    decisions: list[str] = []
    heads = False
    for entry in lasting["timeline"]:
        detail = entry["detail"]
        heads = heads or entry["kind"] == "review_escalated"
        if entry["kind"] not in ("review_voted", "review_decided"):
            continue
        _require(not decisions, seen, f"it was decided, and then: {entry['text']}")
        if entry["kind"] == "review_decided":
            decisions.append(detail["decision"])
            if detail["decision"] == "expire":
                continue
        said = detail.get("vote", detail)
        cast = by_reason.get(said["reason"])
        _require(cast is not None and cast.by == said["by"], seen, f"nobody cast the vote on record: {entry['text']}")
        assert cast is not None
        _require(said.get("choice", cast.choice) == cast.choice, seen, f"{cast.by} would {cast.choice}, and on record is: {entry['text']}")
        _require(cast.told in (200, 0), seen, f"a vote counts, and {cast.by} was told {cast.told}: {cast.reason}")
        _require(cast.by != CLEO or heads, seen, f"{CLEO} voted before anybody asked her")
        recorded.append(cast)
    told = {cast.reason for cast in by_reason.values() if cast.told == 200}
    missing = told - {cast.reason for cast in recorded}
    _require(not missing, seen, f"votes that were told to count are not on record: {missing}")
    _require(len(decisions) == 1, seen, f"it was decided {len(decisions)} times")
    expected = _decided(seen, recorded, expired=decisions == ["expire"])
    _require(decisions == [expected], seen, f"it was decided by {decisions[0]}, and the votes come to {expected}")
    last = recorded[-1] if expected != "expire" else Cast("escalation", "expire", "", "", 200)
    said = (STATUS[expected], expected, last.by, last.reason)
    stands = (review["status"], review["decision"], review["by"], review["reason"])
    _require(stands == said, seen, f"its review says {stands}, and the votes come to {said}")
    if expected == "expire":
        _audit_expiry(seen, lasting)
    return recorded, expected


def _decided(seen: Evidence, recorded: list[Cast], expired: bool) -> str:
    """What the votes come to, one after the other."""
    standing: list[Cast] = []
    for number, cast in enumerate(recorded):
        if cast.choice in NEW_TEXT:
            standing = []
        standing = [*(one for one in standing if one.by != cast.by), cast]
        enough = cast.choice == "reject" or len(standing) >= GATES[seen.gate].quorum
        last = number == len(recorded) - 1 and not expired
        _require(enough == last, seen, f"{'it was decided without' if last else 'it was not decided by'} enough votes: {recorded}")
        if last:
            first = standing[0].choice
            return "reject" if cast.choice == "reject" else first if first in NEW_TEXT else "approve"
    return "expire"


def _audit_expiry(seen: Evidence, lasting: Record) -> None:
    _require(GATES[seen.gate].expires, seen, "it expired at a gate where nothing does")
    (opened,), (decided,) = _of(lasting, "review_opened"), _of(lasting, "review_decided")
    asked = len(_of(lasting, "review_escalated"))
    _require(asked == 1, seen, f"it expired, and the heads were asked {asked} times")
    waited = (_ns(decided) - _ns(opened)) / 1e9
    _require(waited > EXPIRES_S - 0.01, seen, f"it expired after {waited:.1f} s")


def _audit_claims(seen: Evidence, lasting: Record, name: str) -> None:
    """While somebody holds it nobody else votes; a claim holds longer than any question lasts, and through every kill."""
    claims = seen.claims.get(name, [])
    recorded = Counter(entry["detail"]["by"] for entry in _of(lasting, "review_claimed"))
    told = Counter(claim.by for claim in claims if claim.told == 200)
    unknown = Counter(claim.by for claim in claims if claim.told in (200, 0))
    _require(told <= recorded <= unknown, seen, f"claims on record are {recorded}, and people were told {told}")
    holder = ""
    for entry in lasting["timeline"]:
        kind, detail = entry["kind"], entry["detail"]
        by = detail.get("vote", detail).get("by", "")
        if kind in ("review_claimed", "review_voted", "review_released") or (kind == "review_decided" and detail["decision"] != "expire"):
            _require(holder in ("", by), seen, f"{holder} had claimed it, and then: {entry['text']}")
            holder = by if kind == "review_claimed" else ""


def _audit_told(seen: Evidence, lasting: Record, decision: str, votes: list[Cast]) -> None:
    """Everybody was told what people decided, and whether it was changed."""
    terms = GATES[seen.gate]
    mark = ""
    if decision == "expire":
        said = "review_expired"
    elif decision == "reject":
        said, mark = (votes[-1].reason, "reject") if terms.words else ("review_rejected", "")
    elif decision in NEW_TEXT:
        said, mark = next(cast.text for cast in reversed(votes) if cast.choice in NEW_TEXT), decision
    elif lasting["outcome"] in ("interrupted", "failed"):
        _require(terms.stage == "input", seen, "what people approved was cut off, and its answer had been there")
        said = "all_providers_failed"
    else:
        said = CALL if terms.stage == "tool_call" else ANSWER
    refused = said in ("review_expired", "review_rejected", "all_providers_failed")
    end: End = seen.ends[0]
    _require(end.said == said, seen, f"its callers were told {end.said!r}, and people decided: {said!r}")
    _require(refused == (end.id == ""), seen, f"its answer has the id {end.id!r}")
    _require(refused or set(seen.marks) == {mark}, seen, f"its answer is marked {seen.marks}, and not {mark!r}")


def count(found: Found, seen: Evidence, verdict: Verdict) -> None:
    """Adds it to what was found before."""
    casts = [cast for casts in seen.casts.values() for cast in casts]
    found.questions += 1
    found.readings += len(seen.ends)
    found.tries += seen.tries
    found.arrivals += len(seen.arrivals)
    found.cut_off += verdict.cut_off
    found.crossed += verdict.crossed
    found.failed += verdict.failed
    found.unheard += verdict.unheard
    found.keyed += seen.keyed
    found.fallbacks += len(_of(verdict.record, "attempt_sent")) > 1
    found.votes += len(casts)
    found.counted += sum(cast.told == 200 for cast in casts)
    found.late += sum(cast.late for cast in casts)
    found.unanswered += sum(cast.told == 0 for cast in casts)
    found.barred += sum(cast.told >= 400 and not cast.late for cast in casts)
    found.claims += len(_of(verdict.record, "review_claimed"))
    found.escalated += len(_of(verdict.record, "review_escalated"))
    found.four_eyes += GATES[seen.gate].quorum > 1 and verdict.decision != "reject"
    found.approved += verdict.decision == "approve"
    found.edited += verdict.decision == "edit"
    found.responded += verdict.decision == "respond"
    found.rejected += verdict.decision == "reject"
    found.in_words += verdict.decision == "reject" and GATES[seen.gate].words
    found.expired += verdict.decision == "expire"
    found.ended_by_kill += verdict.decision == "approve" and verdict.record["outcome"] == "interrupted"


def _of(record: Record, kind: str) -> list[Entry]:
    return [entry for entry in record["timeline"] if entry["kind"] == kind]


def _ns(entry: Entry) -> int:
    return int(datetime.fromisoformat(entry["at"]).timestamp() * 1e9)


def _require(holds: bool, seen: Evidence, why: str) -> None:
    if not holds:
        raise AccusedError(f"{seen.text} ({seen.way}): {why}")
