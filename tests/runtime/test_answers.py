"""What callers are told: headers of every answer, errors in their dialect, and the same answer in every form."""

import msgspec
import pytest
from tests.dialects.samples import anthropic_stream
from tests.support.answers import ANTHROPIC_WHOLE, DONE, STREAM, WHOLE, refused
from tests.support.carrying import FakeLine, Runtime
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading
from orchvynt.language.snapshot import Budget, Gate, Limits, Rule
from orchvynt.model.facts import AttemptEnded
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation
from orchvynt.runtime import answers
from orchvynt.runtime.life import Caller

MILLISECOND = SECOND // 1_000
HELD = Gate("g", "output", None, "people", False, None)


def route() -> Invocation:
    """A request to `/v1/route`, as the intake makes it."""
    read = registry.caller("route").read(b'{"workload": "synthesis", "messages": [{"role": "user", "content": "hello"}]}')
    assert isinstance(read, Reading)
    return msgspec.structs.replace(invocation("auto"), dialect="route", endpoint="/v1/route", ask=read.ask)


def test_an_answer_says_who_gave_it_and_what_it_cost() -> None:
    budget = Budget("daily", "global", None, "day", Limits(None, 10_000))
    policy = msgspec.structs.replace(snapshot(budgets=(budget,)), rules=(Rule("all", None, "gpt"),))
    runtime = Runtime(policy)
    life, line = runtime.ask(msgspec.structs.replace(invocation("claude"), request_id="req-1"))
    runtime.clock.advance(40 * MILLISECOND)
    runtime.last.answers(WHOLE)
    assert life.upstream_ns == 40 * MILLISECOND
    assert line.headers == {
        "x-orchvynt-invocation": "inv_1",
        "x-orchvynt-model": "gpt",
        "x-orchvynt-provider": "openai",
        "x-orchvynt-policy": "1",
        "x-orchvynt-tier": "1",
        "x-orchvynt-attempts": "1",
        "x-orchvynt-rule": "all",
        "x-orchvynt-requested-model": "claude",
        "x-orchvynt-cost-usd": "0",
        "x-orchvynt-budget-remaining": "daily;tokens=9990",
        "x-orchvynt-overhead-ms": "0.000",
        "x-request-id": "req-1",
    }


def test_a_budget_that_cut_the_answer_short_is_named() -> None:
    runtime = Runtime(snapshot(budgets=(Budget("tight", "global", None, "day", Limits(None, 60)),)))
    _, line = runtime.ask(invocation())
    runtime.last.answers(WHOLE.replace(b'"stop"', b'"length"'))
    assert line.headers["x-orchvynt-limited-by"] == "budget:tight"
    _, whole = runtime.ask(msgspec.structs.replace(invocation(), id="inv_2"))
    assert whole.status in (0, 402)


def test_an_answer_of_the_same_dialect_passes_byte_for_byte_and_another_is_translated() -> None:
    runtime = Runtime(snapshot())
    _, same = runtime.ask(invocation())
    runtime.last.answers(WHOLE)
    assert same.body == WHOLE
    _, other = runtime.ask(invocation("claude"))
    runtime.last.answers(ANTHROPIC_WHOLE)
    assert other.json["object"] == "chat.completion"
    assert other.json["usage"]["total_tokens"] == 10


def losing(stream: bool) -> Invocation:
    """A request with two fields that Anthropic cannot express and one that it can."""
    asked = invocation("claude", stream=stream)
    body = asked.ask.body[:-1] + b',"seed":1,"temperature":1.5,"store":false,"top_p":null,"user":"u"}'
    return msgspec.structs.replace(asked, ask=msgspec.structs.replace(asked.ask, body=body))


def test_an_answer_and_its_record_say_what_the_request_lost() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(losing(stream=False))
    runtime.last.answers(ANTHROPIC_WHOLE)
    assert line.headers["x-orchvynt-dropped"] == "seed, temperature"
    (ended,) = [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, AttemptEnded)]
    assert ended.dropped == ("seed", "temperature")
    _, same = runtime.ask(invocation())
    runtime.last.answers(WHOLE)
    assert "x-orchvynt-dropped" not in same.headers


