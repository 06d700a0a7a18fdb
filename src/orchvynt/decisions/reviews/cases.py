"""What people may do with a review, as a table of transitions over plain data: it is decided exactly once, and a late vote is told who was
first. Knows no clock and no store.

A case is of an invocation, or of a change of the policy: here they are the same. One rejection decides. An approval decides when `quorum`
voters approve the same content: an edit makes new content, so those who approved what was there before have not approved it.
"""

import hashlib
from typing import Final, Literal

import msgspec

from orchvynt.model.emails import normalised
from orchvynt.model.facts import Choice, Vote
from orchvynt.model.faults import Fault

REASON_CHARS_MAX: Final = 2_000
TEXT_CHARS_MAX: Final = 500_000
CLAIM_NS: Final = 15 * 60 * 1_000_000_000
"""So long a claim keeps others out, if its holder does nothing."""

ORIGINAL: Final = "original"
"""The edition of what was parked, as long as nobody has edited it."""
NEW_TEXT: Final[frozenset[Choice]] = frozenset({"edit", "respond"})

Status = Literal["open", "approved", "rejected", "expired"]


class Voter(msgspec.Struct, frozen=True):
    """Who acts. `by` is `token:NAME`, or a person's e-mail address. `groups` are those of the policy in force that the person is in; of a
    token none, for its role admits it everywhere."""

    by: str
    groups: frozenset[str] = frozenset()

    @property
    def is_person(self) -> bool:
        return not self.by.startswith("token:")


class Case(msgspec.Struct, frozen=True):
    """`reviewers` are the groups that may decide, `requester` the owner of the caller's key, or the author of a change. `choices` are what
    can be decided at all. `votes` are those that count, in their order. A claim holds until `claimed_until` (ns UTC). `kind` is what people
    call it; one of a change has the change's id as `review`."""

    review: str
    status: Status = "open"
    decided_by: str = ""
    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    not_requester: bool = False
    requester: str = ""
    require_reason: bool = False
    choices: frozenset[Choice] = frozenset({"approve", "reject"})
    votes: tuple[Vote, ...] = ()
    claimed_by: str = ""
    claimed_until: int = 0
    kind: Literal["review", "change"] = "review"

    @property
    def what(self) -> str:
        return f"{self.kind} {self.review}"

    @property
    def rule(self) -> str:
        """What the policy calls it that whoever asked may not approve."""
        return "not_requester" if self.kind == "review" else "not_author"

    @property
    def edited(self) -> Vote | None:
        """The vote whose text stands in place of what was parked."""
        first = self.votes[0] if self.votes else None
        return first if first is not None and first.choice in NEW_TEXT else None

    @property
    def edition(self) -> str:
        """Names the content that an approval lets through now."""
        edited = self.edited
        return hashlib.sha256(edited.text.encode()).hexdigest()[:16] if edited is not None else ORIGINAL


class Counted(msgspec.Struct, frozen=True):
    """A vote that counts. `decides` once no further one is needed: the case is decided as `decision` says."""

    case: Case
    decides: bool

    @property
    def cast(self) -> Vote:
        return self.case.votes[-1]

    @property
    def decision(self) -> Choice:
        if self.cast.choice == "reject":
            return "reject"
        return self.case.edited.choice if self.case.edited is not None else "approve"

    @property
    def text(self) -> str:
        """What takes the place of what was parked; empty where nothing does."""
        edited = self.case.edited
        return edited.text if edited is not None and self.cast.choice != "reject" else ""


def vote(case: Case, voter: Voter, choice: Choice, reason: str, at: int, text: str = "", edition: str | None = None) -> Counted | Fault:
    """One vote: it counts, and may decide, or a Fault says why it does not. `text` is what an edit or a response says. `edition` is what
    the voter has seen, None where it does not say: nobody approves an edit that came in between."""
    fault = late(case) or _barred(case, voter, choice) or _reason(case, reason) or _text(choice, text) or _claimed(case, voter, at)
    if fault is not None:
        return fault
    if edition is not None and edition != case.edition and choice != "reject":
        by = case.edited.by if case.edited is not None else "somebody"
        return _conflict(case, f"{by} has changed the content of {case.what} since you looked.", "Look again, then vote.")
    mine = next((one for one in case.votes if one.by == voter.by), None)
    if mine is not None and choice == "approve" and mine.choice != "reject":
        return _conflict(case, f"{voter.by} has approved {case.what} before; {_missing(case)}.")
    votes = counted(case.votes, Vote(voter.by, choice, reason, at, text))
    decides = choice == "reject" or len(votes) >= case.quorum
    kept = msgspec.structs.replace(case, votes=votes, claimed_by="", claimed_until=0)
    return Counted(kept, decides)


