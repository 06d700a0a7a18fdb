"""Reads a record into what verdict, timeline and totals ask of it. Copes with any part of a record: each fact may be missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchvynt.model.facts import (
    AnswerDelivered,
    AnyFact,
    AttemptEnded,
    AttemptSent,
    AttemptSettled,
    CallerLeft,
    CandidateSkipped,
    FallbackActivated,
    HoldPlaced,
    HoldVoided,
    InvocationFinished,
    InvocationReceived,
    InvocationRefused,
    ReviewDecided,
    ReviewOpened,
    Routed,
    StreamEnded,
    StreamRescued,
)


@dataclass
class Attempt:
    """All that is known of one attempt. `number` is its place in the record, from 1."""

    id: str
    number: int
    hold: HoldPlaced | None = None
    sent: AttemptSent | None = None
    ended: AttemptEnded | None = None
    receipt: AttemptSettled | None = None
    voided: HoldVoided | None = None

    @property
    def is_judge(self) -> bool:
        """Whether it asked how sure an answer is, and was none at the answer itself."""
        return self.sent is not None and self.sent.purpose == "judge"

    @property
    def model(self) -> str:
        return self.sent.model if self.sent else self.hold.model if self.hold else ""

    @property
    def provider(self) -> str:
        return self.sent.provider if self.sent else ""

    @property
    def tier(self) -> int:
        return self.sent.tier if self.sent else self.hold.tier if self.hold else 0

    @property
    def open_hold(self) -> HoldPlaced | None:
        return self.hold if self.receipt is None and self.voided is None else None


@dataclass
class Story:
    """The newest fact of each kind that happens once, and lists of the others in order."""

    received: InvocationReceived | None = None
    routed: Routed | None = None
    delivered: AnswerDelivered | None = None
    stream_ended: StreamEnded | None = None
    refused: InvocationRefused | None = None
    left: CallerLeft | None = None
    finished: InvocationFinished | None = None
    attempts: dict[str, Attempt] = field(default_factory=dict)
    skipped: list[CandidateSkipped] = field(default_factory=list)
    fallbacks: list[FallbackActivated] = field(default_factory=list)
    rescues: list[StreamRescued] = field(default_factory=list)
    reviews: list[ReviewOpened] = field(default_factory=list)
    decisions: dict[str, ReviewDecided] = field(default_factory=dict)

    def attempt(self, attempt: str) -> Attempt:
        return self.attempts.setdefault(attempt, Attempt(attempt, len(self.attempts) + 1))

    @property
    def sent(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts.values() if attempt.sent is not None]

    @property
    def answering(self) -> Attempt | None:
        """The newest attempt that gave an answer, whole or not; a judge's number is none."""
        ended = [attempt for attempt in self.attempts.values() if attempt.ended is not None and not attempt.is_judge]
        given = [attempt for attempt in ended if attempt.ended is not None and attempt.ended.outcome == "answered"]
        return given[-1] if given else None

    @property
    def broke_off(self) -> bool:
        """Whether the caller's stream ended with an error event."""
        return self.stream_ended is not None and not self.stream_ended.whole

    @property
    def open_review(self) -> ReviewOpened | None:
        waiting = [review for review in self.reviews if review.review not in self.decisions]
        return waiting[-1] if waiting and self.finished is None else None

    @property
    def asked(self) -> str:
        return self.received.requested_model if self.received else ""


def read(facts: Sequence[AnyFact]) -> Story:
    """The story of one record. Facts of no consequence for the verdict are left to the timeline."""
    story = Story()
    for fact in facts:
        _read_once(story, fact)
        match fact:
            case HoldPlaced():
                story.attempt(fact.attempt).hold = fact
            case AttemptSent():
                story.attempt(fact.attempt).sent = fact
            case AttemptEnded():
                story.attempt(fact.attempt).ended = fact
            case AttemptSettled():
                story.attempt(fact.attempt).receipt = fact
            case HoldVoided():
                story.attempt(fact.attempt).voided = fact
            case CandidateSkipped():
                story.skipped.append(fact)
            case FallbackActivated():
                story.fallbacks.append(fact)
            case StreamRescued():
                story.rescues.append(fact)
            case ReviewOpened():
                story.reviews.append(fact)
            case ReviewDecided():
                story.decisions[fact.review] = fact
            case _:
                pass
    return story


def _read_once(story: Story, fact: AnyFact) -> None:
    match fact:
        case InvocationReceived():
            story.received = fact
        case Routed():
            story.routed = fact
        case AnswerDelivered():
            story.delivered = fact
        case StreamEnded():
            story.stream_ended = fact
        case InvocationRefused():
            story.refused = fact
        case CallerLeft():
            story.left = fact
        case InvocationFinished():
            story.finished = fact
        case _:
            pass
