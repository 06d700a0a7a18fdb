"""How soon the next tier is asked after the first one refused: from its 429, its 503 or its refused connection. `make failover`.

The tiers are this process, so that one clock says when the refusal left and when the next request came. Nobody sees a refused
connection leave: there the time runs from the caller's own send, and holds the reading of the call and its routing too. Each call has a
tier of its own that refuses, because one that just did is not asked first again. Beside them stands how long `/health/live` takes to be
answered: it costs next to nothing, so what is late there is the machine's. Exits 1 when a 99th percentile is above what it owes.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import report
from processes import BenchError, choose_cores, free_port, last_lines, priority, started, wait_until_listening
from systems import CALLER_KEY, HERE, orchvynt_version, serve

P99_MS_MAX = 5.0
KINDS = ("429", "503", "refused")
LIVE = "/health/live"
BETWEEN_SECONDS = 0.01
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1732300000,"model":"spare","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Here."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
)
REFUSAL = b'{"error":{"message":"Rate limit reached, or no place.","type":"requests","code":"rate_limit_exceeded"}}'
STATUS = {"429": b"429 Too Many Requests", "503": b"503 Service Unavailable", "spare": b"200 OK"}


def policy(calls: int, port: int, refused_port: int) -> str:
    """A model for each call of each kind, and the spare one behind all of them."""
    own = {"429": port, "503": port, "refused": refused_port}
    lines = ["version: 1", "providers:", f'  spare: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1"}}']
    lines += [f'  p{kind}: {{kind: openai-compatible, base_url: "http://127.0.0.1:{to}/v1"}}' for kind, to in own.items()]
    lines += ["models:", "  spare: {provider: spare, price: free}"]
    lines += [f"  m{kind}-{number}: {{provider: p{kind}, price: free}}" for kind in own for number in range(calls)]
    lines += ["fallback:", "  chains: {default: {tiers: [spare]}}", "routing: {default: spare}"]
    return "\n".join(lines) + "\n"


class Tier(asyncio.Protocol):
    """One connection to whichever tier, told by the model that is asked for. `sent` is when its last refusal left, `came` when the last
    request to the spare tier was there, in monotonic nanoseconds."""

    sent = 0
    came = 0

    def __init__(self, tiers: list["Tier"]) -> None:
        self._got = b""
        tiers.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._got += data
        head, _, body = self._got.partition(b"\r\n\r\n")
        if len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"1"):
            return
        self._got = b""
        model = body.partition(b'"model":"')[2].split(b'"', 1)[0].decode()
        kind = model.removeprefix("m").partition("-")[0]
        answer = ANSWER if kind == "spare" else REFUSAL
        response = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (STATUS[kind], len(answer), answer)
        if kind == "spare":
            self.came = now
        else:
            self.sent = time.monotonic_ns()
        self._transport.write(response)


async def _answered(reader: asyncio.StreamReader) -> bytes:
    """The head of an answer, once its body was read too."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
    return head


async def measure(port: int, provider_port: int, calls: int) -> dict[str, list[float]]:
    """Milliseconds by kind of refusal, the kinds in turn. The first calls of each open the connections and do not count."""
    tiers: list[Tier] = []
    server = await asyncio.get_running_loop().create_server(lambda: Tier(tiers), "127.0.0.1", provider_port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told: dict[str, list[float]] = {kind: [] for kind in KINDS}
    live: list[float] = []
    for number in range(calls):
        asked = time.monotonic_ns()
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: bench\r\n\r\n")
        await _answered(reader)
        live.append((time.monotonic_ns() - asked) / 1e6)
        for kind, times in told.items():
            body = b'{"model":"m%b-%d","messages":[{"role":"user","content":"hello"}]}' % (kind.encode(), number)
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {CALLER_KEY}\r\ncontent-length: {len(body)}"
            asked = time.monotonic_ns()
            writer.write(f"{head}\r\ncontent-type: application/json\r\n\r\n".encode() + body)
            answered = await _answered(reader)
            came, sent = max(tier.came for tier in tiers), max(tier.sent for tier in tiers)
            if not answered.startswith(b"HTTP/1.1 200") or came < asked or (kind != "refused" and sent < asked):
                raise BenchError(f"A call whose first tier says {kind} did not go that way: {answered.decode('latin-1')}")
            times.append((came - (asked if kind == "refused" else sent)) / 1e6)
            await asyncio.sleep(BETWEEN_SECONDS)
    writer.close()
    server.close()
    return {kind: sorted(times[5:]) for kind, times in {**told, LIVE: live}.items()}


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make failover", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300, help="of each kind (default 300)")
    parser.add_argument(
        "--realtime", action="store_true", help="both sides before all others (root): a neighbour's work stays out of the figures"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON file (default bench/results)")
    return parser.parse_args(given)


def run(options: argparse.Namespace) -> bool:
    cores, begun, facts, version = choose_cores(), datetime.now(UTC), report.machine(), orchvynt_version()
    provider_port, refused_port = free_port(), free_port()
    os.sched_setaffinity(0, {cores.load})
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with tempfile.TemporaryDirectory(prefix="bench-failover-") as name:
        folder, log = Path(name), Path(name) / "output.log"
        launch = serve(folder, policy(options.calls, provider_port, refused_port))
        with started([*priority(options.realtime), *launch.command], cores.system, folder, log, launch.environment) as process:
            try:
                wait_until_listening(process, launch.port, 120)
                told = asyncio.run(measure(launch.port, provider_port, options.calls))
            except (OSError, asyncio.IncompleteReadError, BenchError) as failed:
                raise BenchError(f"orchvynt: {failed}\nIts last words:\n{last_lines(log)}") from failed
    print(f"{facts['cpu']}, load average {facts['load_average_before']}; {options.calls} calls of each kind, one at a time")
    print(f"{'the first tier':<18}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}   p99 under {P99_MS_MAX:.0f} ms")
    found = {}
    for kind, times in told.items():
        p50, p99, worst = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
        holds = kind == LIVE or p99 < P99_MS_MAX
        found[kind] = {"p50_ms": p50, "p99_ms": p99, "max_ms": worst, "calls": len(times), "holds": holds}
        print(f"{kind:<18}{p50:>9.2f}{p99:>9.2f}{worst:>9.2f}   {'' if kind == LIVE else 'holds' if holds else 'MISSED'}")
    content = {"machine": facts, "version": version, "settings": {"realtime": options.realtime}, "p99_ms_max": P99_MS_MAX, "found": found}
    print(f"Written to {report.keep(options.results, begun, '-failover', content)}")
    return all(each["holds"] for each in found.values())


def main(given: Sequence[str] | None = None) -> int:
    try:
        return 0 if run(arguments(given)) else 1
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
