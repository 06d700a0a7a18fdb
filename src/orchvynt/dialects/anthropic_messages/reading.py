"""Reads and checks a Messages request: bytes → Reading, or a Fault that says what is wrong and where. It never copies the body."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orchvynt.dialects.anthropic_messages.asking import AskBlock, AskBody, AskMessage, AskSource, AskTool, CountBody, is_said
from orchvynt.dialects.anthropic_messages.thinking import BUDGET_TOKENS_LEAST, thinking_budget
from orchvynt.dialects.checks import BODY_ERRORS, body_fault, invalid, utf8_fault
from orchvynt.dialects.shapes import Reading
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.turns import Turn

METADATA_PREFIX: Final = "orchvynt_"

SAMPLINGS_MAX: Final = 10
"""How often Anthropic samples at most before it pauses a turn with tools of its own (platform.claude.com, server tools)."""
PLAIN_TIERS: Final = frozenset({"", "auto", "standard_only"})
# What certainly stands in the body and no model reads, in bytes of the tightest JSON (see openai_chat/reading.py).
# INVARIANT: each stands once for each thing that was decoded, on bytes of its own, so that what is left bounds the text.
_FRAME_BYTES: Final = len('{"model":"","max_tokens":1,"messages":[]}')
_COUNT_FRAME_BYTES: Final = len('{"model":"","messages":[]}')
_MESSAGE_BYTES: Final = len('{"role":"","content":""}')
_TEXT_BYTES: Final = len('{"type":"text","text":""}')
_DATA_END_CHARS: Final = 64
# `\uXXXX` takes six bytes and is at most three bytes of UTF-8.
_ESCAPE_BYTES: Final = 3
# Tools that Anthropic defines and the caller carries out; all others that have a type are Anthropic's own to carry out.
_CALLERS_TOOLS: Final = ("bash_", "text_editor_", "computer_", "memory_", "browser_")

_decode = msgspec.json.Decoder(AskBody).decode
_decode_count = msgspec.json.Decoder(CountBody).decode
_decode_metadata = msgspec.json.Decoder(dict[str, Any]).decode


class _RefusalError(Exception):
    """Carries a fault out of the walk; never leaves this module."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


SHORT_CACHE_PERCENT: Final = 25
LONG_CACHE_PERCENT: Final = 100
# An ASCII character that is written as an escape, which nobody needs: it may be a letter of `cache_control` or `1h`.
_HIDDEN: Final = re.compile(rb"\\u00[3-7]")


class _Walk:
    """What one request holds, block by block."""

    __slots__ = ("calls", "images", "open_inputs", "unread")

    def __init__(self) -> None:
        self.calls = 0
        self.images = 0
        self.open_inputs = 0
        self.unread = 0

    def blocks(self, blocks: Sequence[AskBlock], where: str) -> None:
        for index, block in enumerate(blocks):
            self.block(block, f"{where}[{index}]")

    def block(self, block: AskBlock, where: str) -> None:
        kind = block.type
        if kind == "text":
            _need(block.text, f"{where}.text")
            self.unread += _TEXT_BYTES
        elif kind in ("image", "document"):
            self._file(block, kind, where)
        elif kind == "tool_use":
            self.calls += 1
            _need(block.id, f"{where}.id")
            _need(block.name, f"{where}.name")
            if bytes(block.input)[:1] != b"{":
                raise _RefusalError(invalid(f"`{where}.input` must be an object.", f"{where}.input"))
        elif kind == "tool_result":
            _need(block.tool_use_id, f"{where}.tool_use_id")
        elif kind == "thinking":
            _need(block.thinking, f"{where}.thinking")
        elif kind == "redacted_thinking":
            _need(block.data, f"{where}.data")
        elif kind == "container_upload":
            self.open_inputs = max(self.open_inputs, 1)
        if kind != "text" and is_said(block.citations):
            # Citations cut a text into numbered pieces, as many as it has sentences.
            self.open_inputs = max(self.open_inputs, 1)
        if isinstance(block.content, list):
            self.blocks(block.content, f"{where}.content")

    def _file(self, block: AskBlock, kind: str, where: str) -> None:
        source = block.source
        if not isinstance(source, AskSource):
            raise _RefusalError(invalid(f"`{where}.source` is required, and is an object.", f"{where}.source"))
        if source.type == "base64":
            self.unread += len(_need(source.data, f"{where}.source.data"))
            _need(source.media_type, f"{where}.source.media_type")
        elif source.type == "url":
            _need(source.url, f"{where}.source.url")
        if kind == "image":
            self.images += 1
        elif source.type == "text":
            _need(source.data, f"{where}.source.data")
        elif source.type == "content":
            if isinstance(source.content, list):
                self.blocks(source.content, f"{where}.source.content")
        else:
            self.open_inputs = max(self.open_inputs, 1)


