"""An Ollama caller at an Ollama: only what must change is spliced, and all other bytes of request, answer and stream pass as they are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import cut_up, cuts, dump, ollama_line, ollama_stream, run

from orchvynt.dialects import registry
from orchvynt.dialects.deltas import Began, Ended, Finished, TextAdded
from orchvynt.dialects.ollama_chat.reading import read_chat, read_generate
from orchvynt.dialects.shapes import Answer, Failure, Reading, Relay, Seen, UnsupportedError
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask, DialectName
from orchvynt.model.usage import Usage

HELLO: dict[str, Any] = {"role": "user", "content": "hello", "vendor": 1e3}
DIALECTS: tuple[DialectName, ...] = ("ollama_chat", "ollama_generate")


def made(dialect: DialectName = "ollama_chat", collect: bool = False) -> Relay:
    provider = registry.provider_for("ollama_chat", dialect)
    return registry.relay(provider, registry.caller(dialect), Ask("m", b""), collect=collect, digest=True)


def passed(body: bytes, model: str = "m", limit: int | None = None, dialect: DialectName = "ollama_chat") -> bytes:
    read = (read_chat if dialect == "ollama_chat" else read_generate)(body)
    assert isinstance(read, Reading), read
    sent = registry.provider_for("ollama_chat", dialect).pass_request(read.ask, model, limit)
    assert sent.path == ("/api/chat" if dialect == "ollama_chat" else "/api/generate")
    assert sent.dropped == ()
    return sent.body


def generate_stream() -> bytes:
    told = {"model": "m", "created_at": "2025-05-27T22:54:57Z"}
    parts = [
        {**told, "response": "", "thinking": "hmm", "done": False},
        {**told, "response": "Hé", "done": False},
        {**told, "response": "llo", "done": False},
        {**told, "response": "", "done": True, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 9, "context": [1, 2]},
    ]
    return b"".join(dump(part) + b"\n" for part in parts)


STREAMS = {"ollama_chat": ollama_stream(), "ollama_generate": generate_stream()}


def test_a_body_that_need_not_change_is_the_callers_own() -> None:
    spaced = b'{"model":"m","messages":[ {"role": "user", "content": "\\u00e9"} ],"options":{ "num_predict": 5, "x": 1.50 }}'
    assert passed(spaced, limit=9) == spaced
    generate = dump({"prompt": "x", "model": "m", "raw": True, "context": [1], "width": 9})
    assert passed(generate, dialect="ollama_generate") == generate


@pytest.mark.parametrize(
    ("options", "limit", "told"),
    [
        (None, None, None),
        (None, 7, {"num_predict": 7}),
        ({"top_k": 1.50}, 7, {"top_k": 1.5, "num_predict": 7}),
        ({"num_predict": 5}, 7, {"num_predict": 5}),
        ({"num_predict": 50, "mirostat": 1}, 7, {"num_predict": 7, "mirostat": 1}),
        ({"num_predict": -1}, 7, {"num_predict": 7}),
        ({"num_predict": -2}, None, {"num_predict": -2}),
    ],
)
def test_model_and_limit_are_spliced(options: Any, limit: int | None, told: Any) -> None:
    body: dict[str, Any] = {"model": "m", "messages": [HELLO], "options": options, "keep_alive": "5m", "vendor": {"a": [None]}}
    assert json.loads(passed(dump(body), "llama3.2:3b", limit)) == {**body, "model": "llama3.2:3b", "options": told}


def test_a_key_that_stands_twice_is_the_one_that_was_judged() -> None:
    body = b'{"model":"x","model":"m","messages":[{"role":"user","content":"a"}],"options":{"num_predict":-1},"options":{"num_predict":3}}'
    assert passed(body) == b'{"model":"m","messages":[{"role":"user","content":"a"}],"options":{"num_predict":3}}'


def test_nesting_at_the_edge_of_the_stack() -> None:
    with pytest.raises(UnsupportedError):
        registry.provider("ollama_chat").pass_request(Ask("m", b'{"a":' * 100_000), "m", None)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_lines_pass_byte_for_byte_and_the_last_one_in_the_end(dialect: DialectName, line_end: bytes) -> None:
    stream = STREAMS[dialect].replace(b"\n", line_end)
    relay = made(dialect, collect=True)
    out = run(relay, [line_end, stream[:-1], stream[-1:]])
    last = relay.finish([("cost-usd", "1")])
    assert out + last == stream
    assert b'"done":true' not in out
    assert (relay.seen.terminal, relay.seen.failure, relay.seen.started, relay.seen.alive) == (True, None, True, True)
    assert relay.seen.usage == Usage(input_tokens=26, output_tokens=9)
    assert relay.reply().text.startswith("Héllo")
    assert relay.said()[1] == len(relay.reply().text.encode())


@given(
    st.sampled_from(DIALECTS), cuts, st.integers(0, 1200), st.booleans(), st.sampled_from([b"", b'{"error":"x"}\n', b"garbage\n", b"\n\n"])
)
@settings(max_examples=200)
def test_any_split_gives_the_same(dialect: DialectName, places: list[int], end: int, unended: bool, tail: bytes) -> None:
    data = STREAMS[dialect][:end] + tail
    data = data.removesuffix(b"\n") if unended else data
    whole, parts = made(dialect, collect=True), made(dialect, collect=True)
    out = run(whole, [data])
    assert run(parts, cut_up(data, places)) == out
    assert parts.seen == whole.seen
    assert parts.reply() == whole.reply()
    assert parts.finish([]) == whole.finish([])
    assert data.startswith(out)
    assert whole.seen.terminal is (whole.seen.failure is None)
    assert whole.seen.terminal or b'"done":true' not in out


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", "malformed"),
        (b"<html>\n", "malformed"),
        (b"data: {}\n\n", "malformed"),
        (dump({"error": "model runner has stopped"}) + b"\n", "malformed"),
        (ollama_line("Hi") + dump({"error": "x"}) + b"\n", "cut"),
        (ollama_line("Hi"), "cut"),
        (ollama_line("Hi") + ollama_line("more")[:-1], "cut"),
        (ollama_line("", done=True, done_reason="load"), "malformed"),
        (ollama_line("Hi") + b'{"done":true}\n', "malformed"),
        (ollama_line("Hi") + b'{"x":"\xff"}\n', "malformed"),
        (b"x" * (9 * 1024 * 1024), "malformed"),
    ],
)
def test_what_is_no_whole_stream_is_a_failure(data: bytes, outcome: str) -> None:
    relay = made()
    out = run(relay, [data])
    assert out in (b"", ollama_line("Hi"))
    assert relay.seen.failure is not None
    assert relay.seen.failure.outcome == outcome
    assert relay.feed(ollama_line("late")) == relay.end_of_input() == b""


def test_the_last_line_may_hold_content_and_lack_its_end() -> None:
    relay = made(collect=True)
    assert run(relay, [ollama_line("all", done=True, done_reason="stop").rstrip()]) == b""
    assert relay.seen == Seen(relay.seen.response_id, "mistral:7b", True, 3, "stop", None, True)
    assert relay.finish([]) == ollama_line("all", done=True, done_reason="stop").rstrip()
    assert relay.reply().text == "all"


def test_another_provider_goes_on_where_it_stopped() -> None:
    relay = made()
    relay.feed(ollama_line("Hé"))
    writer = relay.handover()
    said = [writer.write(delta) for delta in (Began("i", "other", 5), TextAdded("llo"), Finished("stop"), Ended())]
    assert [bool(part) for part in said] == [False, True, False, False]
    line, last = json.loads(said[1]), json.loads(writer.finish([]))
    assert (line["model"], line["message"]["content"], line["created_at"]) == ("mistral:7b", "llo", "2025-05-27T22:54:57Z")
    assert (last["done"], last["done_reason"]) == (True, "stop")


def test_errors_and_what_was_not_asked_for() -> None:
    relay = registry.relay(registry.provider("ollama_chat"), registry.caller("ollama_chat"), Ask("m", b""), collect=False)
    assert json.loads(relay.fail(Fault("internal", "x"), "inv_1"))["error"] == "x"
    for ask in (relay.reply, relay.said):
        with pytest.raises(ValueError, match="without"):
            ask()


def test_a_whole_answer_of_generate() -> None:
    provider = registry.provider_for("ollama_chat", "ollama_generate")
    body = dump(
        {"model": "m", "response": "Hé", "thinking": "hm", "done": True, "done_reason": "length", "prompt_eval_count": 1, "eval_count": 2}
    )
    answer = provider.read_answer(200, "application/json", "", body, 0)
    assert isinstance(answer, Answer)
    assert (answer.body, answer.finish, answer.output_bytes, answer.usage) == (body, "length", 5, Usage(input_tokens=1, output_tokens=2))
    assert provider.to_reply(answer).text == "Hé"
    drawn = provider.read_answer(200, "application/json", "", dump({"image": "QUJD", "done": True}), 0)
    assert isinstance(drawn, Answer)
    assert drawn.output_bytes == 4
    for wrong in ({"done": True}, {"message": {"content": "x"}, "done": True}, {"response": "x", "done": False}):
        assert isinstance(provider.read_answer(200, "application/json", "", dump(wrong), 0), Failure)


def test_only_callers_of_generate_are_passed_to_it() -> None:
    assert [registry.provider_for("ollama_chat", dialect).caller_twin for dialect in DIALECTS] == list(DIALECTS)
    assert registry.provider_for("ollama_chat", "openai_chat") is registry.provider("ollama_chat")
    assert registry.provider_for("openai_chat", "ollama_generate") is registry.provider("openai_chat")
