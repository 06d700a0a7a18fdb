"""Forged evidence of what people did: votes, quorums, claims and expiries as a broken server would have counted them."""

from copy import deepcopy

from tests.support.review_kills.evidence import Cast, Claim, Evidence
from tests.support.review_kills.forging import entries, insert, lasting, review_of
from tests.support.review_kills.gates import ANA, BEN, CLEO, GATES


def _casts(seen: Evidence) -> list[Cast]:
    return seen.casts.setdefault(review_of(seen)["review"], [])


def _retold(seen: Evidence, told: int, counts: bool) -> bool:
    """Somebody whose vote counts, or does not, was told something else."""
    recorded = {entry["detail"].get("vote", entry["detail"]).get("reason") for entry in entries(seen, "review_voted")}
    recorded |= {entry["detail"].get("reason") for entry in entries(seen, "review_decided")}
    casts = _casts(seen)
    place = next((number for number, cast in enumerate(casts) if cast.told and (cast.reason in recorded) == counts), None)
    if place is None:
        return False
    casts[place] = casts[place]._replace(told=told)
    return True


def second_winner(seen: Evidence) -> bool:
    """Another choice was told to count, too."""
    other = "approve" if review_of(seen)["status"] == "rejected" else "reject"
    _casts(seen).append(Cast(BEN, other, "forged", "", 200))
    return True


def decided_twice(seen: Evidence) -> bool:
    _casts(seen).append(Cast(BEN, "reject", "forged", "", 200))
    timeline = lasting(seen)["timeline"]
    last = deepcopy(entries(seen, "review_decided")[0])
    last["detail"] = {"decision": "reject", "by": BEN, "reason": "forged"}
    timeline.append(last)
    return True


def undecided(seen: Evidence) -> bool:
    timeline = lasting(seen)["timeline"]
    timeline.remove(entries(seen, "review_decided")[0])
    return True


def voted_by_nobody(seen: Evidence) -> bool:
    vote = {"by": ANA, "choice": "approve", "reason": "forged"}
    return insert(seen, "review_decided", "review_voted", vote=vote)


def quorum_of_one(seen: Evidence) -> bool:
    timeline, votes = lasting(seen)["timeline"], entries(seen, "review_voted")
    if GATES[seen.gate].quorum == 1 or review_of(seen)["decision"] == "reject" or not votes:
        return False
    for entry in votes:
        timeline.remove(entry)
        seen.casts[review_of(seen)["review"]] = [cast for cast in _casts(seen) if cast.reason != entry["detail"]["vote"]["reason"]]
    return True


def same_voter_twice(seen: Evidence) -> bool:
    votes = entries(seen, "review_voted")
    if GATES[seen.gate].quorum == 1 or review_of(seen)["decision"] != "approve" or not votes:
        return False
    by = entries(seen, "review_decided")[0]["detail"]["by"]
    for entry in votes:
        vote = entry["detail"]["vote"]
        seen.casts[review_of(seen)["review"]] = [one._replace(by=by) if one.reason == vote["reason"] else one for one in _casts(seen)]
        vote["by"] = by
    return True


def other_status(seen: Evidence) -> bool:
    review = review_of(seen)
    review["status"] = "approved" if review["status"] == "rejected" else "rejected"
    return True


def other_decider(seen: Evidence) -> bool:
    review_of(seen)["by"] = "eve@example.com"
    return True


def too_early(seen: Evidence) -> bool:
    opened, decided = entries(seen, "review_opened")[0], entries(seen, "review_decided")[0]
    decided["at"] = opened["at"]
    return bool(decided["detail"]["decision"] == "expire")


def unasked_head(seen: Evidence) -> bool:
    decided = entries(seen, "review_decided")[0]
    if entries(seen, "review_escalated") or decided["detail"]["decision"] == "expire":
        return False
    reason = decided["detail"]["reason"]
    seen.casts[review_of(seen)["review"]] = [one._replace(by=CLEO) if one.reason == reason else one for one in _casts(seen)]
    decided["detail"]["by"] = review_of(seen)["by"] = CLEO
    return True


def expired_unescalated(seen: Evidence) -> bool:
    timeline, escalated = lasting(seen)["timeline"], entries(seen, "review_escalated")
    for entry in escalated:
        timeline.remove(entry)
    return bool(escalated) and review_of(seen)["status"] == "expired"


def claim_ignored(seen: Evidence) -> bool:
    decided = entries(seen, "review_decided")[0]["detail"]
    who = BEN if decided["by"] == ANA else ANA
    if decided["decision"] == "expire" or not insert(seen, "review_decided", "review_claimed", by=who):
        return False
    seen.claims.setdefault(review_of(seen)["review"], []).append(Claim(who, 200))
    return True


def claim_lost(seen: Evidence) -> bool:
    seen.claims.setdefault(review_of(seen)["review"], []).append(Claim(ANA, 200))
    return True


def told_not_to_count(seen: Evidence) -> bool:
    return _retold(seen, 409, counts=True)


def told_to_count(seen: Evidence) -> bool:
    return _retold(seen, 200, counts=False)
