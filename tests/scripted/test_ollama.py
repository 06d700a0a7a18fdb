"""Ollama's own API, byte for byte as its clients read it: one JSON object a line, counters in the last."""

import json
import math
from typing import Any

import pytest
from tests.scripted.wire_client import PATHS, ask, send

from orchvynt.testing.scripted import ScriptedProvider

PATH = "/p/local" + PATHS["ollama"]


def lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.split(b"\n") if line]


def test_a_stream_is_the_default(provider: ScriptedProvider) -> None:
    since = provider.ledger().last
    body = ask("ollama")
    del body["stream"]
    seen = send(provider.url, PATH, body)
    found = lines(seen.body)
    assert seen.headers["content-type"] == "application/x-ndjson"
    assert "".join(line["message"]["content"] for line in found) == "You said: hello there"
    assert [line["done"] for line in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["done_reason"] == "stop"
    totals = provider.ledger().where(since=since, provider="local").totals
    assert (found[-1]["prompt_eval_count"], found[-1]["eval_count"]) == (totals.input_tokens, totals.output_tokens)


def test_a_whole_answer_with_logprobs_and_a_limit(provider: ScriptedProvider) -> None:
    provider.script({"answers": [{"text": "one two", "logprobs": 0.25}]})
    found = json.loads(send(provider.url, PATH, ask("ollama", logprobs=True, options={"num_predict": 1})).body)
    assert found["message"] == {"role": "assistant", "content": "one"}
    assert (found["done"], found["done_reason"], found["eval_count"]) == (True, "length", 1)
    assert [round(math.exp(token["logprob"]), 6) for token in found["logprobs"]] == [0.25]


@pytest.mark.parametrize("stream", [True, False])
def test_tool_calls_are_whole_with_arguments_as_an_object(provider: ScriptedProvider, stream: bool) -> None:
    provider.script({"answers": [{"tool_calls": [{"name": "look", "arguments": {"where": "far away, behind the hills"}}]}]})
    since = provider.ledger().last
    found = lines(send(provider.url, PATH, ask("ollama", stream=stream)).body)
    calls = [call for line in found for call in line["message"].get("tool_calls", [])]
    assert [(call["function"]["name"], call["function"]["arguments"]) for call in calls] == [
        ("look", {"where": "far away, behind the hills"})
    ]
    assert found[-1]["eval_count"] == provider.ledger().where(since=since).totals.output_tokens > 5


def test_a_schema_and_json_mode(provider: ScriptedProvider) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 18}}}
    found = json.loads(send(provider.url, PATH, ask("ollama", format=schema)).body)
    assert json.loads(found["message"]["content"]) == {"age": 18}
    found = json.loads(send(provider.url, PATH, ask("ollama", format="json")).body)
    assert json.loads(found["message"]["content"]) == {"said": "hello there"}


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": [{"type": "text", "text": "parts are OpenAI's"}]}],
        [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}],
        [{"role": "developer", "content": "x"}],
    ],
)
def test_what_ollama_would_refuse_is_refused(provider: ScriptedProvider, messages: list[Any]) -> None:
    seen = send(provider.url, PATH, ask("ollama") | {"messages": messages})
    assert seen.status == 400
    assert set(json.loads(seen.body)) == {"error"}
