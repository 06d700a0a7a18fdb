"""Reads whole answers of this wire format: what the invocation needs of them, or the failure that they are."""

from collections.abc import Sequence

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.deltas import utf8_bytes
from orchvynt.dialects.openai_chat.ends import finish_from, usage_from
from orchvynt.dialects.openai_chat.logprobs import choice_logprobs
from orchvynt.dialects.openai_chat.spoken import transcript_of
from orchvynt.dialects.openai_chat.wire import (
    AnswerBody,
    AnswerChoice,
    DatedAnswerBody,
    Told,
    UnmeteredAnswerBody,
    WeighedChoice,
    seconds_from,
    text_of,
)
from orchvynt.dialects.outcomes import JSON_TYPE, content_fault, error_in_success, failure_from_status, malformed
from orchvynt.dialects.shapes import Answer, Failure
from orchvynt.model.chat import Reply, Thinking, ToolCall
from orchvynt.model.turns import Digest, digest_of

_decode = msgspec.json.Decoder(AnswerBody).decode
_decode_dated = msgspec.json.Decoder(DatedAnswerBody).decode
_decode_unmetered = msgspec.json.Decoder(UnmeteredAnswerBody).decode


def read_answer(status: int, content_type: str, retry_after: str, body: bytes, now: int) -> Answer | Failure:
    """Anything but a well-formed success is a Failure. One typed decode; `body` is kept as it is."""
    if not 200 <= status < 300:
        return failure_from_status(status, body, retry_after, now)
    if content_type != JSON_TYPE:
        fault = content_fault(content_type, status)
        if fault is not None:
            return fault
    told: AnswerBody | UnmeteredAnswerBody
    try:
        told = _decode(body)
    except msgspec.ValidationError:
        try:
            told = _decode_unmetered(body)
        except BODY_ERRORS as error:
            return _unreadable(status, body, error)
    except BODY_ERRORS as error:
        return _unreadable(status, body, error)
    if told.error and bytes(told.error) != b"null":
        return error_in_success(told.error, status)
    choices = told.choices
    if not choices:
        return malformed(status, "the answer has no choices")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as garbled:
            return _unreadable(status, body, garbled)
    return Answer(
        body=body,
        response_id=told.id or "",
        response_model=told.model or "",
        finish=finish_from(choices[0].finish_reason),
        usage=usage_from(told.usage) if isinstance(told, AnswerBody) else None,
        output_bytes=_output_bytes(choices),
        said=_said(choices[0].message),
    )


def read_reply(body: bytes) -> Reply:
    """The canonical form of a well-formed answer: its first choice."""
    told: DatedAnswerBody | UnmeteredAnswerBody
    try:
        told = _decode_dated(body)
        usage = usage_from(told.usage)
    except msgspec.ValidationError:
        told, usage = _decode_unmetered(body), None
    choice = told.choices[0] if told.choices else WeighedChoice(message=Told())
    message = choice.message
    calls = []
    for call in message.tool_calls or ():
        if function := call.called():
            calls.append(ToolCall(call.id or "", function.name or "", function.arguments or "", custom=call.custom is not None))
    if message.function_call:
        calls.append(ToolCall(id="", name=message.function_call.name or "", arguments=message.function_call.arguments or ""))
    return Reply(
        id=told.id or "",
        model=told.model or "",
        created_s=seconds_from(told.created),
        text=text_of(message.content) + transcript_of(message.audio),
        tool_calls=tuple(calls),
        finish=finish_from(choice.finish_reason),
        usage=usage,
        refusal=message.refusal or "",
        thoughts=_thoughts(message),
        logprobs=choice_logprobs(choice.logprobs),
    )


def _thoughts(told: Told) -> tuple[Thinking, ...]:
    """The reasoning, which stands under both names where a provider sends both."""
    thought = told.reasoning_content or told.reasoning
    return (Thinking(thought),) if thought else ()


def _said(told: Told) -> Digest:
    content = told.content
    text = content if isinstance(content, str) else text_of(content)
    ids = [call.id for call in told.tool_calls if call.id and call.function] if told.tool_calls else ()
    return digest_of(text + told.refusal if told.refusal else text, ids)


def told_bytes(told: Told) -> int:
    """The UTF-8 bytes of everything in a message or delta that a model wrote."""
    content = told.content
    count = 0
    if content:
        count = utf8_bytes(content if isinstance(content, str) else text_of(content))
    if told.tool_calls:
        for call in told.tool_calls:
            function = call.function
            if function:
                count += utf8_bytes(function.name or "") + utf8_bytes(function.arguments or "")
            elif call.custom:
                count += utf8_bytes(call.custom.name or "") + utf8_bytes(call.custom.input or "")
    if told.audio and bytes(told.audio) != b"null":
        count += len(bytes(told.audio))
    if told.function_call:
        count += utf8_bytes(told.function_call.name or "") + utf8_bytes(told.function_call.arguments or "")
    if told.refusal:
        count += utf8_bytes(told.refusal)
    # The same reasoning stands under both names where a provider sends both.
    if told.reasoning_content or told.reasoning:
        count += max(utf8_bytes(told.reasoning_content or ""), utf8_bytes(told.reasoning or ""))
    return count


def _output_bytes(choices: Sequence[AnswerChoice]) -> int:
    if len(choices) == 1:
        return told_bytes(choices[0].message)
    return sum(told_bytes(choice.message) for choice in choices)


def _unreadable(status: int, body: bytes, error: Exception) -> Failure:
    if not body.strip():
        return malformed(status, "the provider answered with an empty body")
    if isinstance(error, RecursionError):
        return malformed(status, "the answer is nested too deeply")
    # An error body may be a list, a text, or lack what an answer must have.
    try:
        value = msgspec.json.decode(body)
    except BODY_ERRORS:
        return malformed(status, f"the answer cannot be read: {error}")
    if isinstance(value, list) and value and isinstance(value[0], dict) and "error" in value[0]:
        return error_in_success(body, status)
    return malformed(status, f"the answer cannot be read: {error}")
