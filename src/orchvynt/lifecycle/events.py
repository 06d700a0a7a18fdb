"""What can happen to an invocation, in the past tense. The runtime brings these; every event carries its instant twice.

`at` is ns UTC, for records; `mono` is monotonic ns of this process, for durations.
"""

from typing import Literal

import msgspec

from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.decisions.unusual.baselines import Finding
from orchvynt.dialects.shapes import Answer, Failure, Seen
from orchvynt.model.chat import Reply
from orchvynt.model.facts import Choice, Reserved
from orchvynt.model.faults import Fault


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="event"):
    at: int
    mono: int


class Received(Event, frozen=True, tag="received"):
    """A request was read and its caller identified. `refused` is what its key, or the number of its subjects, has against it."""

    refused: Fault | None = None


class JudgedAgain(Event, frozen=True, tag="judged_again"):
    """The last input gate was approved: the gates of the policy in force have their say. It goes through `going_on.judged_again`."""


class Admitted(Event, frozen=True, tag="admitted"):
    """The hold stands on every budget that applies. `overflows` names those past whose limit this model is admitted."""

    fits: Fits
    reserved: tuple[Reserved, ...]
    input_tokens_bound: int
    input_counted_by: str = ""
    overflows: tuple[str, ...] = ()


class HoldsAwaited(Event, frozen=True, tag="holds_awaited"):
    """The candidate waits for holds in flight on the budget that `short` names."""

    short: Short


class NotAdmitted(Event, frozen=True, tag="not_admitted"):
    """The candidate cannot be asked now: it rests, its breaker is open (or has just closed), it is slow, a budget has no room, or its
    price is unknown to a money budget.

    `waited` if it waited for holds in flight in vain; `queue_full` if too many wait already. `rest_why` is the trigger that put it to
    rest, or whose breaker it is; `figures` are the numbers that decided.
    """

    why: Literal["resting", "breaker", "ramp", "slow", "budget", "price", "queue_full"]
    short: Short | None = None
    waited: bool = False
    rests_ns: int = 0
    rest_why: str = ""
    detail: str = ""
    later: Literal["at_once", "after_rest", "never"] = "never"
    figures: dict[str, str | int | float] = {}


class AnswerArrived(Event, frozen=True, tag="answer_arrived"):
    """A whole, well-formed answer. `dropped`, here and below, names what its request lost on the way to the provider; for `quota_ns`
    nothing is left of the provider's own rate limit, as its headers say. `finding` is how the answer compares with its model's others,
    where a gate asks for that."""

    answer: Answer
    provider_request_id: str = ""
    dropped: tuple[str, ...] = ()
    quota_ns: int = 0
    finding: Finding | None = None


class StreamStarted(Event, frozen=True, tag="stream_started"):
    """The first content of a stream came; nothing of it has gone to the caller yet. `cut_chars` is what a rescue left out at its seam."""

    response_id: str
    dropped: tuple[str, ...] = ()
    cut_chars: int = 0


class StreamEnded(Event, frozen=True, tag="stream_ended"):
    """The provider's terminal marker came. `reply` and `body` are there where the stream was held: all of it."""

    seen: Seen
    reply: Reply | None
    body: bytes
    delivered_bytes: int
    provider_request_id: str = ""
    dropped: tuple[str, ...] = ()
    quota_ns: int = 0
    finding: Finding | None = None


class AttemptFailed(Event, frozen=True, tag="attempt_failed"):
    """The attempt gave no whole answer. `may_have_run` is false only if no provider can bill it.

    `connected` is false if no connection was made. `chance` in [0, 1) draws the jitter of a backoff.
    `stale`: a connection that was used before closed without a byte, most likely because it was closed already.
    `said` is what of the answer went to the caller; None where nothing did, or where it was not kept.
    `barred_ns`: for so long the route's breaker now lets nobody pass. `may_retry`: one more retry fits into the retry budget.
    """

    failure: Failure
    may_have_run: bool
    connected: bool
    chance: float
    seen: Seen | None = None
    delivered_bytes: int = 0
    provider_request_id: str = ""
    stale: bool = False
    said: Reply | None = None
    barred_ns: int = 0
    may_retry: bool = True
    quota_ns: int = 0


class LookedInto(Event, frozen=True, tag="looked_into"):
    """Presidio has looked through the answer: how many of each kind it found. With a `problem` it was not heard."""

    found: dict[str, int] = {}
    problem: str = ""


class BackoffElapsed(Event, frozen=True, tag="backoff_elapsed"):
    pass


class DeadlinePassed(Event, frozen=True, tag="deadline_passed"):
    """`timeouts.invocation`: no byte had gone to the caller by then."""


class CallerGone(Event, frozen=True, tag="caller_gone"):
    """The last caller of this invocation closed its connection."""

    seen: Seen | None = None
    delivered_bytes: int = 0


class CallerJoined(Event, frozen=True, tag="caller_joined"):
    """A caller came back for a parked invocation."""


class CallerWaitElapsed(Event, frozen=True, tag="caller_wait_elapsed"):
    """The gate's `wait.up_to` is over."""


class StreamOpenDue(Event, frozen=True, tag="stream_open_due"):
    """A held stream's status line was withheld for as long as an unchanged client bears."""


class Voted(Event, frozen=True, tag="voted"):
    """A vote that counts: `decisions.reviews.cases.vote` has admitted it, and it decides. `grant` is what an approval gives of the
    budget that is asked for, in its unit; `text` what an edit or a response puts in place of the answer's text."""

    decision: Choice
    by: str
    reason: str
    grant: int = 0
    text: str = ""


class EscalationDue(Event, frozen=True, tag="escalation_due"):
    pass


class ShutDown(Event, frozen=True, tag="shut_down"):
    """The process stops and waits no longer."""

    seen: Seen | None = None
    delivered_bytes: int = 0


AnyEvent = (
    Received
    | JudgedAgain
    | Admitted
    | HoldsAwaited
    | NotAdmitted
    | AnswerArrived
    | StreamStarted
    | StreamEnded
    | AttemptFailed
    | LookedInto
    | BackoffElapsed
    | DeadlinePassed
    | CallerGone
    | CallerJoined
    | CallerWaitElapsed
    | StreamOpenDue
    | Voted
    | EscalationDue
    | ShutDown
)
