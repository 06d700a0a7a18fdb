"""Reads and checks a chat completion request: bytes → Reading, or a Fault that says what is wrong and where.

This is on the path of every invocation: one typed decode, then one walk over the messages. It never copies the body.
"""

from typing import Any, Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS, body_fault, invalid, utf8_fault
from orchvynt.dialects.openai_chat.wire import AskBody, AskMessage, AskPart, AskTool, AskToolCall, OldFunction
from orchvynt.dialects.shapes import Reading
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.turns import Turn

METADATA_PREFIX: Final = "orchvynt_"
_PREFIX_BYTES: Final = METADATA_PREFIX.encode()

# What certainly stands in the body and no model reads, in bytes of the tightest JSON. INVARIANT: each stands once for each
# thing that was decoded, on bytes of its own, so that taking it from the body's length leaves an upper bound of the text.
_FRAME_BYTES: Final = len('{"model":"","messages":[]}')
_STREAM_BYTES: Final = len(',"stream":true')
_MAX_TOKENS_BYTES: Final = len(',"max_tokens":1')
_TEMPERATURE_BYTES: Final = len(',"temperature":1')
_METADATA_BYTES: Final = len(',"metadata":')
_MESSAGE_BYTES: Final = len('{"role":""}')
_CONTENT_BYTES: Final = len(',"content":""')
_TEXT_PART_BYTES: Final = len('{"type":"text","text":""}')
_IMAGE_PART_BYTES: Final = len('{"type":"image_url","image_url":""}')
_IMAGE_END_CHARS: Final = 64
# `\uXXXX` takes six bytes and is at most three bytes of UTF-8.
_ESCAPE_BYTES: Final = 3

_decode = msgspec.json.Decoder(AskBody).decode
_decode_metadata = msgspec.json.Decoder(dict[str, Any]).decode
_decode_functions = msgspec.json.Decoder(list[OldFunction]).decode


