"""Fuzz target: request bodies of every caller dialect. What decisions read is what the standard library reads, or it is refused."""

from typing import Any

from tests.fuzz import json_reference
from tests.fuzz.dialects import callers, providers
from tests.fuzz.json_reference import Number, whole

from orchvynt.dialects.shapes import CallerDialect, ProviderDialect, Reading, UnsupportedError, UpstreamAsk
from orchvynt.model.chat import Chat
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask

_LIMIT_NAMES = ("max_tokens", "max_completion_tokens", "num_predict")
_MODEL = "another-model"
# What a body that passes may differ in: the model, the limit, the usage asked for in streams, and what is said to us alone.
_MAY_CHANGE = frozenset(("model", "stream_options", "metadata", "max_tokens", "max_completion_tokens"))


def request_bodies(data: bytes) -> None:
    told = json_reference.read(data)
    for caller in callers():
        reading = caller.read(data)
        if isinstance(reading, Fault):
            assert reading.message
            assert reading.help
            continue
        assert isinstance(reading, Reading)
        if not told.known:
            continue
        assert told.accepted, f"{caller.name} reads what is no JSON"
        _agrees(caller.name, reading.ask, told.value)
        reading.turns()
        _translate(caller, reading.ask)
        for provider in providers():
            if provider.caller_twin == caller.name:
                _pass(provider, reading.ask, told.value)


def _agrees(dialect: str, ask: Ask, told: Any) -> None:
    assert isinstance(told, dict), "a request that is no object"
    if isinstance(told.get("model"), str) and not isinstance(told["model"], Number) and told["model"]:
        assert ask.requested_model == told["model"]
    if isinstance(told.get("stream"), bool):
        assert ask.stream == told["stream"]
    limits = _limits(dialect, told)
    assert ask.max_output_tokens is None or ask.max_output_tokens in limits, "a limit that nobody gave"
    assert ask.max_output_tokens is not None or not any(limit > 0 for limit in limits), "a limit was not read"
    if isinstance(told.get("messages"), list) and dialect != "ollama_generate":
        # A prompt has no messages, whatever stands beside it. Some dialects have their system message apart.
        assert ask.message_count - len(told["messages"]) in ((0, 1) if told.get("system") is not None else (0,))


def _limits(dialect: str, told: dict[str, Any]) -> set[int]:
    """The output limits of a body, where its dialect has them."""
    place = told.get("options") if _has_options(dialect) else told
    if not isinstance(place, dict):
        return set()
    names = ("max_tokens",) if dialect == "anthropic_messages" else _LIMIT_NAMES
    return {limit for name in names if (limit := whole(place.get(name))) is not None}


def _has_options(dialect: str) -> bool:
    return dialect == "route" or dialect.startswith("ollama")


def _translate(caller: CallerDialect, ask: Ask) -> None:
    """Through the canonical form to every provider: a body that is JSON, or a refusal that says where."""
    caller.input_text(ask)
    chat = _chat(caller, ask)
    if chat is None:
        return
    for provider in providers():
        try:
            sent = provider.write_request(chat, _MODEL, 7)
        except UnsupportedError:
            continue
        assert json_reference.read(sent.body).accepted, f"{provider.name} would get what is no JSON"
        assert not json_reference.names_twice(sent.body)


def _chat(caller: CallerDialect, ask: Ask) -> Chat | None:
    try:
        return caller.chat(ask)
    except UnsupportedError:
        return None


def _pass(provider: ProviderDialect, ask: Ask, before: dict[str, Any]) -> None:
    for model in (_MODEL, ask.requested_model):
        for limit in (None, 1):
            try:
                sent = provider.pass_request(ask, model, limit)
            except UnsupportedError:
                continue
            _check_passed(provider.caller_twin, ask, sent, before, model, limit)


def _check_passed(dialect: str, ask: Ask, sent: UpstreamAsk, before: dict[str, Any], model: str, limit: int | None) -> None:
    after = json_reference.read(sent.body)
    assert after.accepted, "the spliced body is no JSON"
    assert after.value["model"] == model
    changed = {name for name in before.keys() | after.value.keys() if before.get(name) != after.value.get(name)}
    allowed = _MAY_CHANGE | {"options"} if _has_options(dialect) else _MAY_CHANGE
    assert changed <= allowed, f"changed on the way: {changed - allowed}"
    if limit is not None:
        own = ask.max_output_tokens
        lower = limit if own is None else min(limit, own)
        assert _limits(dialect, after.value) == {lower}, "a limit that is not the lower one"
    if "metadata" in changed:
        kept = {name: value for name, value in before["metadata"].items() if not name.startswith("orchvynt_")}
        assert after.value.get("metadata", {}) == kept
    if "stream_options" in changed:
        assert ask.stream
        assert after.value["stream_options"] == {**(before.get("stream_options") or {}), "include_usage": True}
