"""What a relayed frame of a stream costs: in process, by kind of relay, and over sockets as CPU time of the whole server.

`python bench/streams.py` starts `orchvynt serve` and a provider that sends one frame at a time. `--beside PORT:PID` measures
another gateway in turn with it, round by round, so that a neighbour on the machine meets both; that one must ask `--provider PORT`.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from processes import free_port, scheduled_ns, wait_until_listening

from orchvynt.dialects import registry
from orchvynt.dialects.openai_chat.stream import OpenAIReader
from orchvynt.dialects.openai_chat.writing import ChunkWriter
from orchvynt.dialects.relaying import TranslatingRelay
from orchvynt.dialects.shapes import Relay
from orchvynt.language.snapshot import Wire
from orchvynt.model.invocation import Ask, DialectName

STREAMS, FRAMES, PACE_SECONDS = 20, 500, 0.002
POLICY = """version: 1
providers: {{lab: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1"}}}}
models: {{gpt-4o: {{provider: lab, price: {{input: 1, output: 2}}}}}}
"""
OPENAI = (
    b'data: {"id":"chatcmpl-9aBcDeFgHiJkLmNoPqRs","object":"chat.completion.chunk","created":1732300000,"model":"gpt-4o-2024-08-06",'
    b'"choices":[{"index":0,"delta":{"content":" gateway"},"logprobs":null,"finish_reason":null}]}\n\n'
)
ANTHROPIC = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" gateway"}}\n\n'
)
OLLAMA = b'{"model":"mistral:7b","created_at":"2025-05-27T22:54:57.64Z","message":{"role":"assistant","content":" gateway"},"done":false}\n'
FRAMES_OF: dict[Wire, bytes] = {"openai_chat": OPENAI, "anthropic_messages": ANTHROPIC, "ollama_chat": OLLAMA}
BEGINNINGS = {
    ANTHROPIC: b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"c","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
}
REQUEST = b'{"model":"gpt-4o","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hello"}]}'
ASK = Ask("gpt-4o", REQUEST, stream=True)


def _relay(wire: Wire, dialect: DialectName, collect: bool) -> Relay:
    """With the digest by which a later request is recognised, as every flowing stream has it; `collect` is for a chain that may go on with
    another model after a break."""
    return registry.relay(registry.provider(wire), registry.caller(dialect), ASK, collect=collect, digest=True)


def _translated(collect: bool) -> Relay:
    """What OpenAI's frames would cost if they were written anew."""
    return TranslatingRelay(OpenAIReader(), ChunkWriter(True), collect, 1, digest=True)


def _relays() -> Iterator[tuple[str, Callable[[], Relay], bytes]]:
    """What each is called, how one is made, and the frame that goes through it."""
    names: dict[Wire, str] = {"openai_chat": "OpenAI", "anthropic_messages": "Anthropic", "ollama_chat": "Ollama"}
    for wire, frame in FRAMES_OF.items():
        for dialect in names:
            for collect in (False, True) if wire == dialect else (False,):
                words = (
                    f"{names[wire]} to {names[dialect]}, {'passed' if wire == dialect else 'translated'}{', collected' if collect else ''}"
                )
                yield words, partial(_relay, wire, dialect, collect), frame
    yield "OpenAI to OpenAI, translated", partial(_translated, False), OPENAI


def in_process() -> None:
    """The quickest of several rounds each: what a neighbour adds is no part of it."""
    quickest: dict[str, float] = {}
    for _ in range(7):
        for name, make, frame in _relays():
            feed = make().feed
            feed(BEGINNINGS.get(frame, b""))
            began = time.thread_time_ns()
            for _ in range(5_000):
                feed(frame)
            quickest[name] = min(quickest.get(name, 1e9), (time.thread_time_ns() - began) / 5_000_000)
    for name, micros in quickest.items():
        print(f"{name:40} {micros:6.2f} µs a frame in process")


async def _provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for _ in range(FRAMES):
                writer.write(b"%x\r\n%b\r\n" % (len(OPENAI), OPENAI))
                await asyncio.sleep(PACE_SECONDS)
            writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()


async def _ask(port: int) -> int:
    """One stream to its end; how many frames came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    writer.write(head % len(REQUEST) + REQUEST)
    frames, tail = 0, b""
    while not tail.endswith(b"0\r\n\r\n"):
        data = await reader.read(1 << 16)
        if not data:
            raise SystemExit(f"a stream broke off: {tail[-300:]!r}")
        frames += data.count(b"chat.completion.chunk")
        tail = (tail + data)[-300:]
    writer.close()
    return frames


async def _round(port: int, pid: int) -> float:
    began, _ = scheduled_ns(pid)
    frames = sum(await asyncio.gather(*(_ask(port) for _ in range(STREAMS))))
    return (scheduled_ns(pid)[0] - began) / 1000 / frames


async def measure(gateways: dict[str, tuple[int, int]], provider_port: int, rounds: int) -> dict[str, list[float]]:
    """CPU µs a frame of each gateway (its port and process), in turn; the first round warms up and does not count."""
    server = await asyncio.start_server(_provide, "127.0.0.1", provider_port)
    told: dict[str, list[float]] = {name: [] for name in gateways}
    for _ in range(rounds + 1):
        for name, (port, pid) in gateways.items():
            told[name].append(await _round(port, pid))
    server.close()
    return {name: micros[1:] for name, micros in told.items()}


def over_sockets(provider_port: int, beside: str, rounds: int) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.yaml"
        policy.write_text(POLICY.format(port=provider_port))
        command = [sys.executable, "-m", "orchvynt", "serve", "--policy", str(policy), "--store", f"sqlite:///{folder}/bench.db"]
        process = subprocess.Popen(
            [*command, "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"],
            env={**os.environ, "ORCHVYNT_ADMIN_TOKEN": "bench-admin-token-0123456789abcdef"},
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until_listening(process, port, 30)
            gateways = {"orchvynt": (port, process.pid)}
            if beside:
                other, _, pid = beside.partition(":")
                gateways["beside"] = (int(other), int(pid))
            told = asyncio.run(measure(gateways, provider_port, rounds))
        finally:
            process.terminate()
            process.wait()
    for name, micros in told.items():
        spread = f"{min(micros):.2f} to {max(micros):.2f} in {rounds} rounds"
        print(f"{name:40} {statistics.median(micros):6.2f} µs CPU a frame over sockets, {spread}")
    if beside:
        pairs = [mine - other for mine, other in zip(told["orchvynt"], told["beside"], strict=True)]
        print(f"{'more than beside':40} {statistics.median(pairs):6.2f} µs a frame, the median of the pairs")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--beside", default="", help="PORT:PID of another gateway")
    options.add_argument("--provider", type=int, default=0, help="the port of the provider that the other gateway asks")
    told = options.parse_args()
    in_process()
    over_sockets(told.provider or free_port(), told.beside, told.rounds)


if __name__ == "__main__":
    main()
