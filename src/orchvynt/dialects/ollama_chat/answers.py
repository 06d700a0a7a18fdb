"""Reads whole answers of Ollama's APIs: what the invocation needs of them, or the failure that they are. `decode` knows which API."""

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.ollama_chat.wire import (
    LineDecoder,
    ToldMessage,
    answer_id,
    arguments_text,
    call_id,
    created_seconds,
    finish_from,
    said_bytes,
    usage_from,
)
from orchvynt.dialects.outcomes import content_fault, error_in_success, failure_from_status, malformed
from orchvynt.dialects.shapes import Answer, Failure
from orchvynt.dialects.translation import logprobs_from
from orchvynt.model.chat import Reply, Thinking, ToolCall


def read_answer(decode: LineDecoder, status: int, content_type: str, retry_after: str, body: bytes, now: int) -> Answer | Failure:
    """Anything but a well-formed, finished answer is a Failure."""
    if not 200 <= status < 300:
        return failure_from_status(status, body, retry_after, now)
    fault = content_fault(content_type, status)
    if fault is not None:
        return fault
    if not body.strip():
        return malformed(status, "the provider answered with an empty body")
    try:
        body.decode()
        told = decode(body)
    except BODY_ERRORS as error:
        return malformed(status, f"the answer cannot be read: {error}")
    if told.error and bytes(told.error) != b"null":
        return error_in_success(told.error, status)
    message = told.said()
    if message is None or not told.done or told.done_reason in ("load", "unload"):
        return malformed(status, "the answer has no message, or is not finished")
    return Answer(
        body=body,
        response_id=answer_id(body),
        response_model=told.model or "",
        finish=finish_from(told.done_reason, bool(message.tool_calls)),
        usage=usage_from(told),
        output_bytes=said_bytes(message),
    )


def read_reply(decode: LineDecoder, body: bytes) -> Reply:
    """The canonical form of a well-formed answer."""
    told = decode(body)
    message = told.said() or ToldMessage()
    answer = answer_id(body)
    return Reply(
        id=answer,
        model=told.model or "",
        created_s=created_seconds(told.created_at),
        text=message.content or "",
        tool_calls=tuple(
            ToolCall(id=call.id or call_id(answer, index), name=call.function.name, arguments=arguments_text(call.function.arguments))
            for index, call in enumerate(message.tool_calls or ())
        ),
        finish=finish_from(told.done_reason, bool(message.tool_calls)),
        usage=usage_from(told),
        logprobs=logprobs_from(told.logprobs),
        thoughts=(Thinking(message.thinking),) if message.thinking else (),
    )
