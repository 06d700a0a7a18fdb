"""Requests of Ollama callers in canonical form, and what of them only an Ollama can do."""

import base64
from typing import Any

import pytest
from tests.dialects.samples import dump

from orchvynt.dialects import registry
from orchvynt.dialects.ollama_chat.canonical import GENERATE_ONLY, chat_from, chat_text, generate_from, generate_text
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import AnswerFormat, Chat, Image, Message, Text, Tool, ToolCall, ToolResult

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(4)).decode()
HELLO: dict[str, Any] = {"role": "user", "content": "hello"}


def call(name: str, arguments: Any = None, **fields: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": {} if arguments is None else arguments}, **fields}


def chat(*messages: dict[str, Any], **fields: Any) -> Chat:
    return chat_from(dump({"model": "m", "messages": messages or [HELLO], **fields}))


def test_messages_options_and_tools() -> None:
    told = chat(
        {"role": "system", "content": "Be brief."},
        {"role": "USER", "content": "Look", "images": [PNG]},
        tools=[{"function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}, {"function": {"name": "g"}}],
        options={"num_predict": 9, "temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": "END", "top_k": 5, "num_ctx": 8, "min_p": None},
        format={"type": "object"},
        keep_alive="5m",
        stream=False,
        think=None,
    )
    assert told == Chat(
        model="m",
        messages=(Message("system", (Text("Be brief."),)), Message("user", (Text("Look"), Image(media_type="image/png", data=PNG)))),
        tools=(Tool("f", "d", {"type": "object"}), Tool("g")),
        answer_format=AnswerFormat("schema", schema={"type": "object"}),
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        stop=("END",),
        seed=1,
        extras={"keep_alive": "5m", "top_k": 5, "num_ctx": 8},
        dialect="ollama_chat",
    )
    assert chat().stream is True
    assert chat(format="json").answer_format == AnswerFormat("json")
    assert chat(format="").answer_format is None
    assert chat(options={"num_predict": -1, "stop": ["a", "b"]}).stop == ("a", "b")
    assert chat(options={"num_predict": -1}).max_output_tokens is None


def test_results_find_their_calls_without_ids() -> None:
    """The official SDK sends neither the ids of calls nor those of results."""
    told = chat(
        HELLO,
        {"role": "assistant", "content": "", "tool_calls": [call("f", {"a": 1}), call("g"), call("f", {"a": 2})]},
        {"role": "tool", "tool_name": "g", "content": "of g"},
        {"role": "tool", "tool_name": "f", "content": "first of f"},
        {"role": "tool", "content": "second of f"},
        {"role": "assistant", "content": "so", "tool_calls": [call("f", None, id="own")]},
        {"role": "tool", "tool_call_id": "own", "content": "by id"},
    )
    assert told.messages[1].parts == (
        ToolCall("call_1_0", "f", '{"a":1}'),
        ToolCall("call_1_1", "g", "{}"),
        ToolCall("call_1_2", "f", '{"a":2}'),
    )
    results = [part for message in told.messages for part in message.parts if isinstance(part, ToolResult)]
    assert [(result.call_id, result.text) for result in results] == [
        ("call_1_1", "of g"),
        ("call_1_0", "first of f"),
        ("call_1_2", "second of f"),
        ("own", "by id"),
    ]
    assert told.messages[5].parts == (Text("so"), ToolCall("own", "f", "{}"))


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "tool", "tool_name": "f", "content": "x"}], "messages[0].tool_name"),
        ([{"role": "assistant", "tool_calls": [call("f")]}, {"role": "tool", "tool_name": "g", "content": "x"}], "messages[1].tool_name"),
        ([{"role": "assistant", "tool_calls": [call("f", id="a")]}, {"role": "tool", "tool_call_id": "b"}], "messages[1].tool_name"),
        ([{"role": "assistant", "tool_calls": [call("f")]}, {"role": "tool", "content": "x", "images": [PNG]}], "messages[1].images"),
        ([{"role": "control", "content": "thinking"}], "messages[0].role"),
        ([{"role": "user", "content": "x", "images": ["QUJD"]}], "messages[0].images[0]"),
    ],
)
def test_what_has_no_equal_is_refused_at_its_place(messages: list[dict[str, Any]], param: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        chat(*messages)
    assert refused.value.param == param


def test_log_probabilities() -> None:
    told = chat(logprobs=True, top_logprobs=2)
    assert (told.logprobs, told.extras) == (True, {"top_logprobs": 2})
    # Without the first the second asks for nothing.
    told = chat(logprobs=False, top_logprobs=2)
    assert (told.logprobs, told.extras) == (False, {})


def test_a_prompt_is_one_turn() -> None:
    told = generate_from(dump({"model": "m", "prompt": "hello", "system": "s", "images": [PNG], "raw": False, "suffix": "", "context": []}))
    assert told.messages == (Message("system", (Text("s"),)), Message("user", (Text("hello"), Image(media_type="image/png", data=PNG))))
    assert told.extras == {}
    assert generate_from(dump({"model": "m", "prompt": "hello"})).messages == (Message("user", (Text("hello"),)),)


@pytest.mark.parametrize(("name", "value"), [("raw", True), ("template", "{{ .Prompt }}"), ("context", [1]), ("suffix", "end")])
def test_what_only_an_ollama_can_do_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UnsupportedError) as refused:
        generate_from(dump({"model": "m", "prompt": "hello", name: value}))
    assert refused.value.param == name
    assert name in dict(GENERATE_ONLY)


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic_messages"])
def test_what_is_lost_is_named_as_the_caller_named_it(wire: Wire) -> None:
    told = chat(keep_alive="5m", think=True, options={"num_ctx": 4096, "use_mmap": True})
    assert registry.provider(wire).write_request(told, "m", 10).dropped == ("keep_alive", "think", "options.num_ctx", "options.use_mmap")
    with pytest.raises(UnsupportedError) as refused:
        registry.provider(wire).write_request(chat(options={"vendor": 1}), "m", 10)
    assert refused.value.param == "vendor"


def test_a_value_that_no_other_dialect_can_write() -> None:
    for body in (b'{"model":"m","messages":[],"x":1e999}', b'{"model":"m","messages":[],"prompt":"x","x":' + b"[" * 5000):
        with pytest.raises(UnsupportedError):
            chat_from(body)
        with pytest.raises(UnsupportedError):
            generate_from(body)


def test_text_for_expressions() -> None:
    assert chat_text(dump({"model": "m", "messages": [HELLO, {"role": "assistant", "tool_calls": []}, HELLO]})) == "hello\nhello"
    assert generate_text(dump({"model": "m", "system": "s", "prompt": "p", "suffix": "e"})) == "s\np\ne"