class _RefusalError(Exception):
    """Carries a fault out of the walk; never leaves this module."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def read_request(body: bytes) -> Reading | Fault:
    """The reading of a request body. Raises nothing, whatever the bytes."""
    try:
        asked = _decode(body)
        is_ascii = body.isascii()
        fault = None if is_ascii else utf8_fault(body)
        if fault is not None:
            return fault
        metadata = _own_metadata(asked.metadata) if asked.metadata else {}
        return Reading(ask=_ask(asked, body, is_ascii), metadata=metadata, turns=lambda: [*map(_turn, asked.messages)])
    except _RefusalError as refusal:
        return refusal.fault
    except BODY_ERRORS as error:
        # The encoding first: a decoder may stumble over a bad byte in words that say less.
        return utf8_fault(body) or body_fault(error, body)


def _ask(asked: AskBody, body: bytes, is_ascii: bool) -> Ask:
    messages = asked.messages
    if not messages:
        raise _RefusalError(invalid("`messages` is empty.", "messages", "Send at least one message."))
    images = files = calls = 0
    escaped = False
    # Brackets and braces, and the commas between messages.
    unread = _FRAME_BYTES + len(asked.model) + len(messages) - 1
    for index, message in enumerate(messages):
        content = message.content
        role = message.role
        unread += _MESSAGE_BYTES + len(role)
        if isinstance(content, str):
            unread += _CONTENT_BYTES
            # Other text than ASCII in an ASCII body: its sender escapes, at up to twice the bytes of UTF-8.
            if is_ascii and not content.isascii():
                escaped = True
        elif content is not None:
            parts_images, parts_files, parts_unread = _walk_parts(content, f"messages[{index}].content")
            images += parts_images
            files += parts_files
            unread += parts_unread
        elif role != "assistant" or not (message.tool_calls or message.function_call or message.refusal):
            raise _RefusalError(invalid(f"`messages[{index}].content` is required for the role {role}.", f"messages[{index}].content"))
        if role == "tool" or message.tool_calls is not None:
            _check_tool_use(message, index)
            calls += len(message.tool_calls or ())
    if asked.stream:
        unread += _STREAM_BYTES
    limit = asked.max_completion_tokens
    if asked.max_tokens is not None:
        if limit is not None:
            raise _RefusalError(_two_limits())
        limit = asked.max_tokens
    if limit is not None:
        unread += _MAX_TOKENS_BYTES
    if asked.temperature is not None:
        unread += _TEMPERATURE_BYTES
    if asked.metadata:
        unread += _METADATA_BYTES + len(bytes(asked.metadata))
    if escaped:
        unread += _ESCAPE_BYTES * _escapes(body, bytes(asked.metadata))
    return Ask(
        requested_model=asked.model,
        body=body,
        stream=asked.stream is True,
        wants_usage=asked.stream is not True or (asked.stream_options is not None and asked.stream_options.include_usage is True),
        max_output_tokens=limit,
        choices=asked.n or 1,
        message_count=len(messages),
        tool_names=_tool_names(asked) if asked.tools or asked.functions else (),
        image_count=images,
        service_tier=asked.service_tier or "",
        input_text_bytes=len(body) - unread,
        wants_json_schema=asked.response_format is not None and _wants_schema(asked),
        # Its pages, which no size bounds, are all read into one context.
        open_inputs=1 if files else 0,
        tool_calls=calls,
        wants_logprobs=asked.logprobs is True,
    )


def _walk_parts(parts: list[AskPart], where: str) -> tuple[int, int, int]:
    """How many images and files the parts of a message hold, and how many bytes of them no model reads as text."""
    images = files = unread = 0
    for index, part in enumerate(parts):
        if part.type == "text":
            if part.text is None:
                raise _RefusalError(invalid(f"`{where}[{index}].text` is required.", f"{where}[{index}].text"))
            unread += _TEXT_PART_BYTES
        elif part.type == "image_url":
            image = part.image_url
            if image is None:
                raise _RefusalError(invalid(f"`{where}[{index}].image_url` is required.", f"{where}[{index}].image_url"))
            url = image if isinstance(image, str) else image.url
            images += 1
            unread += _IMAGE_PART_BYTES
            # The bytes of an inline image are no text. An address is short, and some templates show it.
            if url.startswith("data:"):
                unread += len(url)
        elif part.type == "file":
            files += 1
            if part.file is not None:
                unread += len(part.file.file_data or "")
    return images, files, unread


def _check_tool_use(message: AskMessage, index: int) -> None:
    where = f"messages[{index}]"
    if message.role == "tool" and not message.tool_call_id:
        raise _RefusalError(invalid(f"`{where}.tool_call_id` is required for the role tool.", f"{where}.tool_call_id"))
    calls: list[AskToolCall] = message.tool_calls or []
    for number, call in enumerate(calls):
        if call.type == "function" and call.function is None:
            raise _RefusalError(invalid(f"`{where}.tool_calls[{number}].function` is required.", f"{where}.tool_calls[{number}].function"))


def _tool_names(asked: AskBody) -> tuple[str, ...]:
    names = [_tool_name(tool, index) for index, tool in enumerate(asked.tools or ())]
    if asked.functions and asked.functions != b"null":
        # The provider checks the old field; what cannot be read here is a tool without a name.
        try:
            names += [function.name for function in _decode_functions(asked.functions)]
        except msgspec.DecodeError:
            names.append("")
    return tuple(names)


def _tool_name(tool: AskTool, index: int) -> str:
    if tool.type == "function":
        function = tool.function
        if function is None:
            raise _RefusalError(invalid(f"`tools[{index}].function` is required.", f"tools[{index}].function"))
        parameters = bytes(function.parameters)
        if parameters and parameters[0] != 0x7B and parameters != b"null":
            where = f"tools[{index}].function.parameters"
            raise _RefusalError(invalid(f"`{where}` must be a JSON Schema object.", where))
        return function.name
    return tool.custom.name if tool.custom else tool.type


def _wants_schema(asked: AskBody) -> bool:
    form = asked.response_format
    if form is None or form.type != "json_schema":
        return False
    if bytes(form.json_schema)[:1] != b"{":
        raise _RefusalError(invalid("`response_format.json_schema` must be an object.", "response_format.json_schema"))
    return True


def _escapes(body: bytes, metadata: bytes) -> int:
    """A lower bound of the `\\uXXXX` escapes outside of `metadata`: an escaped backslash before a `u` looks like one and is none."""
    return max(body.count(b"\\u") - metadata.count(b"\\u") - body.count(b"\\\\"), 0)


def _own_metadata(metadata: msgspec.Raw) -> dict[str, object]:
    """The `orchvynt_*` keys of `metadata`, without the prefix."""
    raw = bytes(metadata)
    if raw == b"null":
        return {}
    if raw[:1] != b"{":
        raise _RefusalError(invalid("`metadata` must be an object.", "metadata"))
    if not may_be_ours(raw):
        return {}
    return {key.removeprefix(METADATA_PREFIX): value for key, value in _decode_metadata(raw).items() if key.startswith(METADATA_PREFIX)}


def may_be_ours(metadata: bytes) -> bool:
    """False only if no key can begin with the prefix: it does not stand there, and no escape hides it. Saves most bodies a decode."""
    return _PREFIX_BYTES in metadata or b"\\" in metadata


def _two_limits() -> Fault:
    return invalid(
        "`max_tokens` and `max_completion_tokens` are both given.",
        "max_tokens",
        "Send one of them; `max_completion_tokens` is the current name.",
    )


def _turn(message: AskMessage) -> Turn:
    content = message.content
    text = content if isinstance(content, str) else "".join(_part_text(part) for part in content or ())
    if message.refusal:
        text += message.refusal
    if message.tool_calls:
        return Turn(message.role, text, tuple([call.id for call in message.tool_calls if call.id]))
    return Turn(message.role, text, (message.tool_call_id,) if message.tool_call_id else ())


def _part_text(part: AskPart) -> str:
    """The text of a part; of an image only so much that another one is told apart."""
    image = part.image_url
    if image is None:
        return part.text or part.refusal or ""
    url = image if isinstance(image, str) else image.url
    return f"{len(url)} {url[-_IMAGE_END_CHARS:]}"
