"""Reads what arrived at the provider, strictly in that provider's own dialect, as the one form in which cells say what they expect.

It shares nothing with the product. A field that is not known here fails the test, so that nothing travels unnoticed.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tests.clients.table import Api, Call, Cell
from tests.clients.world import ADDRESS, DESCRIPTION, EARLIER, MODELS, PNG, SAMPLES, SCHEMA, WEATHER


class Arrived(NamedTuple):
    """`turns` are roles and texts of users and assistants, `calls` and `results` those of earlier turns, the results in the calls' order.
    `form` is a schema, `json`, or None."""

    stream: bool
    limit: int
    turns: tuple[tuple[str, str], ...]
    system: str = ""
    tools: tuple[tuple[str, str, Any], ...] = ()
    choice: str = ""
    one_call: bool = False
    calls: tuple[Call, ...] = ()
    results: tuple[str, ...] = ()
    form: Any = None
    images: tuple[str, ...] = ()
    think: bool = False
    stop: tuple[str, ...] = ()
    sampled: Any = MappingProxyType({})
    logprobs: int | None = None


def expected(cell: Cell, calls: tuple[Call, ...] = (), said: str = "") -> Arrived:
    """What must arrive of its request. `calls` and `said` are the turn that results answer."""
    ask = cell.ask
    turns = (*EARLIER, ("user", ask.text)) if ask.earlier else (("user", ask.text),)
    lost = {name.rpartition(".")[2] for name in cell.lost}
    # An Ollama has no such choice: the tools stay away.
    hidden = ask.choice == "none" and cell.provider == "ollama"
    return Arrived(
        stream=cell.how == "stream",
        limit=ask.limit,
        turns=(*turns, ("assistant", said)) if said else turns,
        system=ask.system,
        tools=(("weather", DESCRIPTION, WEATHER),) if ask.tools and not hidden else (),
        choice="" if hidden else ask.choice,
        one_call=ask.one_call,
        calls=calls,
        results=tuple(measured(call) for call in calls),
        form=SCHEMA if ask.form == "schema" else ask.form or None,
        images={"data": (PNG,), "address": (ADDRESS,), "": ()}[ask.image],
        think=ask.think and cell.own,
        stop=(ask.stop,) if ask.stop else (),
        sampled={name: value for name, value in SAMPLES[cell.client].items() if name not in lost} if ask.sample else {},
        logprobs=2 if ask.logprobs else None,
    )


def measured(call: Call) -> str:
    """What the tool says to a call."""
    return f"{call.arguments['city']}: 18 degrees"


def arrived(api: Api, kept: Mapping[str, Any]) -> Arrived:
    """Reads one request of the scripted provider's `arrivals`."""
    body = json.loads(kept["body"])
    assert kept["path"].endswith(_PATHS[api]), kept["path"]
    assert body.pop("model") == MODELS[api]
    return {"openai": _openai, "anthropic": _anthropic, "ollama": _ollama}[api](body)


SAMPLED: Final = ("temperature", "seed", "top_k")
_PATHS: Final = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
_OPENAI: Final = (
    *("messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop", "reasoning_effort"),
    *("temperature", "seed", "logprobs", "top_logprobs"),
    *("tools", "tool_choice", "parallel_tool_calls", "response_format"),
)


def _sampled(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in SAMPLED if name in found}


def _only(found: Mapping[str, Any], *names: str) -> None:
    assert set(found) <= set(names), f"unexpected: {sorted(set(found) - set(names))}"


