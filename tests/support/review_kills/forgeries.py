"""Shows that the auditor can fail: honest evidence is changed as a broken server would have made it, and each change must be accused.

A forgery changes the evidence in place, and says whether this evidence has what it takes. Nothing here needs a server.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import Any, Final

from tests.support.review_kills.auditor import AccusedError, judge
from tests.support.review_kills.evidence import Arrival, Cast, Claim, End, Evidence
from tests.support.review_kills.gates import ANA, BEN, CLEO, GATES

Forgery = Callable[[Evidence], bool]


def _lasting(seen: Evidence) -> dict[str, Any]:
    return next(record for record in seen.records if record["invocation"] == seen.answered)


def _review(seen: Evidence) -> dict[str, Any]:
    return seen.reviews[f"rev_{seen.answered.removeprefix('inv_')}.1"]


def _entries(seen: Evidence, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in _lasting(seen)["timeline"] if entry["kind"] == kind]


def _insert(seen: Evidence, before: str, kind: str, **detail: Any) -> bool:
    """One more entry in the record, before the first of a kind."""
    timeline = _lasting(seen)["timeline"]
    place = next((number for number, entry in enumerate(timeline) if entry["kind"] == before), None)
    if place is None:
        return False
    timeline.insert(place, {"at": timeline[place]["at"], "offset_ms": 0.0, "kind": kind, "text": "forged", "detail": detail})
    return True


def _casts(seen: Evidence) -> list[Cast]:
    return seen.casts.setdefault(_review(seen)["review"], [])


def _retold(seen: Evidence, told: int, counts: bool) -> bool:
    """Somebody whose vote counts, or does not, was told something else."""
    recorded = {entry["detail"].get("vote", entry["detail"]).get("reason") for entry in _entries(seen, "review_voted")}
    recorded |= {entry["detail"].get("reason") for entry in _entries(seen, "review_decided")}
    casts = _casts(seen)
    place = next((number for number, cast in enumerate(casts) if cast.told and (cast.reason in recorded) == counts), None)
    if place is None:
        return False
    casts[place] = casts[place]._replace(told=told)
    return True


def _another_end(seen: Evidence, end: End) -> bool:
    seen.ends[-1] = end
    return True


def _other_words(seen: Evidence) -> bool:
    return _another_end(seen, seen.ends[0]._replace(said="A ledger is a book that forgets."))


def _other_id(seen: Evidence) -> bool:
    return seen.ends[0].id != "" and _another_end(seen, seen.ends[0]._replace(id="chatcmpl-other"))


def _refused_at_last(seen: Evidence) -> bool:
    return seen.ends[0].id != "" and _another_end(seen, End("", "review_rejected"))


def _all_other_words(seen: Evidence) -> bool:
    seen.ends = [end._replace(said="A ledger is a book that forgets.") for end in seen.ends]
    return True


def _original_of_an_edit(seen: Evidence) -> bool:
    seen.ends = [end._replace(said="A ledger is a book that never forgets.") for end in seen.ends]
    return bool(_review(seen)["decision"] == "edit")


def _unmarked(seen: Evidence) -> bool:
    marked = any(seen.marks)
    seen.marks = ["" for _ in seen.marks]
    return marked


def _marked_once(seen: Evidence) -> bool:
    had = len(seen.marks) > 1 and not any(seen.marks)
    seen.marks = [*seen.marks[:-1], "edit"]
    return had


def _never_told(seen: Evidence) -> bool:
    seen.ends = []
    return True


def _vanished(seen: Evidence) -> bool:
    seen.records.remove(_lasting(seen))
    return True


def _review_vanished(seen: Evidence) -> bool:
    del seen.reviews[_review(seen)["review"]]
    return True


def _parked_twice(seen: Evidence) -> bool:
    twin = deepcopy(_lasting(seen))
    twin["invocation"] += "X"
    seen.records.append(twin)
    seen.left_ns = 0
    return True


def _another_review(seen: Evidence) -> bool:
    review = _review(seen)["review"]
    return _insert(seen, "review_decided", "review_opened", review=review.removesuffix("1") + "2")


def _delivered_unseen(seen: Evidence) -> bool:
    twin = deepcopy(_lasting(seen))
    twin["invocation"] += "X"
    twin["outcome"] = "answered"
    twin["timeline"] = [entry for entry in twin["timeline"] if not entry["kind"].startswith("review_")]
    seen.records.append(twin)
    return True


def _arrived_again(seen: Evidence) -> bool:
    sent = sum(entry["kind"] == "attempt_sent" for record in seen.records for entry in record["timeline"])
    seen.arrivals += [Arrival(1_000_000 + number, "whole") for number in range(sent + 1 - len(seen.arrivals))]
    return True


def _sent_again(seen: Evidence) -> bool:
    """On record, and billed: it is a second send all the same, for an answer was there."""
    if not _insert(seen, "review_decided", "attempt_sent", attempt="att_forged"):
        return False
    seen.arrivals.append(Arrival(1_000_000, "whole"))
    return _insert(seen, "review_decided", "attempt_settled", attempt="att_forged")


def _sent_beside(seen: Evidence) -> bool:
    """A second attempt while the first is under way: no fallback."""
    if not _insert(seen, "attempt_ended", "attempt_sent", attempt="att_forged"):
        return False
    seen.arrivals.append(Arrival(1_000_000, "whole"))
    return _insert(seen, "attempt_ended", "attempt_settled", attempt="att_forged")


def _unsettled(seen: Evidence) -> bool:
    timeline = _lasting(seen)["timeline"]
    settled = _entries(seen, "attempt_settled")
    for entry in settled:
        timeline.remove(entry)
    return bool(settled)


def _unbilled(seen: Evidence) -> bool:
    seen.arrivals = [arrival._replace(how="") for arrival in seen.arrivals]
    return any(entry["detail"]["outcome"] == "answered" for entry in _entries(seen, "attempt_ended"))


def _sent_unapproved(seen: Evidence) -> bool:
    if GATES[seen.gate].stage != "input" or not _insert(seen, "review_decided", "attempt_sent", attempt="att_forged"):
        return False
    seen.arrivals.append(Arrival(1_000_000, "whole"))
    _insert(seen, "review_decided", "attempt_ended", attempt="att_forged", outcome="timeout")
    return _insert(seen, "review_decided", "attempt_settled", attempt="att_forged")


def _second_winner(seen: Evidence) -> bool:
    """Another choice was told to count, too."""
    other = "approve" if _review(seen)["status"] == "rejected" else "reject"
    _casts(seen).append(Cast(BEN, other, "forged", "", 200))
    return True


def _decided_twice(seen: Evidence) -> bool:
    _casts(seen).append(Cast(BEN, "reject", "forged", "", 200))
    timeline = _lasting(seen)["timeline"]
    last = deepcopy(_entries(seen, "review_decided")[0])
    last["detail"] = {"decision": "reject", "by": BEN, "reason": "forged"}
    timeline.append(last)
    return True


def _undecided(seen: Evidence) -> bool:
    timeline = _lasting(seen)["timeline"]
    timeline.remove(_entries(seen, "review_decided")[0])
    return True


def _voted_by_nobody(seen: Evidence) -> bool:
    vote = {"by": ANA, "choice": "approve", "reason": "forged"}
    return _insert(seen, "review_decided", "review_voted", vote=vote)


def _quorum_of_one(seen: Evidence) -> bool:
    timeline, votes = _lasting(seen)["timeline"], _entries(seen, "review_voted")
    if GATES[seen.gate].quorum == 1 or _review(seen)["decision"] == "reject" or not votes:
        return False
    for entry in votes:
        timeline.remove(entry)
        seen.casts[_review(seen)["review"]] = [cast for cast in _casts(seen) if cast.reason != entry["detail"]["vote"]["reason"]]
    return True


def _same_voter_twice(seen: Evidence) -> bool:
    votes = _entries(seen, "review_voted")
    if GATES[seen.gate].quorum == 1 or _review(seen)["decision"] != "approve" or not votes:
        return False
    by = _entries(seen, "review_decided")[0]["detail"]["by"]
    for entry in votes:
        vote = entry["detail"]["vote"]
        seen.casts[_review(seen)["review"]] = [one._replace(by=by) if one.reason == vote["reason"] else one for one in _casts(seen)]
        vote["by"] = by
    return True


def _other_status(seen: Evidence) -> bool:
    review = _review(seen)
    review["status"] = "approved" if review["status"] == "rejected" else "rejected"
    return True


def _other_decider(seen: Evidence) -> bool:
    _review(seen)["by"] = "eve@example.com"
    return True


def _too_early(seen: Evidence) -> bool:
    opened, decided = _entries(seen, "review_opened")[0], _entries(seen, "review_decided")[0]
    decided["at"] = opened["at"]
    return bool(decided["detail"]["decision"] == "expire")


def _unasked_head(seen: Evidence) -> bool:
    decided = _entries(seen, "review_decided")[0]
    if _entries(seen, "review_escalated") or decided["detail"]["decision"] == "expire":
        return False
    reason = decided["detail"]["reason"]
    seen.casts[_review(seen)["review"]] = [one._replace(by=CLEO) if one.reason == reason else one for one in _casts(seen)]
    decided["detail"]["by"] = _review(seen)["by"] = CLEO
    return True


def _expired_unescalated(seen: Evidence) -> bool:
    timeline, escalated = _lasting(seen)["timeline"], _entries(seen, "review_escalated")
    for entry in escalated:
        timeline.remove(entry)
    return bool(escalated) and _review(seen)["status"] == "expired"


def _claim_ignored(seen: Evidence) -> bool:
    decided = _entries(seen, "review_decided")[0]["detail"]
    who = BEN if decided["by"] == ANA else ANA
    if decided["decision"] == "expire" or not _insert(seen, "review_decided", "review_claimed", by=who):
        return False
    seen.claims.setdefault(_review(seen)["review"], []).append(Claim(who, 200))
    return True


def _claim_lost(seen: Evidence) -> bool:
    seen.claims.setdefault(_review(seen)["review"], []).append(Claim(ANA, 200))
    return True


FORGERIES: Final[MappingProxyType[str, tuple[Forgery, str]]] = MappingProxyType(
    {
        "another text at the last reading": (_other_words, "in several ways"),
        "another id at the last reading": (_other_id, "in several ways"),
        "a refusal at the last reading": (_refused_at_last, "in several ways"),
        "another text at every reading": (_all_other_words, "people decided"),
        "the original in place of an edit": (_original_of_an_edit, "people decided"),
        "a changed answer that does not say so": (_unmarked, "is marked"),
        "a mark at one reading only": (_marked_once, "marked in several ways"),
        "a caller that was told nothing": (_never_told, "told anything"),
        "an invocation that vanished": (_vanished, "parked as"),
        "a review that vanished": (_review_vanished, "is gone"),
        "a question that was parked twice": (_parked_twice, "parked as"),
        "a second review of one answer": (_another_review, "its reviews are"),
        "an answer that nobody looked at": (_delivered_unseen, "nobody looked at it"),
        "a second arrival at the provider": (_arrived_again, "reached the provider"),
        "a second send after the answer was parked": (_sent_again, "was sent|had not failed|it was sent"),
        "a second send beside the first": (_sent_beside, "had not failed"),
        "an attempt without a receipt": (_unsettled, "were settled"),
        "an answer that the provider never billed": (_unbilled, "billed by nobody"),
        "a send before the approval": (_sent_unapproved, "before anybody had approved"),
        "a second winner": (_second_winner, "not on record"),
        "a second decision on record": (_decided_twice, "and then"),
        "a decision that is not on record": (_undecided, "not on record|decided 0 times"),
        "a vote on record that nobody cast": (_voted_by_nobody, "nobody cast"),
        "a vote that counts, and was told that it does not": (lambda seen: _retold(seen, 409, True), "was told 409"),
        "a vote that does not count, and was told that it does": (lambda seen: _retold(seen, 200, False), "not on record"),
        "a quorum of one": (_quorum_of_one, "without enough votes"),
        "a quorum of the same person twice": (_same_voter_twice, "without enough votes"),
        "a review with another end than its votes": (_other_status, "its review says"),
        "a review that somebody else decided": (_other_decider, "its review says"),
        "an expiry before its time": (_too_early, "expired after"),
        "an expiry without the step before it": (_expired_unescalated, "heads were asked 0 times"),
        "a vote of a group that was not asked": (_unasked_head, "before anybody asked"),
        "a vote against a claim": (_claim_ignored, "had claimed it"),
        "a claim that was lost": (_claim_lost, "claims on record"),
    }
)
"""By what it stands for: the forgery, and what of the accusation must be said."""


def accused(honest: Sequence[Evidence]) -> dict[str, str]:
    """By forgery: what the auditor says of the first evidence that it can be made of; empty where it finds nothing wrong. A forgery that
    none of this evidence can be made into is left out."""
    said: dict[str, str] = {}
    for name, (forge, _) in FORGERIES.items():
        for seen in honest:
            forged = deepcopy(seen)
            if not forge(forged):
                continue
            try:
                judge(forged)
            except AccusedError as accusation:
                said[name] = str(accusation)
            else:
                said[name] = ""
            break
    return said
