"""Reads and checks requests to `/api/chat` and `/api/generate`: bytes → Reading, or a Fault that says what is wrong and where.

Ollama matches the names of fields without regard to case (Go's encoding/json does). A field that it would read and that was not judged
here is refused, wherever a model, its input or its limit stands.
"""

import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS, body_fault, invalid, utf8_fault
from orchvynt.dialects.ollama_chat.asking import (
    AskBody,
    AskCall,
    AskMessage,
    AskTool,
    ChatAsk,
    GenerateAsk,
    decode_chat,
    decode_generate,
)
from orchvynt.dialects.shapes import Reading
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.turns import Turn

_IMAGE_END_CHARS: Final = 64
_TEMPLATE_ACTION: Final = re.compile(r"\{\{-?\s*(?:(?:if\s+)?\.(?:System|Prompt|Response|Suffix)|else|end)\s*-?\}\}")
_TEMPLATE_OPEN: Final = "{{"

_CHAT_NAMES: Final = frozenset(ChatAsk.__struct_fields__)
_GENERATE_NAMES: Final = frozenset(GenerateAsk.__struct_fields__)
_MESSAGE_NAMES: Final = frozenset(AskMessage.__struct_fields__)

_decode_top = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_messages = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


class _RefusalError(Exception):
    """Carries a fault out of the walk; never leaves this module."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def read_chat(body: bytes) -> Reading | Fault:
    """The reading of a body of `/api/chat`. Raises nothing, whatever the bytes."""
    try:
        asked = decode_chat(body)
        fault = utf8_fault(body)
        if fault is not None:
            return fault
        top = _decode_top(body)
        _check_names(top, _CHAT_NAMES, "")
        for index, message in enumerate(_decode_messages(top["messages"])):
            _check_names(message, _MESSAGE_NAMES, f"messages[{index}].")
        ask = _chat_ask(asked, body)
        return Reading(ask=ask, metadata={}, turns=lambda: [_turn(message) for message in asked.messages])
    except _RefusalError as refusal:
        return refusal.fault
    except BODY_ERRORS as error:
        # The encoding first: a decoder may stumble over a bad byte in words that say less.
        return utf8_fault(body) or body_fault(error, body)


def read_generate(body: bytes) -> Reading | Fault:
    """The reading of a body of `/api/generate`. Raises nothing, whatever the bytes."""
    try:
        asked = decode_generate(body)
        fault = utf8_fault(body)
        if fault is not None:
            return fault
        _check_names(_decode_top(body), _GENERATE_NAMES, "")
        return Reading(ask=_generate_ask(asked, body), metadata={}, turns=lambda: generate_turns(asked))
    except _RefusalError as refusal:
        return refusal.fault
    except BODY_ERRORS as error:
        return utf8_fault(body) or body_fault(error, body)


def generate_turns(asked: GenerateAsk) -> list[Turn]:
    """A prompt as the one turn that it is, behind the system's."""
    system = [Turn("system", asked.system)] if asked.system else []
    return [*system, Turn("user", asked.prompt + _image_ends(asked.images))]


def _chat_ask(asked: ChatAsk, body: bytes) -> Ask:
    messages = asked.messages
    if not messages:
        help_text = "Send at least one message. Loading a model ahead of use is its server's own matter."
        raise _RefusalError(invalid("`messages` is empty.", "messages", help_text))
    images = unread = calls = 0
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        count, size = _images(message.images, f"{where}.images")
        images += count
        unread += size
        for number, call in enumerate(message.tool_calls or ()):
            _check_call(call, f"{where}.tool_calls[{number}].function.arguments")
        calls += len(message.tool_calls or ())
    tools = asked.tools or ()
    for index, tool in enumerate(tools):
        _check_tool(tool, f"tools[{index}]")
    names = tuple(tool.function.name for tool in tools)
    return _ask(asked, body, len(messages), images, len(body) - unread, names, calls)


