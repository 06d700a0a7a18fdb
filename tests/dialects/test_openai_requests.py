"""Requests to the chat completions API: the caller's own body with its model and limits spliced."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import chat_body, dump, reading

from orchvynt.dialects.openai_chat.provider import OpenAIChatProvider
from orchvynt.dialects.openai_chat.reading import read_request
from orchvynt.dialects.openai_chat.wire import AskBody
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.model.invocation import Ask

PROVIDER = OpenAIChatProvider()


def passed(body: bytes, model: str = "gpt-4o", limit: int | None = None) -> bytes:
    return PROVIDER.pass_request(reading(read_request(body)).ask, model, limit).body


def changes(body: bytes, **how: Any) -> dict[str, Any]:
    """What differs between the caller's body and the one that goes out; None stands for gone."""
    before, after = json.loads(body), json.loads(passed(body, **how))
    return {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_nothing_to_change_is_the_callers_own_body() -> None:
    body = chat_body(temperature=0.5)
    assert passed(body) is body
    assert passed(body, limit=None) is body


def test_only_what_must_change_is_spliced() -> None:
    assert changes(chat_body(), model="other") == {"model": "other"}
    assert changes(chat_body(), limit=100) == {"max_tokens": 100}
    assert changes(chat_body(max_tokens=50), limit=100) == {}
    assert changes(chat_body(max_tokens=500), limit=100) == {"max_tokens": 100}
    assert changes(chat_body(max_completion_tokens=500), limit=100) == {"max_completion_tokens": 100}
    assert changes(chat_body(max_completion_tokens=None, max_tokens=500), limit=100) == {"max_tokens": 100}
    assert changes(chat_body(max_completion_tokens=None), limit=100) == {"max_tokens": 100}


@pytest.mark.parametrize("model", ["o3", "o4-mini", "gpt-5", "gpt-5-mini", "openai/o3"])
def test_reasoning_models_take_the_new_name_of_the_limit(model: str) -> None:
    assert changes(chat_body(model=model), model=model, limit=100) == {"max_completion_tokens": 100}
    assert changes(chat_body(model=model, max_tokens=50), model=model, limit=100) == {"max_tokens": None, "max_completion_tokens": 50}
    assert changes(chat_body(model=model, max_tokens=50), model=model) == {"max_tokens": None, "max_completion_tokens": 50}
    assert changes(chat_body(model=model, max_completion_tokens=50), model=model, limit=100) == {}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "mistral-o1x", "llama"])
def test_other_models_keep_the_old_name(model: str) -> None:
    assert changes(chat_body(model=model, max_tokens=50), model=model) == {}


def test_streams_are_asked_for_usage() -> None:
    assert changes(chat_body(stream=True)) == {"stream_options": {"include_usage": True}}
    assert changes(chat_body(stream=True, stream_options=None)) == {"stream_options": {"include_usage": True}}
    assert changes(chat_body(stream=True, stream_options={"x": 1, "include_usage": False})) == {
        "stream_options": {"x": 1, "include_usage": True}
    }
    assert changes(chat_body(stream=True, stream_options={"include_usage": True})) == {}
    assert changes(chat_body(stream=False)) == {}


def test_our_metadata_never_reaches_the_provider() -> None:
    assert changes(chat_body(metadata={"orchvynt_run": "r", "team": "x"})) == {"metadata": {"team": "x"}}
    assert changes(chat_body(metadata={"orchvynt_run": "r"})) == {"metadata": None}
    assert changes(chat_body(metadata={"team": "x"})) == {}
    assert changes(chat_body(metadata=None)) == {}
    escaped = (
        chat_body(metadata={"orchvynt_run": "secret-run"})
        .replace(b'"orchvynt_', b'"\\u006frchvynt_')
        .replace(b'"metadata"', b'"metad\\u0061ta"')
    )
    assert b"secret-run" not in passed(escaped)


def test_values_keep_their_bytes() -> None:
    inner = b'[ {"role":"user" ,"content":"caf\\u00e9 \\/ 1.0e+2"} ]'
    body = b'{ "model":"gpt-4o", "messages":' + inner + b', "logit_bias":{"1": 1.50} }'
    out = passed(body, model="other")
    assert inner in out
    assert b'{"1": 1.50}' in out


def test_a_key_that_stands_twice_collapses_to_the_one_that_was_judged() -> None:
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"first"}],"messages":[{"role":"user","content":"second"}]}'
    assert b"first" not in passed(body)
    body = b'{"model":"evil","messages":[{"role":"user","content":"x"}],"\\u006dodel":"gpt-4o"}'
    out = passed(body)
    assert b"evil" not in out
    assert json.loads(out)["model"] == "gpt-4o"


@given(
    st.dictionaries(
        st.text(max_size=6).filter(lambda k: k not in AskBody.__struct_fields__),
        st.text(max_size=9),
        max_size=4,
    )
)
def test_unknown_fields_pass(fields: dict[str, str]) -> None:
    assert changes(chat_body(**fields), model="other") == {"model": "other"}


def test_the_request_names_path_and_types() -> None:
    plain = PROVIDER.pass_request(reading(read_request(chat_body())).ask, "m", None)
    assert (plain.path, dict(plain.headers)["accept"]) == ("/chat/completions", "application/json")
    stream = PROVIDER.pass_request(reading(read_request(chat_body(stream=True))).ask, "m", None)
    assert dict(stream.headers) == {"content-type": "application/json", "accept": "text/event-stream"}
    assert PROVIDER.credential("k") == ("authorization", "Bearer k")


@given(model=st.text(min_size=1, max_size=20))
def test_any_model_name_is_written_as_json(model: str) -> None:
    assert json.loads(passed(dump({"model": "a", "messages": [{"role": "user", "content": "x"}]}), model=model))["model"] == model


def test_nesting_at_the_edge_of_the_stack_is_refused_not_raised() -> None:
    deep = b'{"model":"gpt-4o","messages":[{"role":"user","content":"x"}],"x":' + b"[" * 2000 + b"]" * 2000 + b"}"
    with pytest.raises(UnsupportedError):
        PROVIDER.pass_request(Ask(requested_model="gpt-4o", body=deep), "m", None)