def read_request(body: bytes) -> Reading | Fault:
    """The reading of a request body. Raises nothing, whatever the bytes."""
    return _read(body, False)


def read_count(body: bytes) -> Reading | Fault:
    """The same of a body of `count_tokens`, which needs no limit."""
    return _read(body, True)


def _read(body: bytes, counts: bool) -> Reading | Fault:
    try:
        asked: CountBody = _decode_count(body) if counts else _decode(body)
        fault = utf8_fault(body)
        if fault is not None:
            return fault
        metadata = own_metadata(asked.metadata)
        return Reading(ask=_ask(asked, body), metadata=metadata, turns=lambda: _turns(asked))
    except _RefusalError as refusal:
        return refusal.fault
    except BODY_ERRORS as error:
        # The encoding first: a decoder may stumble over a bad byte in words that say less.
        return utf8_fault(body) or body_fault(error, body)


def _ask(asked: CountBody, body: bytes) -> Ask:
    if not asked.messages:
        raise _RefusalError(invalid("`messages` is empty.", "messages", "Send at least one message."))
    walk = _Walk()
    frame = _COUNT_FRAME_BYTES if asked.max_tokens is None else _FRAME_BYTES
    walk.unread = frame + len(asked.model) + len(asked.messages) - 1 + len(bytes(asked.metadata))
    for index, message in enumerate(asked.messages):
        walk.unread += _MESSAGE_BYTES - (0 if isinstance(message.content, str) else 2) + len(message.role)
        if not isinstance(message.content, str):
            walk.blocks(message.content, f"messages[{index}].content")
    if isinstance(asked.system, list):
        walk.blocks(asked.system, "system")
        _only_text(asked.system)
    names = tuple(_tool(tool, f"tools[{index}]", walk) for index, tool in enumerate(asked.tools or ()))
    if asked.tool_choice is not None and asked.tool_choice.type == "tool":
        _need(asked.tool_choice.name, "tool_choice.name")
    if is_said(asked.mcp_servers) or is_said(asked.container):
        walk.open_inputs = SAMPLINGS_MAX
    return Ask(
        requested_model=asked.model,
        body=body,
        stream=asked.stream is True,
        max_output_tokens=asked.max_tokens,
        message_count=len(asked.messages) + (asked.system is not None),
        tool_names=names,
        image_count=walk.images,
        input_text_bytes=max(len(body) - walk.unread - _ESCAPE_BYTES * _escapes(body, bytes(asked.metadata)), 0),
        wants_json_schema=_wants_schema(asked),
        service_tier=_tier(asked),
        open_inputs=walk.open_inputs,
        input_surcharge_percent=_surcharge_percent(body),
        tool_calls=walk.calls,
        output_tokens_least=_output_least(asked.thinking),
    )


def _output_least(thinking: msgspec.Raw) -> int:
    """Extended thinking has a least budget, and the limit stands above it."""
    return BUDGET_TOKENS_LEAST + 1 if is_said(thinking) and thinking_budget(msgspec.json.decode(thinking)) else 0


