"""What reviewers may do beside approving: edit, respond, reject in words; through the official clients, streamed or not, and once decided
the same however often it is read."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anthropic
import pytest
from openai import OpenAI
from tests.e2e.conftest import Serve
from tests.e2e.test_review import FLAGGED, open_review, parked
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

FLAGS = {"x-orchvynt-flags": "review"}
MESSAGES: Any = [{"role": "user", "content": "hello"}]
SECRET = "the model's own words"
CHOICES = [("edit", "new words"), ("respond", "ask the desk"), ("reject", "wrong account")]

EVERY: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"model": "gpt-4o", "messages": MESSAGES}),
    ("/v1/chat/completions", {"model": "gpt-4o", "messages": MESSAGES, "stream": True}),
    ("/v1/messages", {"model": "claude", "messages": MESSAGES, "max_tokens": 50}),
    ("/v1/messages", {"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 50, "stream": True}),
    ("/api/chat", {"model": "gpt-4o", "messages": MESSAGES, "stream": False}),
    ("/api/chat", {"model": "gpt-4o", "messages": MESSAGES}),
    ("/v1/route", {"workload": "docs", "messages": MESSAGES, "flags": ["review"]}),
]
"""The same question in every dialect, whole and streamed."""

Ask = Callable[[Serving], tuple[str, str, str]]
"""→ text, how it ended, and what the copy says of itself."""


def openai_whole(server: Serving) -> tuple[str, str, str]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="agent-1", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, extra_headers=FLAGS)
        choice = raw.parse().choices[0]
        assert choice.message.tool_calls is None
        return choice.message.content or "", choice.finish_reason, raw.headers["x-orchvynt-review-edited"]


def openai_stream(server: Serving) -> tuple[str, str, str]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="agent-1", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, extra_headers=FLAGS))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    return "".join(one.delta.content or "" for one in choices), choices[-1].finish_reason or "", ""


def anthropic_whole(server: Serving) -> tuple[str, str, str]:
    with anthropic.Anthropic(base_url=server.url, api_key="agent-1", max_retries=0) as client:
        raw = client.messages.with_raw_response.create(model="gpt-4o", max_tokens=50, messages=MESSAGES, extra_headers=FLAGS)
        message = raw.parse()
        return (
            "".join(one.text for one in message.content if one.type == "text"),
            message.stop_reason or "",
            raw.headers["x-orchvynt-review-edited"],
        )


def anthropic_stream(server: Serving) -> tuple[str, str, str]:
    with (
        anthropic.Anthropic(base_url=server.url, api_key="agent-1", max_retries=0) as client,
        client.messages.stream(model="claude", max_tokens=50, messages=MESSAGES, extra_headers=FLAGS) as stream,
    ):
        text = "".join(stream.text_stream)
        return text, stream.get_final_message().stop_reason or "", ""


@contextmanager
def held(server: Serving, ask: Ask) -> Iterator[tuple[str, Callable[[], tuple[str, str, str]]]]:
    """A caller that waits → its review, and what it gets at the end."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server)
        yield open_review(server)["review"], lambda: waiting.result(timeout=60)


def decision(choice: str, text: str) -> dict[str, str]:
    return {"decision": choice, "reason": text, **({"reply": text} if choice != "reject" else {})}


def without_notes(body: bytes) -> list[bytes]:
    """A stream without its comment, which says how long each reading took."""
    return [line for line in body.split(b"\n") if not line.startswith(b": x-orchvynt")]


CLIENTS = [openai_whole, openai_stream, anthropic_whole, anthropic_stream]


@pytest.mark.parametrize("ask", CLIENTS)
def test_the_official_clients_get_the_reviewers_words(serve: Serve, scripted_provider: ScriptedProvider, ask: Ask) -> None:
    scripted_provider.script({"answers": [{"text": SECRET}]})
    server = serve(three_tiers(scripted_provider, gate("60s", "    on_reject: message\n")))
    for choice, text in CHOICES:
        with held(server, ask) as (review, result):
            assert server.admin(f"/reviews/{review}/decisions", decision(choice, text)).status == 200
            said, ended, marked = result()
        assert said == text
        assert ended in ("stop", "end_turn")
        assert marked in ("", choice)
        assert server.admin(f"/reviews/{review}").json["decision"] == choice
    record = server.explain(review)
    assert "rejected by token:environment" in record["verdict"]