def _generate_ask(asked: GenerateAsk, body: bytes) -> Ask:
    if not asked.prompt:
        help_text = "Send a prompt. Loading a model ahead of use is its server's own matter."
        raise _RefusalError(invalid("`prompt` is required.", "prompt", help_text))
    images, unread = _images(asked.images, "images")
    # A number of `context` is one token, and takes at least two bytes.
    text_bytes = (len(body) - unread) * _repeats(asked.template or "")
    return _ask(asked, body, 1 + bool(asked.system), images, text_bytes, ())


def _ask(asked: AskBody, body: bytes, messages: int, images: int, text_bytes: int, tools: tuple[str, ...], calls: int = 0) -> Ask:
    options = asked.options
    limit = options.num_predict if options is not None else None
    return Ask(
        requested_model=asked.model,
        body=body,
        stream=asked.stream is not False,
        max_output_tokens=limit if limit is not None and limit > 0 else None,
        message_count=messages,
        tool_names=tools,
        image_count=images,
        # JSON takes at least a byte for each byte of UTF-8 that it stands for.
        input_text_bytes=text_bytes,
        wants_json_schema=_wants_schema(bytes(asked.format)),
        tool_calls=calls,
        wants_logprobs=asked.logprobs is True,
    )


def _images(images: list[str] | None, where: str) -> tuple[int, int]:
    """How many images there are, and how many bytes of the body they certainly take."""
    size = 0
    for index, image in enumerate(images or ()):
        data = image.replace("\n", "").replace("\r", "")
        try:
            binascii.a2b_base64(data, strict_mode=True)
        except ValueError as error:
            param = f"{where}[{index}]"
            raise _RefusalError(invalid(f"`{param}` is no base64: {error}.", param, "Send the image's bytes as base64.")) from error
        size += len(data)
    return len(images or ()), size


def _check_call(call: AskCall, where: str) -> None:
    arguments = bytes(call.function.arguments)
    if arguments and arguments[0] != 0x7B and arguments != b"null":
        raise _RefusalError(invalid(f"`{where}` must be an object.", where, "Send the arguments as JSON, not as text."))


def _check_tool(tool: AskTool, where: str) -> None:
    if tool.type != "function":
        raise _RefusalError(invalid(f"`{where}.type` must be function.", f"{where}.type"))
    parameters = bytes(tool.function.parameters)
    if parameters and parameters[0] != 0x7B and parameters != b"null":
        where = f"{where}.function.parameters"
        raise _RefusalError(invalid(f"`{where}` must be a JSON Schema object.", where))


def _wants_schema(form: bytes) -> bool:
    if form in (b"", b"null", b'""', b'"json"'):
        return False
    if form[0] != 0x7B:
        raise _RefusalError(invalid("`format` must be json or a JSON Schema object.", "format"))
    return True


def _repeats(template: str) -> int:
    """How often a template may write what it is given: a bound of its output is that many times the request."""
    if len(_TEMPLATE_ACTION.findall(template)) != template.count(_TEMPLATE_OPEN):
        help_text = (
            "Use {{ .System }}, {{ .Prompt }}, {{ .Response }}, {{ .Suffix }}, if, else and end, or put the template into the model."
        )
        raise _RefusalError(invalid("`template` holds an action whose output cannot be bounded ahead.", "template", help_text))
    return max(template.count(_TEMPLATE_OPEN), 1)


def _check_names(given: Mapping[str, object], known: Iterable[str], where: str) -> None:
    """Refuses a name that Ollama takes for a known one and that was not read as such."""
    for name in given:
        plain = name.casefold()
        if plain != name and plain in known:
            said = f"`{where}{name}`: Ollama would read this as `{plain}`."
            raise _RefusalError(invalid(said, f"{where}{name}", f"Write `{plain}`."))


def _turn(message: AskMessage) -> Turn:
    """Without the ids of tool calls: most clients send none back."""
    return Turn(message.role.lower(), (message.content or "") + _image_ends(message.images))


def _image_ends(images: list[str] | None) -> str:
    """Of an image only so much that another one is told apart."""
    return "".join(f"{len(image)} {image[-_IMAGE_END_CHARS:]}" for image in images or ())
