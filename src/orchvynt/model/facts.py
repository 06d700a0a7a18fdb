"""Facts: what happened, in the past tense. All facts of one invocation are its record.

A fact is in the journal before the effect that it announces. Facts are stored for years: a field may be added with a
default, never renamed, retyped or removed. `inv` is the invocation, `at` the instant in nanoseconds UTC.
"""

from typing import Any, Literal

from orchvynt.model.budget_facts import AttemptSettled as AttemptSettled
from orchvynt.model.budget_facts import BudgetGranted as BudgetGranted
from orchvynt.model.budget_facts import BudgetThresholdPassed as BudgetThresholdPassed
from orchvynt.model.budget_facts import Downgraded as Downgraded
from orchvynt.model.budget_facts import HoldAwaited as HoldAwaited
from orchvynt.model.budget_facts import HoldPlaced as HoldPlaced
from orchvynt.model.budget_facts import HoldVoided as HoldVoided
from orchvynt.model.budget_facts import Reserved as Reserved
from orchvynt.model.candidates import CandidateChosen, CandidateRejected
from orchvynt.model.confidence_facts import AnswerMeasured as AnswerMeasured
from orchvynt.model.confidence_facts import ConfidenceTaken as ConfidenceTaken
from orchvynt.model.fact import Fact as Fact  # these, too, are read as parts of this module
from orchvynt.model.invocation import Claims
from orchvynt.model.repeats import AnswerKept, AnswerRepeated
from orchvynt.model.review_facts import CallerWaits as CallerWaits
from orchvynt.model.review_facts import Choice as Choice
from orchvynt.model.review_facts import Decision as Decision
from orchvynt.model.review_facts import GateJudged as GateJudged
from orchvynt.model.review_facts import ReviewClaimed as ReviewClaimed
from orchvynt.model.review_facts import ReviewConcluded as ReviewConcluded
from orchvynt.model.review_facts import ReviewDecided as ReviewDecided
from orchvynt.model.review_facts import ReviewEscalated as ReviewEscalated
from orchvynt.model.review_facts import ReviewOpened as ReviewOpened
from orchvynt.model.review_facts import ReviewReleased as ReviewReleased
from orchvynt.model.review_facts import ReviewStage as ReviewStage
from orchvynt.model.review_facts import ReviewVoted as ReviewVoted
from orchvynt.model.review_facts import Vote as Vote
from orchvynt.model.review_facts import Wanted as Wanted

Trigger = Literal[
    "rate_limit", "quota", "overloaded", "server_error", "auth", "bad_request", "context_length", "content_filter", "connection",
    "timeout", "malformed", "stall", "cut", "policy", "latency",
]  # fmt: skip

Outcome = Literal["answered", "refused", "failed", "cancelled", "interrupted"]


class InvocationReceived(Fact, frozen=True, tag="invocation_received"):
    """`key` is the name that the policy's `keys` have for the caller, `key_id` the digest of the credential that it used.
    `claims_overruled` holds texts such as `workflow: doc-analysis, not support`. `idempotent`: it came with an idempotency
    key. `depth` is 1, and one more than its parent's where the caller names one."""

    endpoint: str
    dialect: str
    key_id: str
    requested_model: str
    stream: bool
    claims: Claims
    policy_version: int
    policy_digest: str
    body_bytes: int
    request_id: str = ""
    trace_id: str = ""
    claims_overruled: tuple[str, ...] = ()
    key: str = ""
    policy_commit: str = ""
    idempotent: bool = False
    depth: int = 1


class Routed(Fact, frozen=True, tag="routed"):
    """`reads` are the values that expressions read, `figures` those that a rule's choice read of its candidates, by model.
    `rules` are the rule that matched and those that failed (the first 20), `passed_over` counts the rules before it. `chain_failures`
    are the conditions of `fallback.use` that failed, each with why."""

    rule: str
    candidates: tuple[CandidateChosen, ...]
    rejected: tuple[CandidateRejected, ...] = ()
    chain: str = ""
    rules: tuple[tuple[str, str], ...] = ()
    reads: dict[str, Any] = {}
    passed_over: int = 0
    figures: dict[str, Any] = {}
    chain_failures: tuple[tuple[str, str], ...] = ()


class CandidateSkipped(Fact, frozen=True, tag="candidate_skipped"):
    """`why` is `resting`, `breaker`, `ramp` (its breaker has just closed), `slow`, `budget:NAME` or a capability; `detail` the numbers."""

    tier: int
    model: str
    why: str
    detail: dict[str, Any] = {}


