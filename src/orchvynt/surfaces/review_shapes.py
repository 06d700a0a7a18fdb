"""The JSON of the admin API about reviews: what waits, who has voted, and what people decide."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

ChoiceName = Literal["approve", "edit", "reject", "respond"]
BULK_MAX = 500


class WantedView(msgspec.Struct, frozen=True):
    """What an invocation wants of a budget without room. Amounts are decimal texts: USD or whole tokens, as `unit` says. `limit` is with
    what was granted before; `grants` are the amounts that an approval may grant."""

    budget: str
    subject: str
    unit: Literal["usd", "tokens"]
    limit: str
    spent: str
    held: str
    needed: str
    resets_at: str
    grants: tuple[str, ...]


class VoteView(msgspec.Struct, frozen=True):
    """A vote that counts. `by` is a person's e-mail address, or `token:NAME`."""

    by: str
    choice: ChoiceName
    reason: str
    at: str


class ReviewView(msgspec.Struct, frozen=True):
    """One parked answer, or one invocation that wants more of a budget before its send: then `gate` is `budget NAME`, and `wanted` says
    what it wants. `by`, `reason` and `decision` are set once it is decided (`by` is who voted last), `granted` where an approval granted
    something.

    `choices` are what it takes, `missing` is how many more have to approve. `edition` names what they approve: `original`, or the edit
    that somebody voted for (`edited`). `claimed_by` keeps others out until `claimed_until`."""

    review: str
    invocation: str
    gate: str
    status: Literal["open", "approved", "rejected", "expired"]
    opened_at: str
    decided_at: str
    by: str
    reason: str
    reviewers: tuple[str, ...]
    require_reason: bool
    escalates_at: str
    escalation: str
    wanted: WantedView | None
    granted: str
    stage: Literal["input", "output", "tool_call", "budget"] = "output"
    decision: Literal["", "approve", "edit", "reject", "respond", "expire"] = ""
    choices: tuple[ChoiceName, ...] = ()
    quorum: int = 1
    missing: int = 0
    votes: tuple[VoteView, ...] = ()
    not_requester: bool = False
    requester: str = ""
    edited: bool = False
    edition: str = ""
    claimed_by: str = ""
    claimed_until: str = ""
    reminds_at: str = ""
    reminded: int = 0
    after_delivery: bool = False


class ReviewDetail(ReviewView, frozen=True):
    """What a reviewer decides on. `answer` is the parked answer, `reads` what the gate's expression read, `verdict` how it came about.
    `proposed` is the text of an edit or a response that others have to approve yet; `diff` its unified diff against the answer's text,
    or that of the edit that was decided."""

    workflow: str = ""
    agent: str = ""
    run: str = ""
    asked: str = ""
    verdict: str = ""
    reads: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    proposed: str = ""
    diff: str = ""


class DecisionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vote. `reply` is the text of an edit or a response. `grant` is the amount that an approval grants of a budget, in its unit; it
    may be left out where the policy lists one amount only. With `edition` it counts only for that content."""

    decision: ChoiceName
    reason: str = ""
    reply: str = ""
    grant: Decimal | None = None
    edition: str | None = None


class DecisionsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same decision about several reviews; each is decided apart."""

    reviews: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=BULK_MAX)]
    decision: Literal["approve", "reject"]
    reason: str = ""


class DecidedView(msgspec.Struct, frozen=True):
    """What became of one: `decided`, `voted` (others have to vote, too) or `refused`, with the code and the message of that. A vote that
    counts is `voted` with the code `store_unavailable` where it cannot be shown what became of the review."""

    review: str
    outcome: Literal["decided", "voted", "refused"]
    status: Literal["", "open", "approved", "rejected", "expired"] = ""
    code: str = ""
    message: str = ""


class DecisionsView(msgspec.Struct, frozen=True):
    """One item for each review that was named, in that order. `refused` counts those that were refused."""

    items: tuple[DecidedView, ...]
    refused: int = 0