def test_a_stream_says_what_the_request_lost_in_its_head() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(losing(stream=True))
    runtime.last.begins()
    runtime.last.streams(anthropic_stream())
    assert line.headers["x-orchvynt-dropped"] == "seed, temperature"
    assert b"dropped" not in line.body
    (ended,) = [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, AttemptEnded)]
    assert ended.dropped == ("seed", "temperature")


def test_a_route_answer_has_its_own_shape() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(route())
    runtime.last.answers(WHOLE)
    assert line.json["content"] == "hi"
    assert (line.json["model_used"], line.json["provider_used"], line.json["invocation_id"]) == ("gpt", "openai", "inv_1")


def test_a_route_caller_is_told_where_to_poll() -> None:
    runtime = Runtime(snapshot(gates=(msgspec.structs.replace(HELD, wait_up_to_ns=0),)))
    _, line = runtime.ask(route())
    runtime.last.answers(WHOLE)
    runtime.later(1)
    assert line.status == 202
    assert line.json == {
        "code": "hitl_pending",
        "message": line.json["message"],
        "invocation_id": "inv_1",
        "review_id": "rev_1.1",
        "gate": "g",
        "poll": "/v1/invocations/inv_1/result",
    }
    assert "human review at gate g" in line.json["message"]


def test_a_refusal_says_when_and_whether_to_come_back() -> None:
    runtime = Runtime(snapshot(tiers=(), max_retries=0))
    _, line = runtime.ask(invocation())
    runtime.last.answers(refused(), 429, [(b"retry-after", b"60")])
    assert (line.status, line.code) == (503, "all_providers_failed")
    assert (line.headers["retry-after"], line.headers["x-should-retry"]) == ("60", "true")
    assert line.headers["x-orchvynt-invocation"] == "inv_1"


def test_a_refusal_of_the_provider_keeps_its_status() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(invocation())
    runtime.last.answers(refused("bad value", "invalid_request_error"), 422)
    assert (line.status, line.code) == (422, "invalid_request")
    assert "bad value" in line.json["error"]["message"]


def test_a_held_stream_that_is_delivered_is_a_whole_stream_with_its_notes() -> None:
    gate = msgspec.structs.replace(HELD, when=None)
    runtime = Runtime(snapshot(gates=(gate,)))
    life, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(*STREAM)
    assert line.status == 0, "nothing before it is judged"
    poll = FakeLine()
    life.state.gates_matched.clear()
    answers.deliver(life, Caller(poll, "result", "", runtime.clock.monotonic()), runtime.clock.monotonic(), ("", False))
    assert poll.json["choices"][0]["message"]["content"] == "hey"
    runtime.carrier.callers.deliver(life)
    assert line.ended == "ended"
    assert line.content_type.startswith("text/event-stream")
    assert line.body.endswith(DONE)
    assert line.body.count(DONE) == 1
    assert line.body.index(b": x-orchvynt-cost-usd=0") < line.body.index(DONE)
    assert b"he" in line.body


def test_what_a_streams_head_did_not_say_its_end_does() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(invocation("small", stream=True))
    runtime.last.begins()
    runtime.last.streams(*STREAM)
    assert line.headers["x-orchvynt-requested-model"] == "small"
    assert "x-orchvynt-cost-usd" not in line.headers
    note = next(part for part in line.body.split(b"\n") if part.startswith(b": x-orchvynt"))
    assert b"x-orchvynt-cost-usd=0" in note
    assert b"x-orchvynt-model" not in note


@pytest.mark.parametrize(("fault", "retry"), [(Fault("budget_exceeded", "m"), "false"), (Fault("invalid_request", "m"), None)])
def test_whether_to_retry_is_only_said_where_it_is_known(fault: Fault, retry: str | None) -> None:
    line = FakeLine()
    answers.answer_fault(line, fault, b"{}", [])
    assert (line.status, line.headers.get("x-should-retry"), line.headers.get("retry-after")) == (fault.status, retry, None)
