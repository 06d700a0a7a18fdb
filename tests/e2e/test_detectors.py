"""`detects(…)` over real sockets: what holds an answer, what routes and refuses a request, and that no record holds what was found."""

import json

import pytest
from tests.e2e.conftest import Serve
from tests.support.policies import GROUPS, three_tiers

from orchvynt.testing.scripted import ScriptedProvider

IBAN = "DE89 3704 0044 0532 0130 00"
GATE = f"""
gates:
  - {{name: accounts, stage: output, when: 'detects("iban", "credit_card", "schema_violation")', reviewers: people, wait: {{up_to: 0s}}}}
{GROUPS}"""
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "required": ["id"]}}}


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_with_an_account_is_parked_and_another_is_not(serve: Serve, scripted_provider: ScriptedProvider, stream: bool) -> None:
    scripted_provider.script(
        {"answers": [{"match": {"last_user": {"contains": "whom"}}, "text": f"Pay to {IBAN}."}], "otherwise": {"text": "Pay nobody."}}
    )
    server = serve(three_tiers(scripted_provider, GATE))
    held = server.chat(f"whom? {IBAN}", stream=stream)
    assert (held.status, held.json["error"]["code"]) == (409, "hitl_pending")
    passed = server.chat("and now?", stream=stream)
    assert passed.status == 200
    explained = json.dumps(server.explain(held.json["error"]["review_id"]))
    assert '"output.detected.iban": 1' in explained
    assert IBAN not in explained


def test_an_answer_that_does_not_fit_its_schema_is_parked(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"match": {"last_user": "one"}, "text": '{"id": 1}'}], "otherwise": {"text": '{"no": 1}'}})
    server = serve(three_tiers(scripted_provider, GATE))
    assert server.chat("one", response_format=SCHEMA).status == 200
    assert server.chat("two", response_format=SCHEMA).status == 409


def test_a_rule_sees_what_the_request_holds(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    policy = three_tiers(scripted_provider).replace(
        "routing: {default: gpt-4o}", "routing: {rules: [{name: private, when: 'detects()', use: local}], default: gpt-4o}"
    )
    server = serve(policy)
    arguments = json.dumps({"account": IBAN})
    called = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "pay", "arguments": arguments}}]}
    assert server.chat("hello").headers["x-orchvynt-model"] == "gpt-4o"
    assert server.chat("write to ana@example.com").headers["x-orchvynt-model"] == "local"
    body = {"model": "gpt-4o", "messages": [called, {"role": "tool", "tool_call_id": "c", "content": "done"}]}
    answered = server.ask("/v1/chat/completions", body)
    assert answered.headers["x-orchvynt-model"] == "local"
    explained = json.dumps(server.explain(answered.headers["x-orchvynt-invocation"]))
    assert IBAN not in explained
    assert "input.detected" in explained
