"""The state of one invocation as plain data: it can be stored between any two steps and taken up in another process."""

from typing import Final, Literal

import msgspec

from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.confidence.figures import Sureness
from orchvynt.decisions.unusual.baselines import Finding
from orchvynt.dialects.seams import Prefix
from orchvynt.dialects.shapes import Answer, Logprobs
from orchvynt.language.snapshot import Gate
from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.chat import Reply
from orchvynt.model.facts import Decision, HoldPlaced, Wanted
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation

Phase = Literal[
    "new",
    "admitting",
    "attempting",
    "streaming",
    "backing_off",
    "looking",
    "judging",
    "in_review",
    "request_in_review",
    "delivered",
    "done",
]

PARKED: Final[frozenset[Phase]] = frozenset({"in_review", "request_in_review"})
"""What waits for people, and needs no memory meanwhile."""


NOBODY: Final = CandidateChosen(0, "", "", "review")
"""Stands in the place of who answered where that was a reviewer, in words, and nothing was sent."""


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt that gave no answer, for the error that lists them. `ms` is its duration, `rests_ns` how long the model rests."""

    model: str
    trigger: str
    upstream_status: int
    ms: int
    message: str = ""
    rests_ns: int = 0


class Skipped(msgspec.Struct, frozen=True, omit_defaults=True):
    """One candidate that was not asked. `fault` is what the caller is told if no other candidate answers, `wanted` what reviewers are
    asked for in place of that; `downgrade` is the model that the budget without room admits, empty where it admits none."""

    model: str
    why: str
    fault: Fault | None = None
    wanted: Wanted | None = None
    downgrade: str = ""


class Downgrade(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model outside the plan that a budget admits past its limit. `refused` is why it may not be asked, empty if it may."""

    budget: str
    model: str
    provider: str = ""
    refused: str = ""
    unmeasured: tuple[str, ...] = ()


class Judge(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that gates ask how sure an answer is. `refused` is why it may not be asked, empty if it may."""

    model: str
    provider: str = ""
    refused: str = ""


class Later(msgspec.Struct, frozen=True):
    """A candidate that was passed by: asked after all others `at_once`, or when its rest is over (`after_rest`); `never` where a breaker
    is open."""

    tier: int
    rests_ns: int
    when: Literal["at_once", "after_rest", "never"] = "never"


class State(msgspec.Struct, omit_defaults=True, gc=False):
    """Mutated by `step` only, which owns it. Instants `*_mono` are of the process that runs the step.

    `applied` are the budgets that apply, `chain` is the one that serves (`lifecycle.chains`). `repeated` is set once a send on a
    stale connection was repeated.
    `stream_body` is a held stream, whole.
    `join_key` is set when it is parked: what a retry of the same caller has in common with it.
    `ahead` are the tiers still to be asked, in order; `tier` is the one under way (0: none).
    `gates_open` await the answer to be judged, `gates_matched` await their review, in the policy's order.
    `dropped` names what the request of the answer lost because its provider cannot express it, in the caller's names.
    `streams` says that the answer flows to the caller as it arrives: no gate may still stop it. `broken` is set once such an answer
    broke off: what of it the caller has got, and how the candidate under way goes on with it. `broken_model` began it;
    `delivered_bytes` is what earlier attempts delivered, `delivered_tier` who delivered last of a stream that flows. `fallback_at` is
    when the first fallback was activated (ns UTC). `counted` once a hold that stands has counted the invocation on its budgets.
    `wanted` is what an invocation in `request_in_review` waits for. `owed` once an approval let it go on: it is finished whether a caller
    waits or not, and its end is kept. `downgrades` are the models that its budgets may lead to beside the plan.
    `weighs` is set where an open gate reads `confidence`: then `logprobs` says whether they are asked for, `weighless` which models refused
    that, `judges` whom such gates may ask, `sureness` what is known so far, by its source. While a judge is asked, `judging` is the life of
    that question, whose `purpose` is `judge`; `judged` counts its attempts. `compares` is set where an open gate reads `unusual`: then
    `finding` is what came of it.
    `request` is what the caller sent, where the policy keeps it as evidence (`journal.keep_evidence`).
    `inputs_matched` are the gates of stage input that await their review, in the policy's order, `inputs_approved` those whose review
    approved, as they were then (without their conditions); `later_gates` are such of a later policy. `later_open` are gates that hold
    nothing and await the answer to be judged, `later_matched` those to be reviewed after the delivery.
    `given_at` is set once the answer has gone out whole while such gates still ask how sure it is, or Presidio (ns UTC): what follows
    concerns its record and its reviewers alone. `looks` is set where an open gate asks Presidio: then `looked` is what it found so far,
    and `unlooked` why it was not heard.
    Phase `delivered` is that of a copy which only its reviewers wait for.
    `reworded` says how reviewers changed the answer, if they did.
    """

    invocation: Invocation
    phase: Phase = "new"
    policy_version: int = 0
    rule: str = ""
    candidates: tuple[CandidateChosen, ...] = ()
    ahead: list[int] = []
    later: list[Later] = []
    second_pass: bool = False
    tier: int = 0
    attempt_count: int = 0
    retries: int = 0
    repeated: bool = False
    placed: HoldPlaced | None = None
    sent_mono: int = 0
    started_mono: int = 0
    tried: list[Tried] = []
    skipped: list[Skipped] = []
    applied: list[Applied] = []
    chain: str = ""
    gates_open: list[str] = []
    gates_matched: list[str] = []
    streams: bool = False
    answer: Answer | None = None
    reply: Reply | None = None
    stream_body: bytes = b""
    join_key: str = ""
    review: str = ""
    review_gate: str = ""
    review_count: int = 0
    review_at: int = 0
    escalations: int = 0
    verdict: Fault | None = None
    caller_present: bool = True
    stream_opened: bool = False
    nanos: int = 0
    limited_by: str = ""
    fallback_trigger: str = ""
    fallback_at: int = 0
    broken: Prefix | None = None
    broken_model: str = ""
    delivered_bytes: int = 0
    delivered_tier: int = 0
    rescues: int = 0
    dropped: tuple[str, ...] = ()
    counted: bool = False
    wanted: Wanted | None = None
    owed: bool = False
    downgrades: tuple[Downgrade, ...] = ()
    reworded: Decision | Literal[""] = ""
    weighs: bool = False
    logprobs: Logprobs = ""
    weighless: tuple[str, ...] = ()
    judges: tuple[Judge, ...] = ()
    judging: "State | None" = None
    judged: int = 0
    purpose: str = ""
    sureness: dict[str, Sureness] = {}
    compares: bool = False
    finding: Finding | None = None
    request: bytes = b""
    inputs_matched: list[str] = []
    inputs_approved: list[Gate] = []
    later_gates: list[Gate] = []
    later_open: list[str] = []
    later_matched: list[str] = []
    given_at: int = 0
    looks: bool = False
    looked: dict[str, int] = {}
    unlooked: str = ""


def encode(state: State) -> bytes:
    """The stored form: MessagePack of the fields by name, so that a field may be added with a default."""
    return msgspec.msgpack.encode(state)


def decode(stored: bytes) -> State:
    """Raises msgspec.DecodeError if it is not a stored state."""
    return msgspec.msgpack.decode(stored, type=State)
