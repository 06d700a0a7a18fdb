"""Which invocations are stopped before anything is held, and what makes two prompts the same."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import invocation

from orchvynt.decisions.budgets.applied import Applied
from orchvynt.dialects import registry
from orchvynt.language.snapshot import Budget
from orchvynt.lifecycle.runaways import prompt_digest, watched
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import DialectName, Invocation

PLAIN = Budget("plain", "run", None, "day")
DEEP = msgspec.structs.replace(PLAIN, name="deep", depth=2)
EQUAL = msgspec.structs.replace(PLAIN, name="equal", same_prompt=5)
TEXT = "What is a ledger?"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


def asked(body: dict[str, Any], dialect: DialectName = "openai_chat") -> Invocation:
    reading = registry.caller(dialect).read(json.dumps(body).encode())
    assert not isinstance(reading, Fault), reading
    return msgspec.structs.replace(invocation(), ask=reading.ask, dialect=dialect)


def openai(*messages: dict[str, Any], **more: Any) -> str:
    return prompt_digest(asked({"model": "gpt", "messages": list(messages) or [{"role": "user", "content": TEXT}], **more}))


def anthropic(*messages: dict[str, Any], **more: Any) -> str:
    said = list(messages) or [{"role": "user", "content": TEXT}]
    return prompt_digest(asked({"model": "gpt", "max_tokens": 9, "messages": said, **more}, "anthropic_messages"))


def ollama(*messages: dict[str, Any], **more: Any) -> str:
    return prompt_digest(asked({"model": "gpt", "messages": list(messages) or [{"role": "user", "content": TEXT}], **more}, "ollama_chat"))


def test_who_is_too_deep_is_stopped_by_the_first_budget_that_says_so() -> None:
    applied = [Applied(0, "r1"), Applied(1, "r1")]
    assert watched((PLAIN, DEEP), msgspec.structs.replace(invocation(), depth=2), applied) is applied
    fault = watched((PLAIN, DEEP), msgspec.structs.replace(invocation(), depth=3), applied)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.status, fault.should_retry) == ("run_stopped", 402, False)
    assert fault.detail == {"budget": "deep", "subject": "r1", "unit": "depth", "limit": 2, "depth": 3, "resets": None}


def test_a_prompt_is_looked_at_only_where_it_is_counted() -> None:
    unreadable = msgspec.structs.replace(invocation(), ask=msgspec.structs.replace(invocation().ask, body=b"{"))
    applied = [Applied(0, "r1")]
    assert watched((PLAIN,), unreadable, applied) is applied
    digest = prompt_digest(invocation())
    assert watched((PLAIN, EQUAL), invocation(), [Applied(0, "r1"), Applied(1, "r1")]) == [Applied(0, "r1"), Applied(1, "r1", digest)]


def test_how_it_is_to_answer_is_no_part_of_a_prompt() -> None:
    plain = openai()
    assert plain == openai(stream=True, temperature=0.3, max_tokens=7, seed=4, user="ana", metadata={"trace": "x"}, n=2)
    assert plain == anthropic(stream=True, temperature=0.3, metadata={"user_id": "ana"}) == ollama(options={"seed": 4})
    assert plain == anthropic({"role": "user", "content": [{"type": "text", "text": TEXT, "cache_control": {"type": "ephemeral"}}]})
    assert plain == prompt_digest(asked({"messages": [{"role": "user", "content": TEXT}], "workload": "x"}, "route"))


@pytest.mark.parametrize(
    "other",
    [
        openai({"role": "user", "content": TEXT + " "}),
        openai({"role": "system", "content": TEXT}),
        openai({"role": "user", "content": TEXT}, {"role": "user", "content": TEXT}),
        openai(tools=[{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]),
        openai({"role": "user", "content": [{"type": "text", "text": TEXT}, {"type": "image_url", "image_url": {"url": "https://x/y"}}]}),
    ],
)
def test_what_the_model_reads_is(other: str) -> None:
    assert other != openai()


def test_tools_and_their_calls_are_the_same_in_every_dialect() -> None:
    function = {"name": "weather", "description": "d", "parameters": WEATHER}
    turns = [{"role": "user", "content": TEXT}]

    def call(id: str, arguments: Any) -> dict[str, Any]:
        return {"role": "assistant", "content": "", "tool_calls": [{"id": id, "type": "function", "function": arguments}]}

    first, second = (
        openai(
            *turns,
            call(id, {"name": "weather", "arguments": arguments}),
            {"role": "tool", "tool_call_id": id, "content": "rain"},
            tools=[{"type": "function", "function": function}],
        )
        for id, arguments in (("call_1", '{"city":"Oslo"}'), ("call_2", '{"city": "Oslo"}'))
    )
    assert first == second
    theirs = anthropic(
        *turns,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}]},
        tools=[{"name": "weather", "description": "d", "input_schema": WEATHER}],
    )
    assert theirs == first


def test_a_body_without_a_canonical_form_is_compared_as_it_came() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    one = openai({"role": "user", "content": [audio]})
    assert one == openai({"role": "user", "content": [audio]}, temperature=0.5, stream=True)
    assert one != openai({"role": "user", "content": [{**audio, "input_audio": {"data": "AAAB", "format": "wav"}}]})


@settings(max_examples=100)
@given(st.text(), st.text())
def test_two_texts_have_one_digest_only_if_they_are_one(left: str, right: str) -> None:
    same = openai({"role": "user", "content": left}) == openai({"role": "user", "content": right})
    assert same == (left == right)
