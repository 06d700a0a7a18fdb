"""A hard budget under 1,000 parallel invocations: never over by the provider's own ledger, and no false refusal."""

import asyncio
import json
from collections import Counter
from typing import Any

from tests.e2e.conftest import Serve
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

CALLS = 1_000
WORTH = 20
BODY = json.dumps(
    {"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "Say a word about ledgers. " * 4}]}
).encode()
OPEN_BODY = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Say a word about ledgers. " * 4}]}).encode()


def policy(provider: ScriptedProvider, tokens: int) -> str:
    budget = f"budgets: [{{name: all, scope: global, limit: {{tokens: {tokens}}}, window: day, on_breach: reject}}]"
    return three_tiers(provider, budget, tiers="gpt-4o")


async def one(port: int, body: bytes) -> tuple[int, dict[str, Any]]:
    """One call on a connection of its own; status 0 if the connection broke."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
        head += f"content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        status, _, rest = answer.partition(b" ")[2].partition(b" ")
        return int(status or 0), json.loads(rest.partition(b"\r\n\r\n")[2] or b"{}")
    except (OSError, ValueError):
        return 0, {}


async def storm(port: int, body: bytes, calls: int = CALLS) -> list[tuple[int, dict[str, Any]]]:
    return list(await asyncio.gather(*(one(port, body) for _ in range(calls))))


def cost_of_one(server: Serving, provider: ScriptedProvider, body: bytes) -> tuple[int, int]:
    """What the provider bills for one call, and what OrchVynt holds for it."""
    assert asyncio.run(one(server.port, body))[0] == 200
    explained = server.explain("last")
    held = next(entry["detail"] for entry in explained["timeline"] if entry["kind"] == "hold_placed")
    return provider.ledger().totals.tokens, held["input_tokens_bound"] + held["output_tokens_max"]


def test_a_thousand_calls_on_a_budget_for_twenty(serve: Serve, scripted_provider: ScriptedProvider, tmp_path_factory: Any) -> None:
    probe = Serving(tmp_path_factory.mktemp("probe"), policy(scripted_provider, 1_000_000))
    with probe:
        billed, held = cost_of_one(probe, scripted_provider, BODY)
    limit = billed * WORTH
    before = scripted_provider.ledger().totals
    server = serve(policy(scripted_provider, limit))
    answers = asyncio.run(storm(server.port, BODY))
    statuses = Counter(status for status, _ in answers)
    total = scripted_provider.ledger().totals
    spent = total.tokens - before.tokens
    assert spent <= limit
    assert set(statuses) == {200, 402}
    assert total.arrivals - before.arrivals == statuses[200]
    # No false refusal: with nothing in flight, what is left is less than the smallest admissible hold.
    assert limit - spent < held
    error = next(body["error"] for status, body in answers if status == 402)
    assert error["code"] == "budget_exceeded"
    assert (error["budget"], error["limit"]) == ("all", limit)
    line = server.admin("/budgets").json["items"][0]
    assert (line["settled_tokens"], line["held_tokens"]) == (spent, 0)


def test_calls_without_a_limit_share_a_budget(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    limit = 4_000
    server = serve(policy(scripted_provider, limit))
    answers = asyncio.run(storm(server.port, OPEN_BODY, 200))
    statuses = Counter(status for status, _ in answers)
    total = scripted_provider.ledger().totals
    assert total.tokens <= limit
    assert set(statuses) == {200, 402}
    refusal = next(body["error"] for status, body in answers if status == 402)
    assert limit - total.tokens < refusal["needed"]


def test_a_kill_in_the_middle_forgets_nothing(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"latency": "150ms", "text": "A ledger is a book that never forgets."}]})
    limit = 3_000
    server = serve(policy(scripted_provider, limit))

    async def storm_and_kill() -> list[tuple[int, dict[str, Any]]]:
        running = asyncio.gather(*(one(server.port, BODY) for _ in range(CALLS)))
        while not scripted_provider.ledger().totals.arrivals:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        server.kill()
        return list(await running)

    first = asyncio.run(storm_and_kill())
    arrived = scripted_provider.ledger().totals.arrivals
    assert arrived > 0
    server.start()
    second = asyncio.run(storm(server.port, BODY))
    total = scripted_provider.ledger().totals
    assert total.tokens <= limit
    assert {status for status, _ in first} <= {0, 200, 402}
    assert {status for status, _ in second} <= {200, 402}
    line = server.admin("/budgets").json["items"][0]
    assert line["held_tokens"] == 0
    assert total.tokens <= line["settled_tokens"] <= limit


def test_a_dearer_service_tier_does_not_slip_past_a_money_budget(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    money = "budgets: [{name: all, scope: global, limit: {usd: 1}, window: day, on_breach: reject}]"
    server = serve(three_tiers(scripted_provider, money, tiers="gpt-4o"))
    refused = server.chat(service_tier="priority")
    assert (refused.status, refused.json["error"]["code"]) == (400, "unsupported")
    assert "service_tier" in refused.json["error"]["message"]
    assert scripted_provider.ledger().arrivals == ()
    assert server.chat(service_tier="default").status == 200
