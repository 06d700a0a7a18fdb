"""Reviews as a start needs them, and what is known of the callers of parked invocations, over dicts: a part of the store."""

from collections.abc import Sequence

from orchvynt.adapters.departures import DepartureFact, fold_departures
from orchvynt.adapters.memory.inbox import MemoryInbox
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.ports.parked import Departure, ParkedRow, ParkedTerms
from orchvynt.ports.reviews import ReviewRow, ReviewsAsked


class MemoryParked(MemoryInbox):
    """Implements ports.parked.ParkedReviews over the reviews of the inbox."""

    def __init__(self) -> None:
        super().__init__()
        self._departures: dict[str, Departure] = {}
        self._owners: dict[str, str] = {}

    def _owner(self, review: str) -> str:
        return self._owners.get(review, "")

    def file_departures(self, facts: Sequence[DepartureFact], process: str) -> None:
        if facts:
            self._departures = fold_departures(self._departures, facts, process)

    async def parked(self, now: int, joinable_ns: int) -> list[ParkedRow]:
        rows = await self.reviews_page(ReviewsAsked(len(self._reviews), "all"))
        found = [
            parked_row(row, self._departures.get(row.inv) or Departure(row.inv, CLAIM_FOR_NS), self._owner(row.review)) for row in rows
        ]
        return [one for one in found if _kept(one, now, joinable_ns)]


def parked_row(row: ReviewRow, departure: Departure, owner: str) -> ParkedRow:
    """What of a review a process keeps in memory."""
    terms = ParkedTerms(row.reviewers, row.require_reason, row.quorum, row.not_requester, row.requester, row.stage)
    return ParkedRow(
        row.review, row.inv, row.gate, row.status, row.opened_at, row.decided_at, row.by, row.key_id, row.join_key, row.escalates_at,
        row.escalations, row.after_delivery, row.claimed_by, row.claimed_until, row.votes, row.reminds, row.reminded, terms,
        departure.claim_for_ns, departure.left_at, departure.process, owner,
    )  # fmt: skip


def _kept(one: ParkedRow, now: int, joinable_ns: int) -> bool:
    left_at = one.left_at or one.decided_at
    return one.status == "open" or now - one.decided_at < joinable_ns or now - left_at < one.claim_for_ns
