"""What is counted of reviews: opened, claimed, voted, reminded, escalated, decided, and how long that took."""

from orchvynt.model import facts
from orchvynt.runtime import metrics as m
from orchvynt.runtime.metrics import Sampled
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.series import Histogram, Series


class ReviewCounts:
    """Votes, claims and reminders belong to no life: whoever wrote their fact counts them."""

    def __init__(self, parked: Parked) -> None:
        self._parked = parked
        self.reviews_opened = Series(m.REVIEWS_OPENED)
        self.claims = Series(m.REVIEW_CLAIMS)
        self.votes = Series(m.REVIEW_VOTES)
        self.reviews_reminded = Series(m.REVIEWS_REMINDED)
        self.reviews_escalated = Series(m.REVIEWS_ESCALATED)
        self.reviews_decided = Series(m.REVIEWS_DECIDED)
        self.duration = Histogram(m.REVIEW_DURATION)

    def sampled(self) -> list[Sampled]:
        return [kept.sampled() for kept in vars(self).values() if isinstance(kept, Series | Histogram)]

    def opened(self, fact: facts.ReviewOpened) -> None:
        self.reviews_opened.add((fact.gate,))

    def claimed(self, gate: str) -> None:
        self.claims.add((gate,))

    def voted(self, gate: str, choice: facts.Choice) -> None:
        self.votes.add((gate, choice))

    def reminded(self, gate: str) -> None:
        self.reviews_reminded.add((gate,))

    def escalated(self, fact: facts.ReviewEscalated) -> None:
        one = self._parked.review(fact.review)
        self.reviews_escalated.add((one.gate if one is not None else m.OTHER,))

    def decided(self, fact: facts.ReviewDecided) -> None:
        """The review may have been opened by an earlier process."""
        one = self._parked.review(fact.review)
        self.reviews_decided.add((one.gate if one is not None else m.OTHER, fact.decision))
        if one is not None:
            self.duration.observe((one.gate,), max(0, fact.at - one.at))
