"""Reviews as the store has them become those of the index: at a start, and when another process changed them."""

from collections.abc import Iterable, Iterator

from orchvynt.decisions.reviews.cases import Case
from orchvynt.decisions.reviews.choices import offered
from orchvynt.ports.parked import ParkedRow, ParkedTerms
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import ParkedOne


class Reading:
    """Rows share what is equal of them. `me` is this process. `cut_off_at` is set at a start: whoever still waited for an invocation was
    cut off when the process before ended, and whoever waited for its decision may have been."""

    def __init__(self, parked: Parked, me: str, cut_off_at: int | None = None) -> None:
        self._parked = parked
        self._me = me
        self._cut_off_at = cut_off_at
        self._cases: dict[tuple[ParkedTerms, bool], Case] = {}

    def ones(self, rows: Iterable[ParkedRow]) -> Iterator[ParkedOne]:
        """The reviews of the rows, in their order."""
        for row in rows:
            is_open = row.status == "open"
            due = row.escalates_at if is_open else 0
            one = ParkedOne(row.review, row.inv, row.gate, row.key_id, row.join_key, row.opened_at, due, row.status)
            one.by = row.by
            one.escalations = row.escalations
            one.decided_at = row.decided_at
            one.after_delivery = row.after_delivery
            if is_open:
                one.elsewhere = row.owner if row.owner != self._me else ""
                one.terms = self._terms(row)
                one.votes, one.claimed_by, one.claimed_until = row.votes, row.claimed_by, row.claimed_until
                one.reminds, one.reminded = row.reminds, row.reminded
            one.claim_for_ns = row.claim_for_ns
            one.left_at = row.left_at or None
            one.waits_at = row.waits_at if row.waits_at != self._me else ""
            if one.left_at is None and self._cut_off_at is not None and not (one.elsewhere or one.waits_at):
                one.left_at = row.decided_at or self._cut_off_at
            elif one.left_at is None and not row.waits_at:
                # Of a build that did not note where a caller waits: at no process of today.
                one.left_at = row.decided_at or row.opened_at
            yield one

    def _terms(self, row: ParkedRow) -> Case:
        """As `lifecycle.review_cases` makes them of the opening; a further group may have been asked since."""
        key = terms, after_delivery = row.terms, row.after_delivery
        if (known := self._cases.get(key)) is None:
            known = self._cases[key] = self._parked.shared(
                Case(
                    "",
                    reviewers=terms.reviewers,
                    quorum=terms.quorum,
                    not_requester=terms.not_requester,
                    requester=terms.requester,
                    require_reason=terms.require_reason,
                    choices=offered(terms.stage, after_delivery),
                )
            )
        return known
