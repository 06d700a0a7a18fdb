"""Reads whole answers of the Messages API: what the invocation needs of them, or the failure that they are."""

from typing import Final

import msgspec

from orchvynt.dialects.anthropic_messages.wire import Block, MessageBody, finish_from, told_usage, usage_from
from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.deltas import utf8_bytes
from orchvynt.dialects.outcomes import content_fault, error_in_success, failure_from_status, malformed
from orchvynt.dialects.shapes import Answer, Failure
from orchvynt.model.chat import Reply, Thinking, ToolCall
from orchvynt.model.turns import digest_of

REFUSED: Final = "The model declined to answer."
"""What stands as the refusal where the provider stops with `refusal`, having said and explained nothing."""

_decode = msgspec.json.Decoder(MessageBody).decode


def read_answer(status: int, content_type: str, retry_after: str, body: bytes, now: int) -> Answer | Failure:
    """Anything but a well-formed message is a Failure. A refusal is an answer, with the finish `content_filter`."""
    if not 200 <= status < 300:
        return failure_from_status(status, body, retry_after, now)
    fault = content_fault(content_type, status)
    if fault is not None:
        return fault
    if not body.strip():
        return malformed(status, "the provider answered with an empty body")
    try:
        body.decode()
        told = _decode(body)
    except BODY_ERRORS as error:
        return malformed(status, f"the answer cannot be read: {error}")
    if told.type == "error" or (told.error and bytes(told.error) != b"null"):
        return error_in_success(body, status)
    if told.content is None or (not told.content and not told.stop_reason):
        return malformed(status, "the answer has no content")
    return Answer(
        body=body,
        response_id=told.id or "",
        response_model=told.model or "",
        finish=finish_from(told.stop_reason),
        usage=usage_from(told_usage(told.usage)),
        output_bytes=sum(_block_bytes(block) for block in told.content),
        said=digest_of(
            "".join(block.text or "" for block in told.content if block.type == "text"),
            [block.id for block in told.content if block.type == "tool_use" and block.id],
        ),
    )


def read_reply(body: bytes) -> Reply:
    """The canonical form of a well-formed message. Blocks that only Anthropic's own callers can take are not in it."""
    told = _decode(body)
    blocks = told.content or []
    text = "".join(block.text or "" for block in blocks if block.type == "text")
    return Reply(
        id=told.id or "",
        model=told.model or "",
        created_s=0,
        text=text,
        tool_calls=tuple(
            ToolCall(id=block.id or "", name=block.name or "", arguments=(bytes(block.input) or b"{}").decode())
            for block in blocks
            if block.type == "tool_use"
        ),
        finish=finish_from(told.stop_reason),
        usage=usage_from(told_usage(told.usage)),
        refusal=refusal_text(told.stop_reason, told.stop_details.explanation if told.stop_details else None, bool(text)),
        thoughts=tuple(
            Thinking(block.thinking or "", block.signature or "", (block.data or "") if block.type == "redacted_thinking" else "")
            for block in blocks
            if block.type in ("thinking", "redacted_thinking")
        ),
        stop_sequence=told.stop_sequence or "",
    )


def refusal_text(stop_reason: str | None, explanation: str | None, spoke: bool) -> str:
    """The refusal of an answer that ended so. `spoke`: it has text, so that words of ours would pass for the model's."""
    if stop_reason != "refusal":
        return ""
    return explanation or ("" if spoke else REFUSED)


def _block_bytes(block: Block) -> int:
    return utf8_bytes(block.text or "") + utf8_bytes(block.thinking or "") + utf8_bytes(block.name or "") + len(bytes(block.input))