def _openai(body: dict[str, Any]) -> Arrived:
    _only(body, *_OPENAI)
    assert len({"max_tokens", "max_completion_tokens"} & set(body)) == 1
    if body.get("stream"):
        assert body["stream_options"] == {"include_usage": True}
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    images: list[str] = []
    calls: dict[str, Call] = {}
    results: dict[str, str] = {}
    for message in body["messages"]:
        content = message.get("content")
        parts: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        images += [_openai_image(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]
        for call in message.get("tool_calls") or []:
            assert call["type"] == "function"
            calls[call["id"]] = Call(call["function"]["name"], json.loads(call["function"]["arguments"]))
        if message["role"] == "tool":
            results[message["tool_call_id"]] = text
        elif message["role"] in {"system", "developer"}:
            system.append(text)
        elif text:
            turns.append((message["role"], text))
    choice: Any = body.get("tool_choice", "auto")
    stop = body.get("stop") or []
    return Arrived(
        stream=body.get("stream", False),
        limit=body.get("max_tokens") or body["max_completion_tokens"],
        turns=tuple(turns),
        system="\n".join(system),
        tools=tuple(_function(tool) for tool in body.get("tools", ())),
        choice={"auto": "", "none": "none", "required": "required"}[choice] if isinstance(choice, str) else choice["function"]["name"],
        one_call=body.get("parallel_tool_calls") is False,
        calls=tuple(calls.values()),
        results=tuple(results[id] for id in calls),
        form=_openai_form(body.get("response_format")),
        images=tuple(images),
        think="reasoning_effort" in body,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        sampled=_sampled(body),
        logprobs=body["top_logprobs"] if body.get("logprobs") else None,
    )


def _openai_image(url: str) -> str:
    head, found, data = url.partition("data:image/png;base64,")
    assert bool(head) != bool(found)
    return data if found else url


def _openai_form(form: dict[str, Any] | None) -> Any:
    if form is None or form == {"type": "json_object"}:
        return form and "json"
    assert form["type"] == "json_schema"
    named = form["json_schema"]
    assert named["name"]
    assert named.get("strict", True) is True
    return named["schema"]


def _function(tool: dict[str, Any]) -> tuple[str, str, Any]:
    assert tool["type"] == "function"
    return tool["function"]["name"], tool["function"]["description"], tool["function"]["parameters"]


def _anthropic(body: dict[str, Any]) -> Arrived:
    _only(body, "messages", "system", "stream", "max_tokens", "tools", "tool_choice", "output_config", "stop_sequences", "thinking",
          "temperature", "top_k")  # fmt: skip
    turns: list[tuple[str, str]] = []
    images: list[str] = []
    calls: dict[str, Call] = {}
    results: dict[str, str] = {}
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "assistant", "user"][: len(body["messages"])]
    for message in body["messages"]:
        blocks = _blocks(message["content"])
        if text := _text(blocks):
            turns.append((message["role"], text))
        for block in blocks:
            match block["type"]:
                case "image":
                    source = block["source"]
                    assert (source["type"], source.get("media_type")) in {("base64", "image/png"), ("url", None)}
                    images.append(source.get("data") or source["url"])
                case "tool_use":
                    calls[block["id"]] = Call(block["name"], block["input"])
                case "tool_result":
                    results[block["tool_use_id"]] = _text(_blocks(block["content"]))
                case _:
                    assert block["type"] == "text"
    choice = body.get("tool_choice") or {"type": "auto"}
    form = body.get("output_config", {}).get("format")
    if form:
        assert form["type"] == "json_schema"
    return Arrived(
        stream=body.get("stream", False),
        limit=body["max_tokens"],
        turns=tuple(turns),
        system=_text(_blocks(body.get("system", ""))),
        tools=tuple((tool["name"], tool["description"], tool["input_schema"]) for tool in body.get("tools", ())),
        choice=choice["name"] if choice["type"] == "tool" else {"auto": "", "none": "none", "any": "required"}[choice["type"]],
        one_call=choice.get("disable_parallel_tool_use", False),
        calls=tuple(calls.values()),
        results=tuple(results[id] for id in calls),
        form=form["schema"] if form else None,
        images=tuple(images),
        think="thinking" in body,
        stop=tuple(body.get("stop_sequences", ())),
        sampled=_sampled(body),
    )


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(blocks: list[Any]) -> str:
    return "".join(block["text"] for block in blocks if block["type"] == "text")


def _ollama(body: dict[str, Any]) -> Arrived:
    _only(body, "messages", "stream", "options", "tools", "format", "think", "logprobs", "top_logprobs")
    _only(body["options"], "num_predict", "stop", *SAMPLED)
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    images: list[str] = []
    calls: list[Call] = []
    results: list[tuple[str, str]] = []
    for message in body["messages"]:
        text = message.get("content", "")
        images += message.get("images") or ()
        calls += [Call(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
        if message["role"] == "tool":
            results.append((message["tool_name"], text))
        elif message["role"] == "system":
            system.append(text)
        elif text:
            turns.append((message["role"], text))
    assert [name for name, _ in results] == [call.name for call in calls], "Ollama knows the calls of results by their order and name"
    return Arrived(
        stream=body.get("stream", True),
        limit=body["options"]["num_predict"],
        turns=tuple(turns),
        system="\n".join(system),
        tools=tuple(_function(tool) for tool in body.get("tools") or ()),
        calls=tuple(calls),
        results=tuple(text for _, text in results),
        form=body.get("format") or None,
        images=tuple(images),
        think=body.get("think", False),
        stop=tuple(body["options"].get("stop", ())),
        sampled=_sampled(body["options"]),
        logprobs=body["top_logprobs"] if body.get("logprobs") else None,
    )
