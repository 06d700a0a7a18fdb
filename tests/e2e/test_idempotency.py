"""One idempotency key, one arrival at the provider: at once, after a timeout, after `kill -9`, in review; another body is refused."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openai import OpenAI
from tests.e2e.conftest import Serve
from tests.e2e.test_review import FLAGGED, decide, open_review
from tests.support.outside import Heard, books_balance, chat, hear, of_kind
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

KEY = {"idempotency-key": "k-1"}
MODELS = ["gpt-4o", "claude", "local"]
# What differs from answer to answer whatever is in it.
APART = frozenset({"date", "connection", "keep-alive", "x-request-id"})


def told(heard: Heard) -> tuple[Any, ...]:
    """All that a caller was told."""
    return heard.status, {name: value for name, value in heard.headers.items() if name not in APART}, heard.body, heard.ended


def opened(server: Serving, text: str = "hello", key: str = "k-1", **options: Any) -> socket.socket:
    """A caller with the key that has sent its request."""
    # As `chat` writes it: the body is compared byte by byte.
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **options}).encode()
    caller = socket.create_connection(("127.0.0.1", server.port), 20)
    caller.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
        b"idempotency-key: %b\r\ncontent-length: %d\r\n\r\n" % (key.encode(), len(body)) + body
    )
    return caller


def until(server: Serving, outcome: str) -> Any:
    """The newest record once it has this outcome."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        lines = server.admin("/invocations").json["items"]
        if lines and lines[0]["outcome"] == outcome:
            return server.explain(lines[0]["invocation"])
        time.sleep(0.02)
    raise AssertionError(f"nothing came to be {outcome}")


def arrived(provider: ScriptedProvider, count: int) -> None:
    """Waits until so many requests have come to the provider."""
    end = time.monotonic() + 20
    while provider.ledger().totals.arrivals < count and time.monotonic() < end:
        time.sleep(0.01)
    assert provider.ledger().totals.arrivals == count


def test_fifty_at_once_are_one_arrival_and_are_told_the_same(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "one two three", "frames": 3, "latency": "300ms"}]})
    server = serve(three_tiers(scripted_provider))
    for count, stream in ((1, False), (2, True)):
        key = {"idempotency-key": f"k-{count}"}
        with ThreadPoolExecutor(50) as pool:
            heard = list(pool.map(lambda _, key=key, stream=stream: chat(server, "gpt-4o", headers=key, stream=stream), range(50)))
        inv = heard[0].headers["x-orchvynt-invocation"]
        assert {(one.status, one.ended, one.headers["x-orchvynt-invocation"]) for one in heard} == {(200, "whole", inv)}
        assert len({one.body for one in heard}) == 1
        assert told(chat(server, "gpt-4o", headers=key, stream=stream)) == told(heard[0]), "answered identically afterwards"
        assert scripted_provider.ledger().totals.arrivals == count
        books_balance(server, scripted_provider, inv)


def test_again_after_a_timeout_finds_the_answer(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "one two three four", "frames": 4, "frame_interval": "150ms", "latency": "300ms"}]})
    server = serve(three_tiers(scripted_provider))
    cases = [(model, stream) for model in MODELS for stream in (False, True)]

    callers = [opened(server, key=f"{model} {stream}", model=model, stream=stream) for model, stream in cases]
    arrived(scripted_provider, len(cases))
    for caller in callers:
        caller.close()
    for model, stream in cases:
        key = {"idempotency-key": f"{model} {stream}"}
        during, after = [chat(server, model, headers=key, stream=stream) for _ in range(2)]
        assert (during.text, during.ended) == ("one two three four", "whole")
        assert told(during) == told(after)
        explained = books_balance(server, scripted_provider, after.headers["x-orchvynt-invocation"])
        assert explained["outcome"] == "answered"
        assert [detail["usage"].get("estimated", False) for detail in of_kind(explained, "attempt_settled")] == [False]
    assert scripted_provider.ledger().totals.arrivals == len(cases)


def test_a_caller_that_never_comes_back_holds_nothing(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "one two", "latency": "300ms"}]})
    budget = "budgets: [{name: all, scope: global, limit: {tokens: 100000}, on_breach: reject}]"
    server = serve(three_tiers(scripted_provider, budget))
    with opened(server):
        arrived(scripted_provider, 1)
    explained = until(server, "answered")
    assert "with an idempotency key" in explained["timeline"][0]["text"]
    line = server.admin("/budgets").json["items"][0]
    assert (line["held_tokens"], line["settled_tokens"]) == (0, scripted_provider.ledger().totals.tokens)


def test_a_live_stream_is_replayed_and_then_followed(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "one two three four five six", "frames": 6, "frame_interval": "150ms"}]})
    server = serve(three_tiers(scripted_provider))
    with opened(server, stream=True) as first:
        first.settimeout(20)
        while b"one" not in first.recv(1 << 16, socket.MSG_PEEK):
            time.sleep(0.01)
        with opened(server, stream=True) as second:
            late, early = hear(second), hear(first)
    assert (late.text, late.ends, late.ended) == ("one two three four five six", ["marker"], "whole")
    assert told(late) == told(early)
    assert chat(server, "gpt-4o", headers=KEY, stream=True).body == late.body
    assert scripted_provider.ledger().totals.arrivals == 1


