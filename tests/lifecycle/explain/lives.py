"""Records of whole lives, as the lifecycle writes them, for the tests of `explain`."""

from typing import Literal

from orchvynt.model import facts as f
from orchvynt.model.candidates import CandidateChosen, CandidateRejected
from orchvynt.model.invocation import Claims
from orchvynt.model.usage import Usage

START = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
MS = 1_000_000
INV = "inv_01"
Outcome = Literal["answered", "refused", "failed", "cancelled", "interrupted"]
Decision = Literal["approve", "reject", "expire"]


def received(model: str = "gpt-4o", stream: bool = False) -> f.InvocationReceived:
    claims = Claims(workflow="doc-analysis", agent="drafting", run="r1")
    return f.InvocationReceived(
        INV, START, "/v1/chat/completions", "openai_chat", "key", model, stream, claims, 3, "sha", 120, request_id="req-1"
    )


def routed(*tiers: tuple[str, str, str], rule: str = "") -> f.Routed:
    chosen = tuple(CandidateChosen(number, model, provider, why) for number, (model, provider, why) in enumerate(tiers, 1))
    return f.Routed(INV, START + MS, rule, chosen, (CandidateRejected("mistral", "no tools"),), "default")


THREE = routed(("gpt-4o", "openai", "requested"), ("claude", "anthropic", "chain default"), ("local", "lab", "chain default"))


def hold(attempt: str, tier: int, model: str, at: int, nanos: int = 10_000_000) -> f.HoldPlaced:
    parts = (f.Reserved("doc-analysis", "doc-analysis", START, nanos, 500),)
    return f.HoldPlaced(INV, at, attempt, tier, model, parts, 100, 400, nanos)


def sent(attempt: str, tier: int, model: str, provider: str, at: int) -> f.AttemptSent:
    return f.AttemptSent(INV, at, attempt, tier, tier, model, provider, f"{model}-upstream")


def ended(attempt: str, outcome: str, at: int, status: int = 0, message: str = "") -> f.AttemptEnded:
    return f.AttemptEnded(INV, at, attempt, outcome, 12 * MS, status, message=message)


def settled(attempt: str, at: int, nanos: int = 3_100_000, estimated: bool = False, why: str = "") -> f.AttemptSettled:
    usage = Usage(100, 50, estimated=estimated)
    parts = (f.Reserved("doc-analysis", "doc-analysis", START, nanos, 150),)
    return f.AttemptSettled(INV, at, attempt, usage, nanos, parts, "policy", why=why)


def failing(attempt: str, tier: int, model: str, provider: str, outcome: str, status: int = 0) -> list[f.AnyFact]:
    at = START + tier * 100 * MS
    return [
        hold(attempt, tier, model, at),
        sent(attempt, tier, model, provider, at + MS),
        ended(attempt, outcome, at + 13 * MS, status, "slow down"),
        f.HoldVoided(INV, at + 13 * MS, attempt, "refused before it ran"),
    ]


def answering(attempt: str, tier: int, model: str, provider: str) -> list[f.AnyFact]:
    at = START + tier * 100 * MS
    return [
        hold(attempt, tier, model, at),
        sent(attempt, tier, model, provider, at + MS),
        ended(attempt, "answered", at + 13 * MS, 200),
        settled(attempt, at + 13 * MS),
    ]


def finished(outcome: Outcome, model: str = "", provider: str = "", tier: int = 0, nanos: int = 3_100_000) -> f.InvocationFinished:
    return f.InvocationFinished(INV, START + 900 * MS, outcome, model, provider, tier, nanos, 900 * MS)


def opened() -> list[f.AnyFact]:
    return [
        f.GateJudged(INV, START + 300 * MS, "money", "output", "matched", {"flags": ["financial"]}),
        f.ReviewOpened(
            INV, START + 301 * MS, "rev_1", "money", ("finance",), "key", "join", b"the secret answer", True, START + 7200_000 * MS
        ),
        f.CallerWaits(INV, START + 302 * MS, "held"),
    ]


def decided(decision: Decision, reason: str = "figures checked") -> f.ReviewDecided:
    by = "escalation" if decision == "expire" else "token:ana"
    return f.ReviewDecided(INV, START + 400 * MS, "rev_1", decision, by, b"state after", reason)


def fell_back() -> list[f.AnyFact]:
    """gpt-4o answers 429, claude answers, no review."""
    return [
        received(),
        THREE,
        *failing("att_1", 1, "gpt-4o", "openai", "rate_limit", 429),
        f.FallbackActivated(INV, START + 150 * MS, "rate_limit", "gpt-4o", "claude", 2),
        *answering("att_2", 2, "claude", "anthropic"),
    ]


def approved() -> list[f.AnyFact]:
    return [
        *fell_back(),
        *opened(),
        decided("approve"),
        f.AnswerDelivered(INV, START + 500 * MS, 200, "claude", 2, review="rev_1"),
        finished("answered", "claude", "anthropic", 2),
    ]
