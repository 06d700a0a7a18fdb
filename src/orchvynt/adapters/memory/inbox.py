"""The inbox over rows in memory: the same answers as the databases give."""

from collections.abc import Iterable

from orchvynt.adapters.memory.part import MemoryPart
from orchvynt.ports.reviews import ReviewRow, ReviewsAsked


class MemoryInbox(MemoryPart):
    """The reviews of the memory store."""

    def __init__(self) -> None:
        super().__init__()
        self._reviews: dict[str, ReviewRow] = {}

    async def reviews_page(self, asked: ReviewsAsked) -> list[ReviewRow]:
        self._check_open()
        return reviews_page(self._reviews.values(), asked)

    async def review(self, review: str) -> ReviewRow | None:
        self._check_open()
        return self._reviews.get(review)


def reviews_page(rows: Iterable[ReviewRow], asked: ReviewsAsked) -> list[ReviewRow]:
    found = sorted((row for row in rows if _matches(row, asked)), key=_place, reverse=asked.newest_first)
    if asked.after is not None:
        after = asked.after
        found = [row for row in found if (_place(row) < after if asked.newest_first else _place(row) > after)]
    return found[: asked.limit]


def _place(row: ReviewRow) -> tuple[int, str]:
    return row.opened_at, row.review


def _matches(row: ReviewRow, asked: ReviewsAsked) -> bool:
    claimed_by = row.claimed_by if row.claimed_until > asked.now else ""
    claim = {"": True, "yes": claimed_by != "", "no": claimed_by == "", "by": claimed_by == asked.claimed_by}
    return (
        asked.status in ("all", row.status)
        and asked.gate in ("", row.gate)
        and claim[asked.claimed]
        and (asked.groups is None or not asked.groups.isdisjoint(row.reviewers))
    )
