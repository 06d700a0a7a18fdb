"""`kill -9` under load: every answer that a caller saw, and every arrival at the provider, is explained afterwards."""

import asyncio
import json
import random
from typing import Any

from tests.e2e.conftest import Serve
from tests.e2e.test_budget import one
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

KILLS = 8
PARALLEL = 24


def body(number: int, stream: bool) -> bytes:
    return json.dumps(
        {"model": "gpt-4o", "max_tokens": 40, "stream": stream, "messages": [{"role": "user", "content": f"call {number}"}]}
    ).encode()


async def load_until_killed(server: Serving, seconds: float, first: int) -> list[dict[str, Any]]:
    """Calls without pause until the server is killed; gives the whole answers that callers saw."""
    seen: list[dict[str, Any]] = []
    alive = True
    numbers = iter(range(first, first + 1_000_000))

    async def caller() -> None:
        while alive:
            status, answer = await one(server.port, body(next(numbers), stream=False))
            if status == 200 and "id" in answer:
                seen.append(answer)

    callers = [asyncio.ensure_future(caller()) for _ in range(PARALLEL)]
    await asyncio.sleep(seconds)
    server.kill()
    alive = False
    await asyncio.gather(*callers)
    return seen


def test_after_a_kill_at_any_moment_everything_is_explained(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    # Some calls fail over, so that the kill also falls between an attempt and the next.
    scripted_provider.fault("openai", {"status": 500}, times=20)
    server = serve(three_tiers(scripted_provider, gate("0s"), tiers="gpt-4o, claude"))
    chance = random.Random(7)
    answers: list[dict[str, Any]] = []
    for kill in range(KILLS):
        answers += asyncio.run(load_until_killed(server, 0.15 + chance.random() * 0.35, kill * 1_000_000))
        server.start()
    ledger = scripted_provider.ledger()
    assert len(answers) > KILLS
    assert len(ledger.arrivals) > len(answers)
    for arrival in ledger.arrivals:
        assert arrival.client_request_id.startswith("att_")
        explained = server.explain(arrival.client_request_id)
        sent = [e["detail"]["attempt"] for e in explained["timeline"] if e["kind"] == "attempt_sent"]
        assert arrival.client_request_id in sent
        assert explained["outcome"] not in ("running", "unknown")
        ended = [e["detail"]["attempt"] for e in explained["timeline"] if e["kind"] in ("attempt_settled", "hold_voided")]
        assert sorted(ended) == sorted(sent), "each attempt is settled or voided once"
    for answer in answers:
        explained = server.explain(answer["id"])
        assert explained["outcome"] == "answered"


def test_serving_again_takes_less_than_two_seconds(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider))
    assert server.chat().status == 200
    server.kill()
    server.start(wait_for_admin=False)
    assert server.chat().status == 200


def test_a_stop_finishes_what_is_open_and_holds_nothing(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "one two three four five six", "frames": 6, "frame_interval": "100ms"}]})
    budget = "budgets: [{name: all, scope: global, limit: {tokens: 100000}, on_breach: reject}]"
    server = serve(three_tiers(scripted_provider, budget))

    async def streams() -> list[bytes]:
        async def stream() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            said = body(1, stream=True)
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(said)
                + said
            )
            first = await reader.read(100)
            rest = await reader.read()
            writer.close()
            return first + rest

        running = [asyncio.ensure_future(stream()) for _ in range(100)]
        await asyncio.sleep(0.3)
        assert await asyncio.to_thread(server.stop) == 0
        return list(await asyncio.gather(*running))

    for answer in asyncio.run(streams()):
        assert b"data: [DONE]" in answer
    server.start()
    line = server.admin("/budgets").json["items"][0]
    assert line["held_tokens"] == 0
    assert line["settled_tokens"] == scripted_provider.ledger().totals.tokens
