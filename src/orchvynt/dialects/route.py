"""The caller dialect `route`: `POST /v1/route`, OrchVynt's own. It says what kind of task it is, and never streams.

`{workload, messages, context, options, flags, model, tools}`; an unknown field is refused, because a misspelt `flags` must not
slip past a gate. `options` takes the options of a chat completion under their own names.
"""

from typing import Any, Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS, body_fault, invalid, utf8_fault
from orchvynt.dialects.openai_chat.canonical import chat_from, input_text
from orchvynt.dialects.openai_chat.ends import finish_from
from orchvynt.dialects.openai_chat.errors import error_body
from orchvynt.dialects.openai_chat.reading import read_request
from orchvynt.dialects.shapes import DeltaWriter, Notes, Reading
from orchvynt.model.chat import Chat, Reply, ToolCall
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.money import usd_text
from orchvynt.model.usage import Usage

AUTO: Final = "auto"
RESERVED_OPTIONS: Final = ("model", "messages", "tools", "metadata", "stream", "stream_options")
"""Options of a chat completion that stand elsewhere in this dialect, or have no meaning in it."""


class RouteBody(msgspec.Struct, forbid_unknown_fields=True):
    messages: msgspec.Raw
    workload: str | None = None
    context: dict[str, Any] | None = None
    options: dict[str, msgspec.Raw] | None = None
    flags: list[str] | None = None
    model: str | None = None
    tools: msgspec.Raw = msgspec.Raw()


class RouteFacts(msgspec.Struct, frozen=True):
    """What only the runtime knows of an answer. `cost_nanos` is None where the price is unknown. `tier` counts from 1."""

    invocation: str
    model: str
    provider: str
    rule: str
    tier: int
    attempts: int
    cost_nanos: int | None = None


class ToldUsage(msgspec.Struct, omit_defaults=True):
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class RouteAnswer(msgspec.Struct, omit_defaults=True):
    """The part of an answer that is a reply; `write_route` adds the rest."""

    content: str
    finish_reason: str | None = None
    usage: ToldUsage | None = None
    tool_calls: list[ToolCall] = []
    refusal: str = ""
    response_id: str = ""
    response_model: str = ""
    created: int = 0


_decode = msgspec.json.Decoder(RouteBody).decode
_decode_answer = msgspec.json.Decoder(RouteAnswer).decode
_encode = msgspec.json.Encoder().encode


class RouteCaller:
    """Implements shapes.CallerDialect. Stateless."""

    name: str = "route"
    stream_type: str = "application/json"

    def read(self, body: bytes) -> Reading | Fault:
        try:
            fault = utf8_fault(body)
            if fault is not None:
                return fault
            told = _decode(body)
            taken = next((name for name in RESERVED_OPTIONS if name in (told.options or {})), None)
            if taken is not None:
                return invalid(f"`options.{taken}` is not an option of this endpoint, which never streams.", f"options.{taken}")
            reading = read_request(_completion(told))
        except BODY_ERRORS as error:
            return body_fault(error, body)
        if isinstance(reading, Fault):
            return msgspec.structs.replace(reading, param=_own_param(reading.param, told))
        metadata: dict[str, object] = {}
        if told.workload:
            metadata["workload"] = told.workload
        if told.context:
            metadata["context"] = told.context
            if isinstance(told.context.get("session_id"), str):
                metadata["session"] = told.context["session_id"]
        if told.flags:
            metadata["flags"] = told.flags
        return Reading(ask=msgspec.structs.replace(reading.ask, body=body), metadata=metadata, turns=reading.turns)

    def chat(self, ask: Ask) -> Chat:
        return chat_from(_completion(_decode(ask.body)))

    def input_text(self, ask: Ask) -> str:
        return input_text(_completion(_decode(ask.body)))

    def write(self, reply: Reply) -> bytes:
        """The reply alone; `write_route` is what a caller gets."""
        return _encode(_answer(reply))

    def stream_writer(self, ask: Ask) -> DeltaWriter:  # noqa: ARG002  # never streams
        raise ValueError("the caller dialect route never streams")

    def write_stream(self, reply: Reply, wants_usage: bool, notes: Notes) -> bytes:  # noqa: ARG002  # never streams
        """This dialect never streams: the whole answer."""
        return self.write(reply)

    def with_notes(self, stream: bytes, notes: Notes) -> bytes:  # noqa: ARG002  # never streams
        return stream

    def read_reply(self, body: bytes) -> Reply:
        told = _decode_answer(body)
        usage = told.usage
        return Reply(
            id=told.response_id,
            model=told.response_model,
            created_s=told.created,
            text=told.content,
            tool_calls=tuple(told.tool_calls),
            finish=finish_from(told.finish_reason),
            usage=None if usage is None else _usage_from(usage),
            refusal=told.refusal,
        )

    def error(self, fault: Fault, invocation: str) -> bytes:
        if fault.code == "hitl_pending":
            # No error in this dialect, but a 202 that says where the answer will be.
            return _encode({"code": fault.code, "message": fault.text, **fault.detail})
        return error_body(fault, invocation)

    def error_event(self, fault: Fault, invocation: str) -> bytes:
        return error_body(fault, invocation)

    def keep_alive(self) -> bytes:
        return b""


def write_route(reply: Reply, facts: RouteFacts) -> bytes:
    """The whole answer of `/v1/route`. `total_cost_usd` is a JSON number with the exact decimals of the nano-dollars, or null."""
    told: dict[str, Any] = msgspec.to_builtins(_answer(reply))
    cost = None if facts.cost_nanos is None else msgspec.Raw(usd_text(facts.cost_nanos).encode())
    return _encode(
        {
            **told,
            "model_used": facts.model,
            "provider_used": facts.provider,
            "routing_decision": {"policy_matched": facts.rule, "fallback_tier_used": facts.tier, "attempts": facts.attempts},
            "usage": {**told.get("usage", {"prompt_tokens": None, "completion_tokens": None}), "total_cost_usd": cost},
            "invocation_id": facts.invocation,
        }
    )


def _completion(told: RouteBody) -> bytes:
    """The same request as the body of a chat completion; the values stay the caller's bytes."""
    body: dict[str, Any] = {"model": told.model or AUTO, "messages": told.messages, **(told.options or {})}
    if told.tools:
        body["tools"] = told.tools
    return _encode(body)


def _own_param(param: str | None, told: RouteBody) -> str | None:
    """Where a fault of the inner request stands in this dialect's body."""
    if param is None:
        return None
    root = param.partition(".")[0].partition("[")[0]
    return f"options.{param}" if root in (told.options or {}) else param


def _answer(reply: Reply) -> RouteAnswer:
    usage = reply.usage
    return RouteAnswer(
        content=reply.text,
        finish_reason=reply.finish or None,
        usage=None if usage is None else _told_usage(usage),
        tool_calls=list(reply.tool_calls),
        refusal=reply.refusal,
        response_id=reply.id,
        response_model=reply.model,
        created=reply.created_s,
    )


def _told_usage(usage: Usage) -> ToldUsage:
    return ToldUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        cached_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def _usage_from(told: ToldUsage) -> Usage:
    return Usage(
        input_tokens=told.prompt_tokens,
        output_tokens=told.completion_tokens,
        cached_input_tokens=told.cached_tokens,
        reasoning_tokens=told.reasoning_tokens,
    )
