"""Facts of gates and reviews. They are read as a part of `facts`."""

from typing import Any, Final, Literal

import msgspec

from orchvynt.model.fact import Fact

Choice = Literal["approve", "edit", "reject", "respond"]
"""What a vote says. An edit changes the answer, and a response takes its place: both let it through."""
Decision = Literal["approve", "edit", "reject", "respond", "expire"]
CLAIM_FOR_NS: Final = 24 * 3_600 * 1_000_000_000
"""How long a caller that was told to come back may do so with nothing but its request, unless the gate says otherwise."""
ReviewStage = Literal["input", "output", "tool_call", "budget"]


class Vote(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`by` is `token:NAME`, or a person's e-mail address. `at` is ns UTC. `text` is what an edit makes of the answer's text, or what
    a response says in its place."""

    by: str
    choice: Choice
    reason: str
    at: int
    text: str = ""


class Wanted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an invocation wants of a budget that has no room for it: reviewers may grant one of `grants`.

    Amounts are in `unit`: nano-dollars for `usd`, else tokens. `limit` is what was in force, earlier grants included. `resets_at` is ns
    UTC, 0 for never."""

    budget: str
    subject: str
    unit: Literal["usd", "tokens"]
    limit: int
    spent: int
    held: int
    needed: int
    resets_at: int
    grants: tuple[int, ...]


class GateJudged(Fact, frozen=True, tag="gate_judged"):
    """`verdict` is matched, passed or failed. A gate that failed to evaluate closes. `calls` are the tool calls of the answer that it
    closes for, each with its position from 0 and its tool. `would` is set where the gate only observes: what it would have done.
    `after_delivery` says of one that did not pass whether the gate holds nothing; None in the records of builds that did not say it."""

    gate: str
    stage: str
    verdict: Literal["matched", "passed", "failed"]
    reads: dict[str, Any] = {}
    problem: str = ""
    calls: tuple[tuple[int, str], ...] = ()
    would: Literal["", "would_park", "would_refuse", "would_review"] = ""
    after_delivery: bool | None = None


class ReviewOpened(Fact, frozen=True, tag="review_opened"):
    """The invocation is parked. `state` is its whole state, enough to go on in another process; it holds the answer, or, where it is
    parked before its send, the request. `gate` is the gate's name, or `budget NAME`; then `wanted` says what it wants of that. `requester`
    is the owner of the caller's key. `after_delivery`: the caller has its answer already, and nothing waits; `state` is then a copy for the
    reviewers, without an answer where that was too long to keep. `reminds` are the instants (ns UTC) at which the reviewers are reminded
    while it is open. `claim_for_ns` is how long the same request joins, from when its caller was told to come back or went away."""

    review: str
    gate: str
    reviewers: tuple[str, ...]
    key_id: str
    join_key: str
    state: bytes
    require_reason: bool = False
    escalates_at: int = 0
    escalation: str = ""
    wanted: Wanted | None = None
    stage: ReviewStage = "output"
    quorum: int = 1
    not_requester: bool = False
    requester: str = ""
    after_delivery: bool = False
    reminds: tuple[int, ...] = ()
    claim_for_ns: int = CLAIM_FOR_NS


class ReviewClaimed(Fact, frozen=True, tag="review_claimed"):
    """Somebody looks at it, and keeps others out until `until` (ns UTC)."""

    review: str
    by: str
    until: int


class ReviewReleased(Fact, frozen=True, tag="review_released"):
    review: str
    by: str


class ReviewVoted(Fact, frozen=True, tag="review_voted"):
    """A vote that counts and does not decide yet."""

    review: str
    vote: Vote


class ReviewEscalated(Fact, frozen=True, tag="review_escalated"):
    """`escalates_at` and `escalation` are the step after this one."""

    review: str
    to: str
    escalates_at: int = 0
    escalation: str = ""


class ReviewReminded(Fact, frozen=True, tag="review_reminded"):
    """Nobody has decided yet, and the reviewers are reminded. `number` counts reminders from 1; those that fell due while nothing ran
    are one."""

    review: str
    number: int


class ReviewDecided(Fact, frozen=True, tag="review_decided"):
    """`by` is `token:NAME` or a person, whose vote was the last one needed. `state` is the invocation's state after the decision, without
    its request. `granted` is what an approval gave of a budget, in the unit of what was wanted. `decision` is edit or respond where the
    votes were for such a text; `diff` then is the unified diff from the answer's text to it, bounded."""

    review: str
    decision: Decision
    by: str
    state: bytes
    reason: str = ""
    granted: int = 0
    diff: str = ""


class ReviewConcluded(Fact, frozen=True, tag="review_concluded"):
    """What became of an invocation that an approval let go on: `state` holds its answer, or why there is none, and stays what whoever
    comes back is told. Not `joinable`: the same request is a new invocation then, for the end was one that a retry may mend."""

    review: str
    state: bytes
    joinable: bool = True


class CallerWaits(Fact, frozen=True, tag="caller_waits"):
    """`how` is held, pending (answered with hitl_pending), joined or gone."""

    how: Literal["held", "pending", "joined", "gone"]
