"""Votes, claims and releases, at whichever process they come in: the one that has the review decides, here or asked from here.

INVARIANT: a review is one process's at any time, by the store; that one decides in memory, and exactly once. It is another one's only
when that process is gone, and all that it decided is in the store.
"""

import asyncio
from contextlib import suppress
from typing import Final, Literal

import msgspec

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.model.facts import Choice
from orchvynt.model.faults import Fault
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.following_reviews import FollowingReviews
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.policies import PolicyMissingError
from orchvynt.runtime.voting import Voting

ANSWERED_WITHIN_S: Final = 5.0
TRIES: Final = 3
AGAIN_S: Final = 0.2


class Act(msgspec.Struct, frozen=True):
    """What somebody does with a review. `choice` and what follows are those of a vote (`Voting.vote`)."""

    what: Literal["vote", "claim", "release"]
    review: str
    voter: Voter
    choice: Choice = "approve"
    reason: str = ""
    text: str = ""
    edition: str | None = None
    amount: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What became of it: `fault` None if it counts. `elsewhere`: it is not for this process to say."""

    fault: Fault | None = None
    elsewhere: bool = False


_encode: Final = msgspec.json.Encoder().encode
_decode_act: Final = msgspec.json.Decoder(Act).decode
_decode_outcome: Final = msgspec.json.Decoder(Outcome).decode


class Deciding:
    """The one way to act on a review, from wherever it is asked."""

    def __init__(self, voting: Voting, parked: Parked, store: Store, peers: Peers, following: FollowingReviews) -> None:
        self._voting = voting
        self._parked = parked
        self._store = store
        self.peers = peers
        self._following = following
        peers.answers("review", self._asked)

    async def act(self, act: Act) -> Fault | None:
        """None if it counts: then it is on record, and what it decided has happened. Raises one of UNAVAILABLE, and then nothing is
        decided here."""
        if self.peers.alone:
            return await self._here(act)
        # Whether somebody may have done it who did not say so.
        asked = False
        try:
            for _ in range(TRIES):
                owner = await self._owner(act.review)
                if owner in ("", self.peers.me):
                    fault = await self._here(act)
                    return _silent(act) if asked and fault is not None else fault
                asked, before = True, asked
                answer = await self.peers.ask(owner, "review", _encode(act), ANSWERED_WITHIN_S)
                if answer is not None:
                    outcome, asked = _decode_outcome(answer), before
                    if not outcome.elsewhere:
                        return _silent(act) if asked and outcome.fault is not None else outcome.fault
                elif owner in await self.peers.in_reach():
                    break
                await asyncio.sleep(AGAIN_S)
        except (StoreUnavailableError, JournalUnavailableError):
            if not asked:
                raise
        return _silent(act)

    async def _owner(self, review: str) -> str:
        """Who decides; empty where nobody has to any more, or nobody knows the review. What nobody has is this process's from now on."""
        one = self._parked.review(review)
        if one is not None and not one.elsewhere:
            return self.peers.me
        owner = await self._store.review_owner(review)
        if owner not in ("", self.peers.me) and owner not in [row.process for row in await self._store.processes() if row.state != "gone"]:
            await self._store.adopt_review(review, owner, self.peers.me)
            owner = await self._store.review_owner(review)
        if owner in ("", self.peers.me):
            await self._following.follow()
            row = await self._store.review(review)
            if row is not None and row.status == "open":
                await self._following.adopt(row.inv)
        return owner

    async def _here(self, act: Act) -> Fault | None:
        if act.what == "vote":
            return await self._voting.vote(
                act.review, act.choice, act.voter, act.reason, text=act.text, edition=act.edition, amount=act.amount
            )
        return self._voting.claim(act.review, act.voter) if act.what == "claim" else self._voting.release(act.review, act.voter)

    async def _asked(self, body: bytes) -> bytes:
        """Another process asks. What it is told is in the store by then, as far as that can be had."""
        act = _decode_act(body)
        one = self._parked.review(act.review)
        if one is None or one.elsewhere:
            # It was decided long ago, or it is being handed over.
            return _encode(Outcome(elsewhere=True))
        try:
            outcome = Outcome(await self._here(act))
        except PolicyMissingError as error:
            return _encode(Outcome(Fault("policy_error", f"The review cannot be decided: {error}.", "Start the build that parked it.")))
        except (StoreUnavailableError, JournalUnavailableError) as error:
            return _encode(Outcome(unread(act.review, error)))
        # It counts all the same where that fails: the asker reads of it later.
        with suppress(StoreUnavailableError):
            await self._store.settled()
        return _encode(outcome)


def _silent(act: Act) -> Fault:
    said = f"The process that decides about {act.review} does not answer, so whether the {act.what} counts is not known."
    help_text = f"Look at it (orchvynt reviews show {act.review}), and try again."
    return Fault("store_unavailable", said, help_text, detail={"counts": "unknown"}, retry_after_seconds=5)


def unread(review: str, error: Exception) -> Fault:
    """Nothing was done."""
    said = f"Review {review} cannot be read: {str(error).rstrip('.')}."
    return Fault("store_unavailable", said, "It is still as it was; do it again.", detail={"counts": "no"}, retry_after_seconds=5)


def counted_unread(review: str, error: Exception) -> Fault:
    """It was done, and is on record; what became of the review cannot be shown."""
    said = f"It counts, and how review {review} stands cannot be read now: {str(error).rstrip('.')}."
    return Fault("store_unavailable", said, "Look at it later; do not do it again.", detail={"counts": "yes"}, retry=False)
