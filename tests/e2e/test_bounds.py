"""Holds over sockets: never less than what is billed, whatever is sent to whom, and not so much more that calls are refused."""

from typing import Any

import pytest
from tests.e2e.conftest import Serve
from tests.support.hostile_texts import PROSE, TEXTS
from tests.support.openai_counts import messages_count
from tests.support.policies import three_tiers

from orchvynt.adapters.tokens.vocabulary import encoder
from orchvynt.catalog.tokenizers import O200K
from orchvynt.testing.scripted import ScriptedProvider

OUTPUT = 50
PROMPT: list[dict[str, Any]] = [{"role": "user", "content": PROSE}]


def budgets(limit: str, more: str = "") -> str:
    return f"budgets: [{{name: all, scope: global, limit: {{{limit}}}, window: day, on_breach: reject, wait_for_holds: 0s{more}}}]"


def test_a_budget_for_three_calls_admits_three(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """4 KB of English, 892 tokens. By bytes it was held at 4,071, and a budget for three such calls refused the first; counted it is held
    at 914."""
    true = messages_count(PROMPT, encoder(O200K))
    scripted_provider.script({"answers": [{"text": "Well.", "usage": {"input": true, "output": OUTPUT}}]})
    nanos = 3 * (true * 2_500 + OUTPUT * 10_000)
    server = serve(three_tiers(scripted_provider, budgets(f"usd: {nanos / 10**9:.9f}"), tiers="gpt-4o"))
    replies = [server.ask("/v1/chat/completions", {"model": "gpt-4o", "max_tokens": OUTPUT, "messages": PROMPT}) for _ in range(4)]
    # What stands around the text is bounded, not known: the third of exactly three may lack a few tokens.
    assert [reply.status for reply in replies][:2] == [200, 200]
    assert replies[3].status == 402
    entries = server.explain(replies[1].headers["x-orchvynt-invocation"])["timeline"]
    hold = next(entry for entry in entries if entry["kind"] == "hold_placed")
    assert hold["detail"]["input_counted_by"] == O200K
    assert true <= hold["detail"]["input_tokens_bound"] < true * 11 // 10
    assert f"{hold['detail']['input_tokens_bound']} tokens of input as o200k_base counts" in hold["text"]


@pytest.mark.parametrize("stream", [False, True])
def test_whatever_is_sent_costs_no_more_than_its_hold(serve: Serve, scripted_provider: ScriptedProvider, stream: bool) -> None:
    server = serve(three_tiers(scripted_provider, budgets("usd: 500"), tiers="gpt-4o"))
    schema = {"type": "object", "properties": {"città": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}}}
    image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    texts = [TEXTS[name] or "x" for name in ("korean", "emoji", "base64", "combining", "random bytes", "blanks", "code")]
    tool = {"name": "f", "description": texts[0][:300], "parameters": schema}
    for text in texts:
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}", "detail": "low"}}
        chat = [{"role": "system", "content": text[:500]}, {"role": "user", "content": [{"type": "text", "text": text}, part]}]
        openai = {"model": "gpt-4o", "max_tokens": 9, "messages": chat, "tools": [{"type": "function", "function": tool}], "stream": stream}
        block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}}
        anthropic = {
            "model": "claude",
            "max_tokens": 9,
            "system": text[:500],
            "messages": [{"role": "user", "content": [{"type": "text", "text": text}, block]}],
            "tools": [{"name": "f", "description": texts[0][:300], "input_schema": schema}],
            "stream": stream,
        }
        ollama = {
            "model": "local",
            "messages": [{"role": "user", "content": text, "images": [image]}],
            "options": {"num_predict": 9},
            "stream": stream,
            "tools": [{"type": "function", "function": tool}],
        }
        for path, body in (("/v1/chat/completions", openai), ("/v1/messages", anthropic), ("/api/chat", ollama)):
            reply = server.ask(path, body)
            assert reply.status == 200, reply.body
            entries = server.explain(reply.headers["x-orchvynt-invocation"])["timeline"]
            hold = next(entry["detail"] for entry in entries if entry["kind"] == "hold_placed")
            receipt = next(entry["detail"] for entry in entries if entry["kind"] == "attempt_settled")
            assert receipt["usage"]["input_tokens"] <= hold["input_tokens_bound"]
            assert receipt["usage"]["output_tokens"] <= hold["output_tokens_max"]
            assert receipt["nanos"] <= hold["nanos_bound"]
            assert not receipt.get("overrun", False)
            assert not receipt["usage"].get("estimated", False)


LONG = "One word after the other, and no end of it in sight. " * 40


def test_who_shortened_an_answer_is_said(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """In a stream at its end; Ollama's has no place for it. An answer that ended by itself, or at the caller's own limit, says nothing."""
    scripted_provider.script(
        {"answers": [{"match": {"last_user": "long"}, "text": LONG}, {"match": {"last_user": "short"}, "text": "No."}]}
    )
    each = "budgets: [{name: each, scope: invocation, limit: {tokens: 400}, on_breach: reject}]"
    server = serve(three_tiers(scripted_provider, each, tiers="gpt-4o"))

    def asked(path: str, model: str, text: str, stream: bool, **options: Any) -> tuple[dict[str, str], str]:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **options}
        reply = server.ask(path, body)
        assert reply.status == 200, reply.body
        return reply.headers, reply.body.decode()

    note = "orchvynt-limited-by=budget:each"
    paths = (("/v1/chat/completions", "gpt-4o"), ("/v1/chat/completions", "claude"), ("/api/chat", "local"))
    for path, model in paths:
        for text, stream in (("long", False), ("long", True), ("short", False), ("short", True)):
            headers, body = asked(path, model, text, stream)
            told = headers.get("x-orchvynt-limited-by") == "budget:each" or note in body
            assert told == (text == "long" and not (stream and path == "/api/chat")), (path, text, stream)
    headers, body = asked("/v1/chat/completions", "gpt-4o", "long", False, max_tokens=20)
    assert "x-orchvynt-limited-by" not in headers, "the caller's own limit"


def test_no_limit_is_added_where_none_is_needed(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": LONG}]})
    money = "budgets: [{name: agents, scope: global, when: 'agent == \"a\"', limit: {usd: 0.001}, on_breach: reject}]"
    server = serve(three_tiers(scripted_provider, money, tiers="local"))
    body = {"model": "local", "stream": False, "messages": [{"role": "user", "content": "long"}]}
    reply = server.ask("/api/chat", body, {"x-orchvynt-agent": "a"})
    assert reply.status == 200
    entries = server.explain("last")["timeline"]
    assert next(entry["detail"] for entry in entries if entry["kind"] == "hold_placed").get("output_tokens_max") is None
    assert reply.json["message"]["content"] == LONG
    assert server.ask("/v1/chat/completions", {"model": "gpt-4o", "messages": PROMPT}).status == 200, "no budget applies"
    assert scripted_provider.ledger().arrivals[-1].max_tokens is None


def test_several_choices_share_what_is_held(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": LONG}]})
    server = serve(three_tiers(scripted_provider, budgets("tokens: 1000"), tiers="gpt-4o"))
    reply = server.ask("/v1/chat/completions", {"model": "gpt-4o", "n": 3, "messages": [{"role": "user", "content": "long"}]})
    assert reply.status == 200
    assert reply.headers["x-orchvynt-limited-by"] == "budget:all"
    sent = scripted_provider.ledger().arrivals[-1].max_tokens
    assert sent is not None
    assert 250 < sent <= 333
    assert scripted_provider.ledger().totals.tokens <= 1_000
