"""Writes what is told of reviews, one or many. Without an excerpt no word of a caller, a model or a reviewer's reason is in it: ids,
names of the policy, people, times."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orchvynt.decisions.outbox.gathering import ReviewNews
from orchvynt.language.snapshot import Destination, Snapshot
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.facts import ReviewDecided, ReviewEscalated, ReviewReminded
from orchvynt.ports.store import ReviewRow
from orchvynt.runtime.excerpts import clipped

REVIEWS_MAX: Final = 100
SECOND: Final = 1_000_000_000
_DONE: Final = {"approve": "approved", "edit": "approved with an edit", "respond": "answered", "reject": "rejected", "expire": "expired"}


class Heard(msgspec.Struct, frozen=True):
    """One fact and the review as it stands. `excerpt` is empty where the destination may not have one."""

    fact: ReviewNews
    row: ReviewRow
    excerpt: str = ""


def word_of(fact: ReviewNews) -> str:
    if isinstance(fact, ReviewDecided):
        return "expired" if fact.decision == "expire" else "decided"
    if isinstance(fact, ReviewReminded):
        return "reminded"
    return "escalated" if isinstance(fact, ReviewEscalated) else "opened"


def body(snapshot: Snapshot, destination: Destination, gate: str, heard: Sequence[Heard], at: int, public_url: str) -> bytes:
    """The message as JSON; all of `heard` are of one kind, but that decided and expired ones go together."""
    words = {word_of(one.fact) for one in heard}
    word = next(iter(words)) if len(words) == 1 else "decided"
    shown = heard[:REVIEWS_MAX]
    alone = heard[0].row.review if len(heard) == 1 else ""
    data: dict[str, Any] = {
        "gate": gate,
        "text": sentence(gate, heard, at),
        "next": f"orchvynt reviews show {alone}" if alone else "orchvynt reviews list",
        "link": f"{public_url}/api/v1/reviews",
        "policy_version": snapshot.version,
        "reviews": [_review(snapshot, destination, one, at, public_url) for one in shown],
        "more": len(heard) - len(shown),
    }
    return msgspec.json.encode({"type": f"review.{word}", "timestamp": instant_text(at), "data": data})


def _review(snapshot: Snapshot, destination: Destination, one: Heard, at: int, public_url: str) -> dict[str, Any]:
    row, fact = one.row, one.fact
    gate = next((gate for gate in snapshot.gates if gate.name == row.gate), None)
    said: dict[str, Any] = {
        "review": row.review,
        "invocation": row.inv,
        "gate": row.gate,
        "stage": row.stage,
        "status": row.status,
        "reviewers": row.reviewers,
        "quorum": row.quorum,
        "requester": row.requester,
        "key": row.key_id,
        "why": gate.when.text if gate is not None and gate.when is not None else "",
        "opened": instant_text(row.opened_at),
        "age": age_text(at - row.opened_at),
        "escalates": instant_text(row.escalates_at) or None,
        "require_reason": row.require_reason,
        "buttons": row.status == "open" and row.wanted is None,
        "link": f"{public_url}/api/v1/reviews/{row.review}",
        "next": f"orchvynt reviews show {row.review}",
    }
    if isinstance(fact, ReviewDecided):
        said |= {"decision": _DONE[fact.decision], "by": fact.by, "decided": instant_text(fact.at)}
        said |= {"reason": clipped(fact.reason)} if destination.excerpt and fact.reason else {}
    if isinstance(fact, ReviewEscalated):
        said["escalated_to"] = fact.to
    return said | ({"excerpt": one.excerpt} if one.excerpt else {})


def sentence(gate: str, heard: Sequence[Heard], at: int) -> str:
    """What happened, in plain text."""
    if len(heard) == 1:
        return _of_one(gate, heard[0])
    oldest = age_text(at - min(one.row.opened_at for one in heard))
    first = heard[0].fact
    if isinstance(first, ReviewDecided):
        return f"{len(heard)} reviews at gate {gate} are decided: {_counts(heard)}."
    if isinstance(first, ReviewEscalated):
        return f"{len(heard)} reviews at gate {gate} were not decided in time; the oldest waits for {oldest}."
    return f"{len(heard)} reviews wait at gate {gate}, the oldest for {oldest}."


def _of_one(gate: str, one: Heard) -> str:
    fact, row = one.fact, one.row
    if isinstance(fact, ReviewDecided):
        how = _DONE[fact.decision] + (f" by {fact.by}" if fact.decision != "expire" else ": nobody decided in time")
        return f"Review {row.review} at gate {gate} is {how}."
    if isinstance(fact, ReviewEscalated):
        return f"Review {row.review} at gate {gate} was not decided in time; {fact.to} may decide now."
    who = " or ".join(row.reviewers)
    return f"Review {row.review} waits at gate {gate} for {f'{row.quorum} of ' if row.quorum > 1 else ''}{who}."


def _counts(heard: Sequence[Heard]) -> str:
    counts: dict[str, int] = {}
    for one in heard:
        assert isinstance(one.fact, ReviewDecided)
        counts[_DONE[one.fact.decision]] = counts.get(_DONE[one.fact.decision], 0) + 1
    return ", ".join(f"{count} {how}" for how, count in _sorted(counts))


def _sorted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def age_text(nanos: int) -> str:
    """In the largest unit that fits: `12 s`, `5 min`, `3 h`, `2 days`."""
    seconds = max(0, nanos // SECOND)
    for length, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length or (seconds >= length and unit != "days"):
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
