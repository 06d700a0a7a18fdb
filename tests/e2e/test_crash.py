"""After a crash it serves again at once, and a stop finishes what is open. What a crash leaves in the books: test_kills.py."""

import asyncio
import json

from tests.e2e.conftest import Serve
from tests.support.policies import three_tiers

from orchvynt.testing.scripted import ScriptedProvider


def body(number: int, stream: bool) -> bytes:
    return json.dumps(
        {"model": "gpt-4o", "max_tokens": 40, "stream": stream, "messages": [{"role": "user", "content": f"call {number}"}]}
    ).encode()


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
