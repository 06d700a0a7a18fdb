"""What the runtime is told to do, imperative. Commands are performed in order.

INVARIANT: `Record` comes before the effect that it announces, in the same list.
"""

import msgspec

from orchvynt.decisions.fallback.moves import Rest
from orchvynt.decisions.reviews.cases import Case
from orchvynt.dialects.seams import Prefix
from orchvynt.dialects.shapes import Logprobs
from orchvynt.model.facts import AnyFact, BudgetGranted
from orchvynt.model.faults import Fault
from orchvynt.model.review_facts import CLAIM_FOR_NS


class Command(msgspec.Struct, frozen=True, gc=False):
    pass


class Record(Command, frozen=True, tag="record"):
    """Write these facts; those that settle or void a hold also release it in the ledger, after they are written."""

    facts: tuple[AnyFact, ...]


class Admit(Command, frozen=True, tag="admit"):
    """Ask health and ledger for this candidate: exactly one Admitted or NotAdmitted follows, HoldsAwaited may come before it.

    `at_last`: all others failed, so that it is asked although it was silent, is slow, or is only coming back."""

    tier: int
    model: str
    attempt: str
    at_last: bool = False


class Send(Command, frozen=True, tag="send"):
    """Start the attempt. A stream that does not `flow` is collected until it is whole; `keep` collects one that does, so that another
    provider can go on with it. `prefix` is what of the answer the caller has got already. `logprobs`: they are read; asked for and
    hidden where the caller did not ask."""

    attempt: str
    model: str
    output_tokens_max: int | None
    stream: bool
    flow: bool
    answer_ns: int
    first_token_ns: int
    stall_ns: int
    connect_ns: int
    keep: bool = False
    prefix: Prefix | None = None
    fresh: bool = False
    logprobs: Logprobs = ""


class CancelAttempt(Command, frozen=True, tag="cancel_attempt"):
    pass


class LeaveQueue(Command, frozen=True, tag="leave_queue"):
    """Wait for holds no longer."""


class ForJudge(Command, frozen=True, tag="for_judge"):
    """The same for the question to a judge, `State.judging`, which has a hold and an attempt of its own."""

    command: Admit | Send | CancelAttempt | LeaveQueue


class LookInto(Command, frozen=True, tag="look_into"):
    """Have Presidio look for these kinds, by its own names, in all that the answer says: exactly one LookedInto follows, unless the life
    goes on without it."""

    kinds: tuple[str, ...]
    text: str


class PutToRest(Command, frozen=True, tag="put_to_rest"):
    provider: str
    model: str
    rest: Rest


class WakeAfter(Command, frozen=True, tag="wake_after"):
    """BackoffElapsed follows. `retries`: what comes then counts against the retry budget."""

    wait_ns: int
    retries: bool = False


class Flow(Command, frozen=True, tag="flow"):
    """Open the caller's stream, if it is not open, and let what arrived, and what will arrive, go to it."""


class KeepAlive(Command, frozen=True, tag="keep_alive"):
    """Part of an answer is out and no provider writes: keep the caller's stream alive until one does."""


class Deliver(Command, frozen=True, tag="deliver"):
    """Give the whole answer to every caller that waits for it, in the form each asked for."""


class EndStream(Command, frozen=True, tag="end_stream"):
    """Write the notes and the terminal marker."""


class BreakStream(Command, frozen=True, tag="break_stream"):
    """Write the error event and close: the answer is not whole."""

    fault: Fault


class Refuse(Command, frozen=True, tag="refuse"):
    """Tell every caller that waits. A stream that was opened ends with the error event."""

    fault: Fault


class Park(Command, frozen=True, tag="park"):
    """The answer, or the invocation before its send, waits for people.

    Callers are held for `hold_ns` (None: as long as each itself waits, less ten seconds). `terms` are those that reviewers decide by,
    `reminds` when they are reminded (ns UTC). The same request joins for `claim_for_ns` from when the last caller has left."""

    review: str
    gate: str
    hold_ns: int | None
    escalates_at: int
    terms: Case
    reminds: tuple[int, ...] = ()
    claim_for_ns: int = CLAIM_FOR_NS


class Escalate(Command, frozen=True, tag="escalate"):
    """A step of the escalation is done: `to` may decide, too. The next one is due at `due` (ns UTC, 0: there is none)."""

    review: str
    due: int
    to: str


class GoOn(Command, frozen=True, tag="go_on"):
    """The review is decided, and what was granted counts: a life that was parked before its send goes on, its time begins anew."""

    review: str
    by: str
    at: int
    given: BudgetGranted | None = None


class JudgeAgain(Command, frozen=True, tag="judge_again"):
    """Have the input gates of the policy in force judge the request: exactly one JudgedAgain follows, at once."""


class ReviewLater(Command, frozen=True, tag="review_later"):
    """A review of what was delivered is open: nobody waits for it but its reviewers. `terms` and `reminds` as in `Park`."""

    review: str
    gate: str
    escalates_at: int
    terms: Case
    reminds: tuple[int, ...] = ()


class OpenHeldStream(Command, frozen=True, tag="open_held_stream"):
    """Send the status line of a held stream and keep it alive until it is judged."""


class Close(Command, frozen=True, tag="close"):
    """The life is over; nothing of it stays in memory."""


AnyCommand = (
    Record
    | Admit
    | Send
    | CancelAttempt
    | LeaveQueue
    | ForJudge
    | LookInto
    | PutToRest
    | WakeAfter
    | Flow
    | KeepAlive
    | Deliver
    | EndStream
    | BreakStream
    | Refuse
    | Park
    | Escalate
    | GoOn
    | JudgeAgain
    | ReviewLater
    | OpenHeldStream
    | Close
)
