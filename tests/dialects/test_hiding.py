"""Log probabilities that the caller did not ask for: asked for by us, and out of the answer, all other bytes as they came."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.dialects import registry
from orchvynt.dialects.openai_chat.logprobs import hidden_frame
from orchvynt.model.chat import TokenLogprob
from orchvynt.model.invocation import Ask

OPENAI, OLLAMA, ANTHROPIC = (registry.provider(wire) for wire in ("openai_chat", "ollama_chat", "anthropic_messages"))
TOKENS = [{"token": "hi", "logprob": -0.1, "bytes": [104, 105], "top_logprobs": []}]

texts = st.text(max_size=40) | st.sampled_from(['"logprobs": [1]', '\\"logprobs\\":null', '{"logprobs":{"content":[]}}', "logprobs"])
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")])


def openai(text: str, logprobs: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, "note": {"logprobs": 5}}, "logprobs": logprobs}
    return {"id": "c", "choices": [{**choice, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}, "logprobs": "mine"}


@given(texts, separators, st.booleans())
def test_an_answer_of_openai_is_as_it_would_be_without(text: str, how: tuple[str, str], ascii: bool) -> None:
    with_them = json.dumps(openai(text, {"content": TOKENS, "refusal": None}), separators=how, ensure_ascii=ascii)
    without = json.dumps(openai(text, None), separators=how, ensure_ascii=ascii)
    raw = with_them.encode("utf-8", "replace")
    assert OPENAI.without_logprobs(raw) == without.encode("utf-8", "replace")
    assert OPENAI.without_logprobs(without.encode("utf-8", "replace")) == without.encode("utf-8", "replace")


@given(texts, separators, st.integers(0, 4))
def test_an_answer_of_ollama_is_as_it_would_be_without(text: str, how: tuple[str, str], place: int) -> None:
    fields = [("model", "m"), ("message", {"role": "assistant", "content": text}), ("done", True), ("logprobs_of", [1])]
    with_them = dict([*fields[:place], ("logprobs", TOKENS), *fields[place:]])
    found = OLLAMA.without_logprobs(json.dumps(with_them, separators=how).encode())
    assert json.loads(found) == dict(fields)
    if how == (",", ":"):
        assert found == json.dumps(dict(fields), separators=how).encode()


def test_a_name_that_is_written_with_escapes_is_found_all_the_same() -> None:
    body = json.dumps(openai("hi", {"content": TOKENS})).replace('"logprobs": {', '"logpr\\u006fbs": {').encode()
    # The name stands there plainly, too, or nobody would look.
    assert json.loads(OPENAI.without_logprobs(body))["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("provider", [OPENAI, OLLAMA])
@pytest.mark.parametrize("said", ["", ',"logprobs":false', ',"logprobs":null'])
def test_they_are_asked_for_and_all_else_stays(provider: Any, said: str) -> None:
    body = ('{"model":"m","x":1.50e1' + said + "}").encode()
    asked = provider.asking_for_logprobs(body)
    assert json.loads(asked) == {"model": "m", "x": 15.0, "logprobs": True}
    assert b"1.50e1" in asked
    assert provider.asking_for_logprobs(asked) == asked


def test_who_gives_them() -> None:
    assert OPENAI.gives_logprobs("gpt-4o")
    assert not OPENAI.gives_logprobs("o3-mini")
    assert not OPENAI.gives_logprobs("gpt-5")
    assert OLLAMA.gives_logprobs("llama3")
    assert not ANTHROPIC.gives_logprobs("claude-sonnet-4-5")
    assert ANTHROPIC.without_logprobs(b"{}") == ANTHROPIC.asking_for_logprobs(b"{}") == b"{}"


def chunk(text: str, logprobs: Any, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": logprobs, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def stream(weighed: bool) -> bytes:
    told = {"content": TOKENS, "refusal": None} if weighed else None
    return chunk("h", told) + chunk("i", told) + chunk("", None, "stop") + b"data: [DONE]\n\n"


@given(st.integers(1, 400))
def test_a_stream_of_openai_goes_out_as_without_and_is_read(cut: int) -> None:
    ask = Ask("m", b"", wants_usage=True)
    outs = []
    for weighed in (True, False):
        relay = registry.relay(OPENAI, registry.caller("openai_chat"), ask, collect=True, logprobs="hidden")
        data = stream(weighed)
        outs.append(b"".join(relay.feed(data[at : at + cut]) for at in range(0, len(data), cut)) + relay.finish(()))
        found = relay.reply()
        assert found.text == "hi"
        assert len(found.logprobs) == (2 if weighed else 0)
    assert outs[0] == outs[1]


def test_a_frame_of_several_lines() -> None:
    data = b'{"choices":[{"logprobs":\n{"content":[]}}]}'
    frame = b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"
    assert b'"content"' not in hidden_frame(frame, data)


def line(message: dict[str, Any], done: bool = False, logprobs: Any = None) -> bytes:
    told: dict[str, Any] = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done}
    if logprobs is not None:
        told["logprobs"] = logprobs
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def test_a_stream_of_ollama_goes_out_as_without_and_is_read() -> None:
    lines = (
        line({"role": "assistant", "content": "h"}, logprobs=TOKENS),
        line({"role": "assistant", "content": ""}, logprobs=TOKENS),  # of a token that is held back: there only for their sake
        line({"role": "assistant", "content": "i"}, logprobs=TOKENS),
        line({"role": "assistant", "content": ""}, True),
    )
    relay = registry.relay(OLLAMA, registry.caller("ollama_chat"), Ask("m", b""), collect=True, logprobs="hidden")
    out = relay.feed(b"".join(lines)) + relay.finish(())
    hi = (line({"role": "assistant", "content": "h"}), line({"role": "assistant", "content": "i"}), lines[3])
    assert out == b"".join(hi)
    assert len(relay.reply().logprobs) == 3


def test_a_caller_of_another_api_sees_none_either() -> None:
    for dialect in ("ollama_chat", "anthropic_messages"):
        relay = registry.relay(OPENAI, registry.caller(dialect), Ask("m", b""), collect=True, logprobs="hidden")
        out = relay.feed(stream(True)) + relay.finish(())
        assert b"logprob" not in out
        assert relay.reply().logprobs[0] == TokenLogprob("hi", -0.1, (104, 105))
