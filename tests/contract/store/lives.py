"""Facts for store tests: whole lives of invocations, cut into the frames in which a runtime would append them."""

from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.facts import (
    AnswerDelivered,
    AnyFact,
    AttemptEnded,
    AttemptSent,
    AttemptSettled,
    HoldPlaced,
    HoldVoided,
    InvocationFinished,
    InvocationReceived,
    Reserved,
    ReviewDecided,
    ReviewEscalated,
    ReviewOpened,
    Routed,
)
from orchvynt.model.invocation import Claims
from orchvynt.model.usage import Usage

START = 1_700_000_000_000_000_000


def inv_id(number: int) -> str:
    return f"inv_{number:026d}"


def attempt_id(number: int, attempt: int = 0) -> str:
    return f"att_{number:026d}.{attempt}"


def review_id(number: int) -> str:
    return f"rev_{number:026d}.1"


def parts(number: int, nanos: int, tokens: int) -> tuple[Reserved, ...]:
    return (
        Reserved("team", "docs", number // 8 * 3600, nanos, tokens, 30 * tokens // 70, 1),
        Reserved("run-cap", f"run_{number % 3}", 0, 0, tokens, 30 * tokens // 70, 1),
    )


def received(number: int) -> InvocationReceived:
    return InvocationReceived(
        inv_id(number), START + number, "/v1/chat/completions", "openai_chat", "key_1", "gpt-4o", False,
        Claims(workflow="doc", agent="draft", run=f"run_{number % 3}", run_source="header", context={"big": 10**30, "text": "é\u2028\n\0"}),
        3, "digest", 512, request_id=f"req_{number}", trace_id=f"trace_{number}",
    )  # fmt: skip


def routed(number: int) -> Routed:
    return Routed(inv_id(number), START + number, "cheap", (CandidateChosen(0, "gpt-4o", "openai", "rule cheap"),))


def placed(number: int, attempt: int = 0) -> HoldPlaced:
    return HoldPlaced(inv_id(number), START + number, attempt_id(number, attempt), 0, "gpt-4o", parts(number, 900, 90), 50, 40, 900)


def sent(number: int, attempt: int = 0) -> AttemptSent:
    return AttemptSent(inv_id(number), START + number + 7, attempt_id(number, attempt), 1, 0, "gpt-4o", "openai", "gpt-4o-2024-08-06")


def ended(number: int, attempt: int = 0) -> AttemptEnded:
    return AttemptEnded(
        inv_id(number), START + number, attempt_id(number, attempt), "answered", 5, 200,
        response_id=f"chatcmpl-{number}-{attempt}", provider_request_id=f"preq-{number}-{attempt}",
    )  # fmt: skip


def settled(number: int, attempt: int = 0) -> AttemptSettled:
    return AttemptSettled(
        inv_id(number), START + number, attempt_id(number, attempt), Usage(40, 30), 700 + number, parts(number, 700 + number, 70), "policy"
    )


def voided(number: int, attempt: int = 0) -> HoldVoided:
    return HoldVoided(inv_id(number), START + number, attempt_id(number, attempt), "no connection was made")


def opened(number: int, state: bytes = b"\x00parked\xff") -> ReviewOpened:
    return ReviewOpened(
        inv_id(number), START + number, review_id(number), "financial", ("finance",), "key_1", f"join_{number}", state, True,
        START + 60, "heads",
    )  # fmt: skip


def escalated(number: int) -> ReviewEscalated:
    return ReviewEscalated(inv_id(number), START + number + 60, review_id(number), "heads")


def decided(number: int, by: str = "token:ana", state: bytes = b"\x00decided\xff") -> ReviewDecided:
    return ReviewDecided(inv_id(number), START + number + 90, review_id(number), "approve", by, state, "checked")


def delivered(number: int) -> AnswerDelivered:
    return AnswerDelivered(inv_id(number), START + number, 200, "gpt-4o", 2)


def finished(number: int) -> InvocationFinished:
    return InvocationFinished(inv_id(number), START + number, "answered", "gpt-4o", "openai", 2, 700 + number, 12345)


def life(number: int) -> list[list[AnyFact]]:
    """Frames of one life; which of five kinds depends on the number."""
    start: list[AnyFact] = [received(number), routed(number), placed(number), sent(number)]
    kind = number % 5
    if kind == 0:
        return [start, [ended(number), settled(number), delivered(number), finished(number)]]
    if kind == 1:
        return [start, [voided(number)], [placed(number, 1), sent(number, 1)], [ended(number, 1), settled(number, 1)], [finished(number)]]
    if kind == 2:
        return [start, [ended(number), settled(number), opened(number)], [escalated(number)]]
    if kind == 3:
        return [
            start,
            [settled(number), opened(number)],
            [decided(number), decided(number, "token:ben")],
            [delivered(number), finished(number)],
        ]
    return [[received(number)], [placed(number)], [sent(number)]]
