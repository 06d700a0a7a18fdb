"""What a change of the policy costs those who call meanwhile: the time to the answer of apply, and how late calls come.

`PYTHONPATH=. python bench/changing.py [RULES ...]` (50 and 2,000) starts a server and the scripted provider and prints milliseconds: quiet,
while the same policy is applied again and again, and the longest pause of the server's loop as `/health/live` shows it.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

CALLERS = 4
THINK_S = 0.01
SECONDS = 6.0
BETWEEN_S = 0.3
BODY = json.dumps({"model": "m0", "messages": [{"role": "user", "content": "hello"}]}).encode()
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: "
CHAT += b"%d\r\n\r\n%b" % (len(BODY), BODY)
LIVE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"


def policy(rules: int, base_url: str) -> str:
    lines = ["version: 1", "providers:", f'  p: {{kind: openai-compatible, base_url: "{base_url}"}}', "models:"]
    lines += [f"  m{number}: {{provider: p, price: free}}" for number in range(20)]
    lines += ["routing:", "  default: m0", "  rules:"]
    condition = 'workload == "w{0}" && context.tier == "premium"'
    lines += [f"    - {{name: r{number}, when: '{condition.format(number)}', use: m{number % 20}}}" for number in range(rules)]
    return "\n".join(lines) + "\n"


async def caller(port: int, request: bytes, late_ms: list[float], until: float) -> None:
    """One connection that asks, waits for its answer, thinks, and asks again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        late_ms.append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(THINK_S)
    writer.close()


async def load(server: Serving, text: str) -> tuple[list[float], list[float], list[float]]:
    """Latencies of calls and of liveness, and the times that applies took; no applies without a text."""
    calls: list[float] = []
    pings: list[float] = []
    until = time.perf_counter() + SECONDS
    callers = [asyncio.ensure_future(caller(server.port, CHAT, calls, until)) for _ in range(CALLERS)]
    callers.append(asyncio.ensure_future(caller(server.port, LIVE, pings, until)))
    applied: list[float] = []
    while text and time.perf_counter() < until - BETWEEN_S:
        await asyncio.sleep(BETWEEN_S)
        began = time.perf_counter()
        done = await asyncio.to_thread(server.admin, "/policies", {"yaml": text, "message": "bench"})
        applied.append((time.perf_counter() - began) * 1_000)
        assert done.status == 200, done.body
    await asyncio.gather(*callers)
    return calls, pings, applied


def words(name: str, values: list[float]) -> str:
    ordered = sorted(values)
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return f"  {name:<28} {len(ordered):>5}   median {middle:8.2f}   p99 {late:8.2f}   max {ordered[-1]:8.2f}"


def main() -> int:
    sizes = [int(word) for word in sys.argv[1:]] or [50, 2_000]
    with ScriptedProvider() as provider, tempfile.TemporaryDirectory() as folder:
        for rules in sizes:
            text = policy(rules, provider.base_url("openai"))
            place = Path(folder, str(rules))
            place.mkdir()
            with Serving(place, text) as server:
                time.sleep(1)
                quiet, pings, _ = asyncio.run(load(server, ""))
                print(f"{rules} rules, {len(text):,} bytes: milliseconds")
                print(words("calls, quiet", quiet))
                print(words("liveness, quiet", pings))
                calls, pings, applied = asyncio.run(load(server, text))
                print(words("calls while applying", calls))
                print(words("liveness while applying", pings))
                print(words("apply, request to answer", applied))
    return 0


if __name__ == "__main__":
    sys.exit(main())