def counted(votes: tuple[Vote, ...], cast: Vote) -> tuple[Vote, ...]:
    """The votes that count after one more: one of each voter, and none for what is not there any more."""
    before = () if cast.choice in NEW_TEXT else tuple([one for one in votes if one.by != cast.by])
    return (*before, cast)


def claim(case: Case, voter: Voter, at: int, for_ns: int = CLAIM_NS) -> Case | Fault:
    """The voter looks at it, and others are kept out for a while. To claim it again prolongs that."""
    if fault := late(case) or _barred(case, voter, "claim") or _claimed(case, voter, at):
        return fault
    return msgspec.structs.replace(case, claimed_by=voter.by, claimed_until=at + for_ns)


def release(case: Case, voter: Voter, at: int) -> Case | Fault:
    """The voter gives it back. Nobody else can, and nobody who is not asked; without a claim nothing changes."""
    strange = _barred(case, voter, "claim") if case.claimed_by != voter.by else None
    if fault := late(case) or strange or _claimed(case, voter, at):
        return fault
    return msgspec.structs.replace(case, claimed_by="", claimed_until=0)


def late(case: Case) -> Fault | None:
    """What whoever comes too late is told."""
    if case.status == "open":
        return None
    return Fault(
        "conflict",
        f"{case.kind.capitalize()} {case.review} was {case.status} by {case.decided_by or 'nobody'} before this vote; it is decided once.",
        f"See `orchvynt {case.kind}s show {case.review}`.",
        detail={"review": case.review, "status": case.status, "by": case.decided_by},
    )


def _barred(case: Case, voter: Voter, choice: Choice | Literal["claim"]) -> Fault | None:
    """Whether this voter may do this. A token is no person: it never satisfies `not_requester`. To reject lets nothing through."""
    if choice != "claim" and choice not in case.choices:
        offered = ", ".join(sorted(case.choices))
        return Fault(
            "invalid_request",
            f"{case.kind.capitalize()} {case.review} cannot be decided by {choice}.",
            f"It takes: {offered}.",
            param="decision",
        )
    if voter.is_person and not voter.groups.intersection(case.reviewers):
        asked = " or ".join(case.reviewers)
        said = f"{voter.by} is not in {asked}, who decide {case.what}."
        return Fault("forbidden", said, "Ask one of them, or have the policy's `groups` changed.")
    if case.not_requester and choice not in ("claim", "reject"):
        if not voter.is_person:
            said = f"{case.kind.capitalize()} {case.review} must be approved by people (`{case.rule}`), and {voter.by} is a token."
            return Fault("forbidden", said, "Log in as a person: orchvynt login.")
        if voter.by.casefold() == (normalised(case.requester) or case.requester.casefold()):
            said = f"{voter.by} is who asked, and whoever asked may not approve {case.what} (`{case.rule}`)."
            return Fault("forbidden", said, "Somebody else has to decide.")
    return None


def _reason(case: Case, reason: str) -> Fault | None:
    if case.require_reason and not reason.strip():
        said = f"The gate of {case.what} requires a reason."
        return Fault("invalid_request", said, "Give one with --reason TEXT.", param="reason")
    if len(reason) > REASON_CHARS_MAX:
        return Fault("invalid_request", f"The reason is {len(reason)} characters long; the most is {REASON_CHARS_MAX}.", param="reason")
    return None


def _text(choice: Choice, text: str) -> Fault | None:
    if choice not in NEW_TEXT:
        if not text:
            return None
        return Fault("invalid_request", f"A vote to {choice} has no text of its own.", "Leave the reply out, or vote edit.", param="reply")
    if not text.strip():
        return Fault(
            "invalid_request", f"A vote to {choice} needs the text that the caller shall get.", "Give it as the reply.", param="reply"
        )
    if len(text) > TEXT_CHARS_MAX:
        said = f"The text is {len(text)} characters long; the most is {TEXT_CHARS_MAX}."
        return Fault("invalid_request", said, "Respond with less, or reject.", param="reply")
    return None


def _claimed(case: Case, voter: Voter, at: int) -> Fault | None:
    if not case.claimed_by or case.claimed_by == voter.by or case.claimed_until <= at:
        return None
    return _conflict(case, f"{case.claimed_by} has claimed {case.what}.", "Wait until it is released or the claim has lapsed.")


def _missing(case: Case) -> str:
    more = case.quorum - len(case.votes)
    return f"{more} more {'person has' if more == 1 else 'people have'} to"


def _conflict(case: Case, said: str, help: str = "") -> Fault:
    detail = {"review": case.review, "votes": len(case.votes), "quorum": case.quorum, "claimed_by": case.claimed_by}
    return Fault("conflict", said, help or f"See `orchvynt {case.kind}s show {case.review}`.", detail=detail)
