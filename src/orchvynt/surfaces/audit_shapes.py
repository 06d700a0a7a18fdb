"""The JSON of the audit: entries with their chain, what a check found, coverage, legal holds, forgetting. Instants are RFC 3339 UTC texts;
`at_ns` is the instant as it stands in the hash."""

from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, frozen=True):
    """One entry with its place in the chain. `details` are ids and numbers; `digests` are SHA-256 of salt and content, by name; `salts`
    are hex, by name, and gone (with `why`) where `forgotten_by` names the entry that tells of it. docs/reference/audit.md says how the
    hash is made."""

    number: int
    at: str
    who: str
    what: str
    why: str
    subject: str
    at_ns: str
    details: dict[str, Any]
    digests: dict[str, str]
    salts: dict[str, str]
    salted: str
    previous: str
    hash: str
    forgotten_by: int = 0


class HeadView(msgspec.Struct, frozen=True):
    """The newest entry as it is anchored outside of the table: what to keep elsewhere, to hold the chain against later."""

    number: int
    hash: str


class VerifiedView(msgspec.Struct, frozen=True):
    """`bad_at` is the first entry that is not as it was (0: none), `problem` what is wrong there. `forgotten` entries have lost their
    words to a forgetting that is told in the chain."""

    ok: bool
    entries: int
    head: HeadView
    bad_at: int
    problem: str
    forgotten: int
    anchored: HeadView | None


class CountsView(msgspec.Struct, frozen=True):
    """`matched` is the sum of all the others. `undecided` were delivered without a decision; `ended` were refused or cut off before a
    review, with nothing delivered. A response of a reviewer counts as edited."""

    matched: int
    approved: int
    edited: int
    rejected: int
    timed_out: int
    open: int
    ended: int
    undecided: int


class ReviewerView(msgspec.Struct, frozen=True):
    """From the opening of a review to this voter's vote."""

    by: str
    votes: int
    median_ms: float
    max_ms: float


class CoverageView(msgspec.Struct, frozen=True):
    """What a gate matched from `from` to before `to`, by what became of it. `delivered_without_decision` are the ids of
    `held.undecided`, at most 1,000."""

    gate: str
    begins: str
    ends: str
    held: CountsView
    after_delivery: CountsView
    observed: int
    failed: int
    delivered_without_decision: tuple[str, ...]
    reviewers: tuple[ReviewerView, ...]


class HoldView(msgspec.Struct, frozen=True):
    hold: str
    at: str
    by: str
    ticket: str
    where: str
    released_at: str
    released_by: str
    release_why: str


class HoldBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    where: str
    message: str


class ReleaseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    message: str


class ForgetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `yes` it is only counted."""

    where: str
    message: str
    yes: bool = False


class ForgetView(msgspec.Struct, frozen=True):
    """`invocations` are the records that are meant (the first 100 by id in `examples`); `open` ones stay as they are, and so do those on
    which the condition could not be evaluated (`unclear`). While `held` is not 0 nothing is forgotten. What was taken stands in the rest
    once it is `done`."""

    done: bool
    invocations: int
    examples: tuple[str, ...]
    open: int
    unclear: int
    held: int
    hold: str
    reviews: int = 0
    answers: int = 0
    evidence: int = 0
    entries: int = 0