def _surcharge_percent(body: bytes) -> int:
    """Writing to a cache costs a quarter of the input's price on top for five minutes, as much again for an hour
    (platform.claude.com/docs/en/build-with-claude/prompt-caching, pricing)."""
    if _HIDDEN.search(body):
        return LONG_CACHE_PERCENT
    if b"cache_control" not in body:
        return 0
    return LONG_CACHE_PERCENT if b'"1h"' in body else SHORT_CACHE_PERCENT


def _need(value: str | None, where: str) -> str:
    if value is None:
        raise _RefusalError(invalid(f"`{where}` is required.", where))
    return value


def _only_text(blocks: Sequence[AskBlock]) -> None:
    for index, block in enumerate(blocks):
        if block.type != "text":
            raise _RefusalError(invalid(f"`system[{index}].type` must be text.", f"system[{index}].type"))


def _tool(tool: AskTool, where: str, walk: _Walk) -> str:
    kind = tool.type or "custom"
    if kind == "custom":
        if bytes(tool.input_schema)[:1] != b"{":
            raise _RefusalError(invalid(f"`{where}.input_schema` is required, and is a JSON Schema object.", f"{where}.input_schema"))
        return _need(tool.name, f"{where}.name")
    # What such a tool tells the model stands in no body; what Anthropic's own read goes into every further sampling.
    walk.open_inputs = max(walk.open_inputs, 1 if kind.startswith(_CALLERS_TOOLS) else SAMPLINGS_MAX)
    return tool.name or kind


def _wants_schema(asked: CountBody) -> bool:
    if asked.output_config is not None and is_said(asked.output_config.format):
        if bytes(asked.output_config.format)[:1] != b"{":
            raise _RefusalError(invalid("`output_config.format` must be an object.", "output_config.format"))
        return True
    return is_said(asked.output_format)


def _tier(asked: CountBody) -> str:
    """What makes an answer cost more than the catalog's price; empty where nothing does."""
    if asked.speed and asked.speed != "standard":
        return f"speed {asked.speed}"
    if asked.inference_geo and asked.inference_geo != "global":
        return f"inference_geo {asked.inference_geo}"
    tier = asked.service_tier or ""
    return "" if tier in PLAIN_TIERS else tier


def _escapes(body: bytes, metadata: bytes) -> int:
    """A lower bound of the `\\uXXXX` escapes outside of `metadata`: an escaped backslash before a `u` looks like one and is none."""
    if b"\\u" not in body:
        return 0
    return max(body.count(b"\\u") - metadata.count(b"\\u") - body.count(b"\\\\"), 0)


def own_metadata(metadata: msgspec.Raw) -> dict[str, object]:
    """The `orchvynt_*` keys of `metadata`, without the prefix."""
    raw = bytes(metadata)
    if raw in (b"", b"null"):
        return {}
    if raw[:1] != b"{":
        raise _RefusalError(invalid("`metadata` must be an object.", "metadata"))
    return {key.removeprefix(METADATA_PREFIX): value for key, value in _decode_metadata(raw).items() if key.startswith(METADATA_PREFIX)}


def _turns(asked: CountBody) -> list[Turn]:
    system = asked.system
    turns = [] if system is None else [_turn(AskMessage("system", system))]
    return [*turns, *(_turn(message) for message in asked.messages)]


def _turn(message: AskMessage) -> Turn:
    """What was said, as far as turns are told apart by it. Thoughts are no content, as in the digest of an answer."""
    if isinstance(message.content, str):
        return Turn(message.role, message.content)
    ids = [block.id or block.tool_use_id or "" for block in message.content if block.type in ("tool_use", "tool_result")]
    return Turn(message.role, "".join(_said(block) for block in message.content), tuple(ids))


def _said(block: AskBlock) -> str:
    if block.type == "text":
        return block.text or ""
    if isinstance(block.content, str):
        return block.content
    if isinstance(block.content, list):
        return "".join(_said(inner) for inner in block.content)
    if isinstance(block.source, AskSource):
        # Of a file only so much that another one is told apart.
        data = block.source.data or block.source.url or ""
        return f"{len(data)} {data[-_DATA_END_CHARS:]}"
    return ""