def test_another_body_is_refused_under_way_and_afterwards(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "hi", "latency": "400ms"}]})
    server = serve(three_tiers(scripted_provider))
    with opened(server) as first:
        arrived(scripted_provider, 1)
        refused = [chat(server, "gpt-4o", "other", KEY)]
        assert hear(first).status == 200
    refused.append(chat(server, "gpt-4o", "other", KEY))
    for one in refused:
        assert (one.status, one.json["error"]["code"], one.json["error"]["param"]) == (422, "idempotency_mismatch", "idempotency-key")
        assert "new idempotency key" in one.json["error"]["help"]
    assert scripted_provider.ledger().totals.arrivals == 1
    somebody = {**KEY, "authorization": "Bearer somebody-else"}
    assert chat(server, "gpt-4o", "other", somebody).status == 200, "each caller has keys of its own"
    routed = server.ask("/v1/route", {"messages": [{"role": "user", "content": "other"}]}, KEY)
    assert routed.status == 200, "and each endpoint"
    assert server.ask("/v1/route", {"messages": [{"role": "user", "content": "other"}]}, KEY).body == routed.body
    assert scripted_provider.ledger().totals.arrivals == 3


def test_kept_answers_survive_a_kill_and_what_was_under_way_is_asked_anew(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(
        {"answers": [{"match": {"last_user": "slow"}, "text": "slow", "latency": "1s"}, {"text": "canary-of-an-answer"}]}
    )
    server = serve(three_tiers(scripted_provider))
    whole = chat(server, "gpt-4o", headers={"idempotency-key": "whole"})
    stream = chat(server, "gpt-4o", headers={"idempotency-key": "stream"}, stream=True)
    with opened(server, "slow"):
        arrived(scripted_provider, 3)
        server.kill()
    server.start()
    assert told(chat(server, "gpt-4o", headers={"idempotency-key": "whole"})) == told(whole)
    assert told(chat(server, "gpt-4o", headers={"idempotency-key": "stream"}, stream=True)) == told(stream)
    assert scripted_provider.ledger().totals.arrivals == 3
    again = chat(server, "gpt-4o", "slow", KEY)
    assert (again.status, again.text) == (200, "slow")
    assert scripted_provider.ledger().totals.arrivals == 4
    outcomes = [line["outcome"] for line in server.admin("/invocations").json["items"]]
    assert outcomes == ["answered", "interrupted", "answered", "answered"]
    # What is kept for a caller is in none of the places where people look.
    inv = whole.headers["x-orchvynt-invocation"]
    shown = json.dumps([server.explain(inv), server.admin("/invocations").json, server.ask(f"/v1/invocations/{inv}").json])
    assert "canary-of-an-answer" not in shown + server.log
    assert [entry["kind"] for entry in server.explain(inv)["timeline"]][-2:] == ["invocation_finished", "answer_repeated"]


def test_what_a_retry_may_change_releases_the_key(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, fallback="  timeouts: {stall: 2s}", tiers="gpt-4o"))
    scripted_provider.fault("openai", {"status": 500}, times=2)
    assert chat(server, "gpt-4o", headers=KEY).status == 503
    answered = chat(server, "gpt-4o", headers=KEY)
    assert answered.status == 200
    scripted_provider.fault("openai", {"status": 400}, times=1)
    kept = {"idempotency-key": "refused"}
    refused = [chat(server, "gpt-4o", headers=kept) for _ in range(2)]
    assert refused[0].status == 400
    assert told(refused[0]) == told(refused[1])
    scripted_provider.fault("openai", {"cut_after": 2}, times=1)
    cut = {"idempotency-key": "cut"}
    broken = chat(server, "gpt-4o", headers=cut, stream=True)
    assert broken.ends == ["error"]
    mended = chat(server, "gpt-4o", headers=cut, stream=True)
    assert mended.ends == ["marker"], "a broken stream is never replayed"


def test_a_review_is_joined_under_way_after_a_restart_and_after_the_decision(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    keys = [(stream, {**FLAGGED, "idempotency-key": f"k-{stream}"}) for stream in (False, True)]
    pending = [chat(server, "gpt-4o", headers=key, stream=stream) for stream, key in keys]
    assert [(one.status, one.json["error"]["code"]) for one in pending] == [(409, "hitl_pending")] * 2
    server.kill()
    server.start()
    for (stream, key), first in zip(keys, pending, strict=True):
        assert chat(server, "gpt-4o", "other", key, stream=stream).status == 422
        joined = chat(server, "gpt-4o", headers=key, stream=stream)
        assert joined.json["error"]["invocation_id"] == first.json["error"]["invocation_id"]
        assert decide(server, first.json["error"]["review_id"]).status == 200
        answers = [chat(server, "gpt-4o", headers=key, stream=stream) for _ in range(3)]
        assert (answers[0].status, answers[0].ended) == (200, "whole")
        assert told(answers[0]) == told(answers[1]) == told(answers[2])
    assert scripted_provider.ledger().totals.arrivals == 2


def test_callers_that_are_held_for_a_review_are_told_the_same(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate()))
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(chat, server, "gpt-4o", "hello", {**FLAGGED, **KEY}) for _ in range(4)]
        review = open_review(server)
        time.sleep(0.3)
        assert decide(server, review["review"]).status == 200
        heard = [one.result(timeout=20) for one in held]
    assert len({str(told(one)) for one in heard}) == 1
    assert heard[0].status == 200
    assert scripted_provider.ledger().totals.arrivals == 1


def test_the_official_client_retries_under_one_key(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "at last", "latency": "1500ms"}]})
    server = serve(three_tiers(scripted_provider))
    with OpenAI(base_url=f"{server.url}/v1", api_key="agent", max_retries=8, timeout=0.6) as agent:
        answer = agent.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "hello"}], extra_headers={"Idempotency-Key": "k-1"}
        )
    assert answer.choices[0].message.content == "at last"
    assert scripted_provider.ledger().totals.arrivals == 1