class AttemptSent(Fact, frozen=True, tag="attempt_sent"):
    """`purpose` is empty for an attempt at the answer, `judge` for one that asks how sure an answer is."""

    attempt: str
    number: int
    tier: int
    model: str
    provider: str
    upstream_model: str
    purpose: str = ""


class AttemptEnded(Fact, frozen=True, tag="attempt_ended"):
    """`outcome` is `answered` or the trigger word. `message` is the provider's, bounded, scrubbed; `dropped` what the request lost.
    `quota_ns`: for so long nothing is left of the provider's own rate limit, as its headers said; its route rests."""

    attempt: str
    outcome: str
    duration_ns: int
    upstream_status: int = 0
    response_id: str = ""
    provider_request_id: str = ""
    response_model: str = ""
    first_token_ns: int = 0
    finish: str = ""
    message: str = ""
    retry_after_ns: int = 0
    delivered_bytes: int = 0
    dropped: tuple[str, ...] = ()
    quota_ns: int = 0


class RetryScheduled(Fact, frozen=True, tag="retry_scheduled"):
    model: str
    wait_ns: int
    why: str


class FallbackActivated(Fact, frozen=True, tag="fallback_activated"):
    trigger: str
    from_model: str
    to_model: str
    to_tier: int


class AnswerDelivered(Fact, frozen=True, tag="answer_delivered"):
    """An answer went, or is about to go, to the caller. For a stream this fact comes before the first byte, with `streaming`."""

    status: int
    model: str
    tier: int
    streaming: bool = False
    review: str = ""
    bytes: int = 0


class StreamEnded(Fact, frozen=True, tag="stream_ended"):
    """`whole` is true only after the provider's own terminal marker. Otherwise `code` is the error event's code, or `caller_gone`."""

    whole: bool
    code: str = ""
    bytes: int = 0


class StreamRescued(Fact, frozen=True, tag="stream_rescued"):
    """Another model goes on with an answer that broke off after `delivered_bytes` of text were delivered, as `method` says: prefill or
    instruct; restart where nothing was. `cut_chars` is what of its words repeated the end of the delivered text, and was left out."""

    attempt: str
    method: str
    from_model: str
    to_model: str
    to_tier: int
    delivered_bytes: int
    cut_chars: int = 0


class FallbackEnded(Fact, frozen=True, tag="fallback_ended"):
    """A fallback that `trigger` activated is over: `outcome` is answered, or how else the invocation ended; `tier` is the last that was
    asked. `duration_ns` counts from the activation."""

    trigger: str
    tier: int
    model: str
    outcome: Outcome
    duration_ns: int


class InvocationRefused(Fact, frozen=True, tag="invocation_refused"):
    code: str
    status: int
    message: str
    detail: dict[str, Any] = {}


class CallerLeft(Fact, frozen=True, tag="caller_left"):
    """The caller went away before its answer was whole."""

    where: str


class FeedbackGiven(Fact, frozen=True, tag="feedback_given"):
    """A caller's score of its answer, 0 to 1, once. It comes after the end of the life that it speaks of."""

    score: float
    model: str
    provider: str
    workload: str = ""
    label: str = ""
    comment: str = ""


class InvocationFinished(Fact, frozen=True, tag="invocation_finished"):
    """The last fact of a life; only feedback and repeats may follow. `interrupted` is a crash."""

    outcome: Outcome
    model: str = ""
    provider: str = ""
    tier: int = 0
    nanos: int = 0
    duration_ns: int = 0


AnyFact = (
    InvocationReceived
    | Routed
    | CandidateSkipped
    | HoldAwaited
    | Downgraded
    | BudgetThresholdPassed
    | HoldPlaced
    | AttemptSent
    | AttemptEnded
    | RetryScheduled
    | FallbackActivated
    | AttemptSettled
    | HoldVoided
    | BudgetGranted
    | ConfidenceTaken
    | AnswerMeasured
    | GateJudged
    | ReviewOpened
    | ReviewClaimed
    | ReviewReleased
    | ReviewVoted
    | ReviewEscalated
    | ReviewDecided
    | ReviewConcluded
    | CallerWaits
    | AnswerDelivered
    | StreamEnded
    | StreamRescued
    | FallbackEnded
    | InvocationRefused
    | CallerLeft
    | FeedbackGiven
    | AnswerRepeated
    | AnswerKept
    | InvocationFinished
)