@pytest.mark.parametrize(("choice", "text"), CHOICES)
def test_every_dialect_reads_the_same_again_after_a_restart(
    serve: Serve, scripted_provider: ScriptedProvider, choice: str, text: str
) -> None:
    scripted_provider.script({"answers": [{"text": SECRET}]})
    server = serve(three_tiers(scripted_provider, gate("0s", "    on_reject: message\n")))
    for path, body in EVERY:
        server.ask(path, body, FLAGGED)
    reviews = [item["review"] for item in server.admin("/reviews").json["items"]]
    assert len(reviews) == len(EVERY)
    for review in reviews:
        assert server.admin(f"/reviews/{review}/decisions", decision(choice, text)).status == 200
    first = [server.ask(path, body, FLAGGED) for path, body in EVERY]
    server.kill()
    server.start()
    second = [server.ask(path, body, FLAGGED) for path, body in EVERY]
    for before, after in zip(first, second, strict=True):
        assert before.status == after.status == 200
        assert text.encode() in before.body
        assert SECRET.encode() not in before.body
        assert before.headers.get("x-orchvynt-review-edited", choice) == choice
        assert without_notes(before.body) == without_notes(after.body)
        if b"[DONE]" in before.body or b"message_stop" in before.body:
            assert b"x-orchvynt-review-edited=" + choice.encode() in before.body


def test_an_edit_keeps_its_diff_and_the_command_line_decides(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "pay 100 EUR\nthank you"}]})
    server = serve(three_tiers(scripted_provider, gate("0s")))
    review = parked(server).json["error"]["review_id"]
    assert server.command("reviews", "claim", review).returncode == 0
    assert "token:environment" in server.command("reviews", "show", review).stdout
    assert server.command("reviews", "release", review).returncode == 0
    mute = server.command("reviews", "edit", review, "--reason", "typo")
    assert (mute.returncode, "--text" in mute.stderr) == (2, True)
    done = server.command("reviews", "edit", review, "--text", "pay 10 EUR\nthank you", "--reason", "typo")
    assert (done.returncode, "with another text" in done.stdout) == (0, True), done.stderr
    assert server.command("reviews", "respond", review, "--text", "late", "--reason", "x").returncode == 1
    shown = server.command("reviews", "show", review).stdout
    assert "-pay 100 EUR\n+pay 10 EUR\n" in shown
    assert server.chat("hello", FLAGGED).json["choices"][0]["message"]["content"] == "pay 10 EUR\nthank you"
    told = server.command("explain", review).stdout
    assert "1 line added, 1 removed" in told
    assert "EUR" not in told, "a record tells nobody what an answer says"


def test_many_are_decided_at_once_each_apart(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    reviews = [parked(server, f"hello {number}").json["error"]["review_id"] for number in range(5)]
    assert server.command("reviews", "reject", reviews[0], "--reason", "no").returncode == 0
    some = server.command("reviews", "approve", reviews[0], reviews[1], "rev_none", "--reason", "fine")
    assert (some.returncode, "2 of 3 reviews" in some.stderr) == (1, True)
    assert some.stdout.splitlines()[1] == f"approved  {reviews[1]}"
    rest = server.command("reviews", "approve", "--gate", "reviewed", "--all", "--reason", "fine")
    assert (rest.returncode, len(rest.stdout.splitlines())) == (0, 3), rest.stderr
    assert server.admin("/reviews").json["items"] == []
    assert len(server.admin("/reviews?status=approved&sort=newest").json["items"]) == 4
    assert server.command("reviews", "approve", "--all", "--reason", "x").returncode == 2


def test_a_rejected_request_is_answered_in_words_and_never_sent(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("60s", "    on_reject: message\n").replace("stage: output", "stage: input")))
    for ask in CLIENTS:
        with held(server, ask) as (review, result):
            assert server.admin(f"/reviews/{review}/decisions", decision("reject", "ask the desk")).status == 200
            said, ended, marked = result()
        assert said == "ask the desk"
        assert ended in ("stop", "end_turn")
        assert marked in ("", "reject")
    told = server.explain(review)
    assert "a reviewer's words, and nothing was sent" in told["verdict"]
    assert scripted_provider.ledger().arrivals == ()


def test_the_words_are_the_same_in_every_dialect_and_after_a_restart(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s", "    on_reject: message\n").replace("stage: output", "stage: input")))
    for path, body in EVERY:
        assert server.ask(path, body, FLAGGED).status in (202, 409)
    for item in server.admin("/reviews").json["items"]:
        assert server.admin(f"/reviews/{item['review']}/decisions", decision("reject", "ask the desk")).status == 200
    first = [server.ask(path, body, FLAGGED) for path, body in EVERY]
    server.kill()
    server.start()
    second = [server.ask(path, body, FLAGGED) for path, body in EVERY]
    for before, after in zip(first, second, strict=True):
        assert before.status == after.status == 200
        assert b"ask the desk" in before.body
        assert without_notes(before.body) == without_notes(after.body)
        assert before.headers.get("x-orchvynt-cost-usd", "0") in ("0", "0.00", "0.000000000")
        assert "x-orchvynt-model" not in before.headers
    coverage = server.admin("/audit/coverage?gate=reviewed").json
    assert coverage["held"]["rejected"] == len(EVERY)
    assert coverage["held"]["undecided"] == 0
