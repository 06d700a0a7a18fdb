"""What a dialect cannot express: each entry of the tables is really dropped and said, or refused, by the code."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.dialects import registry
from orchvynt.dialects.anthropic_messages import requests as anthropic
from orchvynt.dialects.ollama_chat import requests as ollama
from orchvynt.dialects.openai_chat import requests as openai
from orchvynt.dialects.plain import PARTS_DROPPED, THOUGHTS
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.dialects.translation import OWN_NAMES, SERVICE_DROPPED
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import AnswerFormat, Chat, Document, Image, Message, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult

TABLES: dict[Wire, Any] = {"anthropic_messages": anthropic, "ollama_chat": ollama, "openai_chat": openai}
USER = Message("user", (Text("hi"),))
BROKEN = (USER, Message("assistant", (ToolCall("c", "f", "{"),)))
SYSTEM_IMAGE = (USER, Message("system", (Image(media_type="image/png", data="QUJD"),)))

LOSING: dict[str, dict[str, Any]] = {
    "messages[].name": {"messages": (Message("user", (Text("hi"),), name="ana"),)},
    "image_url.detail": {"messages": (Message("user", (Image(media_type="image/png", data="QUJD", detail="low"),)),)},
    "response_format.json_schema.name": {"answer_format": AnswerFormat("schema", "n", {"type": "object"})},
    "temperature": {"temperature": 1.5},
    "top_p": {"temperature": 0.5, "top_p": 0.5},
    "seed": {"seed": 1},
    "user": {"user": "u"},
    "tools[].function.strict": {"tools": (Tool("f", strict=True),)},
    "tool_result.is_error": {"messages": (USER, Message("tool", (ToolResult("c", "no", is_error=True),)))},
}
"""A request for each entry of a table that is no extra."""

REFUSED: dict[str, dict[str, Any]] = {
    "logprobs": {"logprobs": True},
    "response_format json_object": {"answer_format": AnswerFormat("json")},
    "stop of white space": {"stop": (" ",)},
    "system messages with images": {"messages": SYSTEM_IMAGE},
    "arguments of earlier calls that are no JSON object": {"messages": BROKEN},
    "n": {"extras": {"n": 2}},
    "max_tokens of zero": {"max_output_tokens": 0},
    "any other field": {"extras": {"vendor": 1}, "dialect": "other"},
    "tool_choice required, a function": {"tools": (Tool("f"),), "tool_choice": ToolChoice("required")},
    "parallel_tool_calls false": {"tools": (Tool("f"),), "parallel_tool_calls": False},
    "files and documents that are no text": {"messages": (Message("user", (Document(media_type="application/pdf", data="QUJD"),)),)},
    "image_url with an address": {"messages": (Message("user", (Image(url="https://x/y.png"),)),)},
}


def dropped(wire: Wire, model: str = "m", **fields: Any) -> tuple[str, ...]:
    chat = Chat(**{"model": "m", "messages": (USER,), **fields})
    return registry.provider(wire).write_request(chat, model, 10).dropped


@pytest.mark.parametrize(("wire", "name"), [(wire, name) for wire, tables in TABLES.items() for name, _ in tables.DROPPED])
def test_what_a_table_says_is_dropped_is_dropped_and_said(wire: Wire, name: str) -> None:
    # An OpenAI provider drops extras of other callers only.
    dialect = "other" if wire == "openai_chat" else "openai_chat"
    model = "claude-opus-5" if name == "top_k" else "m"
    fields = LOSING.get(name, {"extras": {name: 1}})
    assert dropped(wire, model, dialect=dialect, **fields) == (name,)
    assert dropped(wire, model) == ()


@pytest.mark.parametrize(("wire", "name"), [(wire, name) for wire, tables in TABLES.items() for name, _ in tables.REFUSED])
def test_what_a_table_says_is_refused_is_refused(wire: Wire, name: str) -> None:
    with pytest.raises(UnsupportedError):
        dropped(wire, **REFUSED[name])


@pytest.mark.parametrize(("dialect", "name"), [(dialect, name) for dialect, rows in SERVICE_DROPPED.items() for name, _ in rows])
def test_what_concerns_the_callers_own_provider_is_dropped_by_every_other(dialect: str, name: str) -> None:
    for wire in get_args(Wire):
        if wire != dialect:
            assert dropped(wire, dialect=dialect, extras={name: "x"}) == (OWN_NAMES.get(dialect, {}).get(name, name),)


def test_a_caller_reads_its_own_names_once_each() -> None:
    assert dropped("anthropic_messages", dialect="ollama_chat", seed=1, temperature=2, top_p=1) == (
        "options.seed",
        "options.temperature",
        "options.top_p",
    )
    assert dropped("openai_chat", dialect="ollama_chat", extras={"top_k": 3}) == ("options.top_k",)
    named = tuple(Message("user", (Text("hi"),), name=name) for name in ("ana", "ben"))
    assert dropped("ollama_chat", messages=named) == ("messages[].name",)


def test_newer_models_of_anthropic_take_no_sampling_parameters() -> None:
    assert dropped("anthropic_messages", "claude-opus-5", temperature=0.5, extras={"top_k": 3}) == ("temperature", "top_k")


@pytest.mark.parametrize("wire", ["anthropic_messages", "ollama_chat"])
def test_what_asks_for_nothing_is_no_loss(wire: Wire) -> None:
    neutral = {"presence_penalty": 0, "frequency_penalty": 0, "store": False, "service_tier": "auto", "logit_bias": {}, "top_logprobs": 0}
    image = Message("user", (Image(media_type="image/png", data="QUJD", detail="auto"),))
    assert dropped(wire, messages=(image,), extras=neutral, temperature=0.5) == ()


TABLE_ROWS = [row for tables in TABLES.values() for row in tables.DROPPED] + [row for rows in SERVICE_DROPPED.values() for row in rows]
names = st.sampled_from([name for name, _ in TABLE_ROWS])


@given(st.sampled_from(get_args(Wire)), st.dictionaries(names | st.text(max_size=9), st.text(max_size=9), max_size=5))
def test_only_names_of_tables_are_said_and_they_are_safe_for_a_header(wire: Wire, extras: dict[str, Any]) -> None:
    try:
        said = dropped(wire, dialect="anthropic_messages", extras=extras)
    except UnsupportedError:
        return
    assert set(said) <= set(extras)
    assert all(name.isascii() and name.isprintable() and "," not in name for name in said)


@pytest.mark.parametrize("wire", ["ollama_chat", "openai_chat"])
@pytest.mark.parametrize("name", [name for name, _ in PARTS_DROPPED])
def test_what_only_a_part_of_anthropics_has_is_dropped_and_said(wire: Wire, name: str) -> None:
    text = Text("hi", extras={name: True})
    thought = Message("assistant", (Thinking("hm", "s"),))
    messages = (USER, thought) if name == THOUGHTS else (Message("user", (text,)),)
    assert dropped(wire, dialect="anthropic_messages", messages=messages) == (name,)
