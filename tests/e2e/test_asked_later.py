"""A judge is being asked about an answer that is out: its caller may go on, come back, or crash us, and loses nothing by it."""

import time

import pytest
from tests.e2e.conftest import Serve
from tests.e2e.test_confidence import BUDGET, entry, finished, sure
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

LIMIT = "rate_limits: [{name: one, scope: global, limit: {concurrent: 1}}]\n"
KEY = {"idempotency-key": "k-1"}


def asked_slowly(serve: Serve, scripted_provider: ScriptedProvider, slow: str, more: str = "") -> Serving:
    policy = sure("judge:claude").replace("    wait: {up_to: 0s}\n", "    mode: after_delivery\n")
    judge = {"match": {"provider": "anthropic"}, "text": "0.2", "fault": {"slow_first_token": slow}}
    scripted_provider.script({"answers": [judge, {"text": "forty two of them"}]})
    return serve(three_tiers(scripted_provider, policy + BUDGET + more))


@pytest.mark.parametrize("stream", [False, True])
def test_its_caller_goes_on_and_comes_back(serve: Serve, scripted_provider: ScriptedProvider, stream: bool) -> None:
    server = asked_slowly(serve, scripted_provider, "8s", LIMIT)
    first = server.chat("how many", KEY, stream=stream)
    again = server.chat("how many", KEY, stream=stream)
    other = server.chat("and now?", stream=stream)
    assert (first.status, again.status, other.status) == (200, 200, 200), "the limit is free"
    assert b"forty" in again.body
    assert again.headers["x-orchvynt-invocation"] == first.headers["x-orchvynt-invocation"]
    record = finished(server, first)
    assert entry(record, "confidence_taken")["value"] == pytest.approx(0.2)
    assert entry(record, "invocation_finished")["duration_ns"] < 8_000_000_000, "the judge's time is not the caller's"
    finished(server, other)
    assert len(server.admin("/reviews").json["items"]) == 2


def test_a_server_that_stops_judges_without_it(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = asked_slowly(serve, scripted_provider, "60s")
    reply = server.chat("how many")
    assert server.stop(60.0) == 0
    server.start()
    record = finished(server, reply)
    assert entry(record, "invocation_finished")["outcome"] == "answered"
    assert entry(record, "gate_judged")["verdict"] == "matched", "unknown: review"
    assert len(server.admin("/reviews").json["items"]) == 1


def test_one_that_was_killed_leaves_it_answered_and_the_question_settled(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = asked_slowly(serve, scripted_provider, "60s")
    reply = server.chat("how many")
    while len(scripted_provider.arrivals()) < 2:
        time.sleep(0.05)
    server.kill()
    server.start()
    record = finished(server, reply)
    assert entry(record, "invocation_finished")["outcome"] == "answered"
    settled = [one["detail"] for one in record["timeline"] if one["kind"] == "attempt_settled"]
    assert [one["attempt"][-2:] for one in settled] == [".1", ".2"]
