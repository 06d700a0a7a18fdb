"""Forged evidence of what callers were told, what was sent, and what is on record of it."""

from copy import deepcopy

from tests.support.review_kills.evidence import Arrival, End, Evidence
from tests.support.review_kills.forging import entries, insert, lasting, review_of
from tests.support.review_kills.gates import ANSWER, GATES


def _another_end(seen: Evidence, end: End) -> bool:
    seen.ends[-1] = end
    return True


def other_words(seen: Evidence) -> bool:
    return _another_end(seen, seen.ends[0]._replace(said="A ledger is a book that forgets."))


def other_id(seen: Evidence) -> bool:
    return seen.ends[0].id != "" and _another_end(seen, seen.ends[0]._replace(id="chatcmpl-other"))


def refused_at_last(seen: Evidence) -> bool:
    return seen.ends[0].id != "" and _another_end(seen, End("", "review_rejected"))


def all_other_words(seen: Evidence) -> bool:
    seen.ends = [end._replace(said="A ledger is a book that forgets.") for end in seen.ends]
    return True


def original_of_an_edit(seen: Evidence) -> bool:
    seen.ends = [end._replace(said=ANSWER) for end in seen.ends]
    return bool(review_of(seen)["decision"] == "edit")


def unmarked(seen: Evidence) -> bool:
    marked = any(seen.marks)
    seen.marks = ["" for _ in seen.marks]
    return marked


def marked_once(seen: Evidence) -> bool:
    had = len(seen.marks) > 1 and not any(seen.marks)
    seen.marks = [*seen.marks[:-1], "edit"]
    return had


def never_told(seen: Evidence) -> bool:
    seen.ends = []
    return True


def vanished(seen: Evidence) -> bool:
    seen.records.remove(lasting(seen))
    return True


def review_vanished(seen: Evidence) -> bool:
    del seen.reviews[review_of(seen)["review"]]
    return True


def parked_twice(seen: Evidence) -> bool:
    twin = deepcopy(lasting(seen))
    twin["invocation"] += "X"
    seen.records.append(twin)
    seen.left_ns = 0
    return True


def another_review(seen: Evidence) -> bool:
    review = review_of(seen)["review"]
    return insert(seen, "review_decided", "review_opened", review=review.removesuffix("1") + "2")


def delivered_unseen(seen: Evidence) -> bool:
    twin = deepcopy(lasting(seen))
    twin["invocation"] += "X"
    twin["outcome"] = "answered"
    twin["timeline"] = [entry for entry in twin["timeline"] if not entry["kind"].startswith("review_")]
    seen.records.append(twin)
    return True


def arrived_again(seen: Evidence) -> bool:
    sent = sum(entry["kind"] == "attempt_sent" for record in seen.records for entry in record["timeline"])
    seen.arrivals += [Arrival(1_000_000 + number, "whole") for number in range(sent + 1 - len(seen.arrivals))]
    return True


def sent_again(seen: Evidence) -> bool:
    """On record, and billed: it is a second send all the same, for an answer was there."""
    if not insert(seen, "review_decided", "attempt_sent", attempt="att_forged"):
        return False
    seen.arrivals.append(Arrival(1_000_000, "whole"))
    return insert(seen, "review_decided", "attempt_settled", attempt="att_forged")


def sent_beside(seen: Evidence) -> bool:
    """A second attempt while the first is under way: no fallback."""
    if not insert(seen, "attempt_ended", "attempt_sent", attempt="att_forged"):
        return False
    seen.arrivals.append(Arrival(1_000_000, "whole"))
    return insert(seen, "attempt_ended", "attempt_settled", attempt="att_forged")


def unsettled(seen: Evidence) -> bool:
    timeline = lasting(seen)["timeline"]
    settled = entries(seen, "attempt_settled")
    for entry in settled:
        timeline.remove(entry)
    return bool(settled)


def unbilled(seen: Evidence) -> bool:
    seen.arrivals = [arrival._replace(how="") for arrival in seen.arrivals]
    return any(entry["detail"]["outcome"] == "answered" for entry in entries(seen, "attempt_ended"))


def sent_unapproved(seen: Evidence) -> bool:
    if GATES[seen.gate].stage != "input" or not insert(seen, "review_decided", "attempt_sent", attempt="att_forged"):
        return False
    seen.arrivals.append(Arrival(1_000_000, "whole"))
    insert(seen, "review_decided", "attempt_ended", attempt="att_forged", outcome="timeout")
    return insert(seen, "review_decided", "attempt_settled", attempt="att_forged")
