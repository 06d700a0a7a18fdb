"""Whether everything that a gate matched was decided before it was delivered, counted from the records themselves. Pure.

The sum is exact: matched = approved + edited + rejected + timed out + open + ended + undecided. `undecided` has to be 0: those were
delivered although nobody had decided. `ended` were refused, or cut off, without a review and without a delivery.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from orchvynt.model import facts as f

Class = Literal["approved", "edited", "rejected", "timed_out", "open", "ended", "undecided"]
CLASSES: Final[tuple[Class, ...]] = ("approved", "edited", "rejected", "timed_out", "open", "ended", "undecided")

_DECIDED: Final[dict[f.Decision, Class]] = {
    "approve": "approved",
    "edit": "edited",
    "respond": "edited",
    "reject": "rejected",
    "expire": "timed_out",
}


class ReviewerTime(msgspec.Struct, frozen=True):
    """How long the reviews of the gate were open until this voter voted (ns). The median of an even number
    is half of the sum of the two in the middle, cut to whole ns."""

    by: str
    votes: int
    median_ns: int
    max_ns: int


class Counts(msgspec.Struct, frozen=True):
    """Invocations by what became of them; their sum is `matched`."""

    matched: int = 0
    approved: int = 0
    edited: int = 0
    rejected: int = 0
    timed_out: int = 0
    open: int = 0
    ended: int = 0
    undecided: int = 0


class Coverage(msgspec.Struct, frozen=True):
    """`held` are those that were to wait for a decision, `after_delivery` those whose review holds nothing (a sample), `observed` those of
    a gate that only watches. `failed` of the held matched because the gate could not be evaluated. `undecided` are the ids of those that
    were delivered without a decision, at most `UNDECIDED_MAX`."""

    gate: str
    held: Counts
    after_delivery: Counts
    observed: int
    failed: int
    undecided: tuple[str, ...]
    reviewers: tuple[ReviewerTime, ...]


UNDECIDED_MAX: Final = 1_000


class Counting:
    """Takes the records of the invocations that a gate matched, one after another, and counts those that it first matched at `begin` or
    later (ns UTC). `after_delivery` says of records that do not say it themselves that the gate holds nothing."""

    def __init__(self, gate: str, after_delivery: bool = False, begin: int = 0) -> None:
        self._gate = gate
        self._after_delivery = after_delivery
        self._begin = begin
        self._held = dict.fromkeys(CLASSES, 0)
        self._after = dict.fromkeys(CLASSES, 0)
        self._observed = 0
        self._failed = 0
        self._undecided: list[str] = []
        self._times: dict[str, list[int]] = {}

    def add(self, record: Sequence[f.AnyFact]) -> None:
        judged = [fact for fact in record if isinstance(fact, f.GateJudged) and fact.gate == self._gate and fact.verdict != "passed"]
        if not judged or judged[0].at < self._begin:
            return
        opened = {fact.review: fact for fact in record if isinstance(fact, f.ReviewOpened)}
        own = [fact for fact in opened.values() if fact.gate == self._gate]
        self._time({fact.review: fact.at for fact in own}, record)
        if own and own[-1].after_delivery:
            self._after[_class_of(own[-1].review, record) or "open"] += 1
            return
        if not own and all(_observed(fact) for fact in judged):
            self._observed += 1
            return
        if not own and all(self._holds_nothing(fact) for fact in judged):
            # The answer never got whole, so there was nothing to look at.
            self._after["ended"] += 1
            return
        self._failed += any(fact.verdict == "failed" for fact in judged)
        became = _became([fact.review for fact in own], [fact.review for fact in opened.values() if not fact.after_delivery], record)
        self._held[became] += 1
        if became == "undecided" and len(self._undecided) < UNDECIDED_MAX:
            self._undecided.append(judged[0].inv)

    def total(self) -> Coverage:
        reviewers = [ReviewerTime(by, len(spans), _median(sorted(spans)), max(spans)) for by, spans in sorted(self._times.items())]
        return Coverage(
            self._gate,
            _counts(self._held),
            _counts(self._after),
            self._observed,
            self._failed,
            tuple(self._undecided),
            tuple(reviewers),
        )

    def _holds_nothing(self, fact: f.GateJudged) -> bool:
        """As the gate was when it matched, whatever the policy says today."""
        return self._after_delivery if fact.after_delivery is None else fact.after_delivery

    def _time(self, opened_at: dict[str, int], record: Iterable[f.AnyFact]) -> None:
        decided: set[str] = set()
        for fact in record:
            if isinstance(fact, f.ReviewVoted) and fact.review in opened_at and fact.review not in decided:
                self._times.setdefault(fact.vote.by, []).append(fact.vote.at - opened_at[fact.review])
            elif isinstance(fact, f.ReviewDecided) and fact.review in opened_at and fact.review not in decided:
                decided.add(fact.review)
                if fact.decision != "expire":
                    self._times.setdefault(fact.by, []).append(fact.at - opened_at[fact.review])


def _observed(fact: f.GateJudged) -> bool:
    """Whether the gate only watched: the fact says what it would have done."""
    return bool(fact.would) or fact.verdict not in ("matched", "failed")


def _became(own: Sequence[str], others: Sequence[str], record: Sequence[f.AnyFact]) -> Class:
    """Of one invocation that was to wait: the word of its newest review of this gate; without one, what happened to it before."""
    if own:
        return "undecided" if _delivered_undecided(own, record) else _class_of(own[-1], record) or "open"
    found = [_class_of(review, record) for review in others]
    stopped = next((word for word in found[::-1] if word in ("rejected", "timed_out")), None)
    # What was rejected at another gate is not this one's to decide; what another gate let through is.
    if _delivered_undecided(others if stopped else (), record):
        return "undecided"
    return stopped or ("open" if None in found else "ended")


def _class_of(review: str, record: Iterable[f.AnyFact]) -> Class | None:
    """None while nobody has decided."""
    decided = next((fact for fact in record if isinstance(fact, f.ReviewDecided) and fact.review == review), None)
    return _DECIDED[decided.decision] if decided is not None else None


def _delivered_undecided(reviews: Sequence[str], record: Iterable[f.AnyFact]) -> bool:
    """Whether something went to the caller before each of these reviews was decided; without any, whether something did at all."""
    waiting = set(reviews)
    for fact in record:
        if isinstance(fact, f.ReviewDecided):
            waiting.discard(fact.review)
        elif isinstance(fact, f.AnswerDelivered) and (waiting or not reviews):
            return True
    return False


def _median(spans: Sequence[int]) -> int:
    middle = len(spans) // 2
    return spans[middle] if len(spans) % 2 else (spans[middle - 1] + spans[middle]) // 2


def _counts(by_class: dict[Class, int]) -> Counts:
    return Counts(sum(by_class.values()), **by_class)
