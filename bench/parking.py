"""Parks many answers at a real server, through its front door: a store full of reviews is what callers and gates made of it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Final

from lines import Line
from processes import BenchError

GATES: Final = 10
GROUPS: Final = 4
CONNECTIONS: Final = 32
DOOR: Final = "/v1/chat/completions"
WORDS: Final = "Explain in two sentences what an LLM gateway is for, and list three things that a platform team gets from it. " * 8


def policy(provider_port: int, gates: str) -> str:
    """One model without a price, and what is said of gates."""
    return (
        "version: 1\n"
        f'providers: {{lab: {{kind: openai-compatible, base_url: "http://127.0.0.1:{provider_port}/v1"}}}}\n'
        "models: {gpt-4o: {provider: lab, price: {input: 2.50, output: 10.00}}}\n"
        f"{gates}"
    )


def reviewed() -> str:
    """Ten gates whose callers are told at once to come back, half of them with two people, and one that holds its callers."""
    lines = ["gates:"]
    for number in range(GATES):
        lines.append(
            f"  - {{name: gate-{number}, stage: output, when: '\"gate-{number}\" in flags', reviewers: group-{number % GROUPS}, "
            f"quorum: {1 + number % 2}, wait: {{up_to: 0s}}, remind: [24h, 48h], escalation: [{{after: 240h, do: reject}}]}}"
        )
    lines.append("  - {name: held, stage: output, when: '\"held\" in flags', reviewers: group-0, wait: {up_to: 10m}}")
    members = ", ".join(f"group-{number}: {{members: [ana@example.com, ben@example.com]}}" for number in range(GROUPS))
    return "\n".join([*lines, f"groups: {{{members}}}"]) + "\n"


def chat(text: str, stream: bool = False) -> bytes:
    """A request of about 1 KB."""
    messages = [{"role": "user", "content": f"{text}: {WORDS}"}]
    return json.dumps({"model": "gpt-4o", "messages": messages, "max_tokens": 256, "stream": stream}).encode()


async def park(port: int, numbers: range) -> None:
    """One answer for each number, over some connections at once. Raises BenchError if one was not parked."""
    waiting = iter(numbers)
    await asyncio.gather(*(_park(port, waiting) for _ in range(CONNECTIONS)))


async def _park(port: int, numbers: Iterator[int]) -> None:
    line = await Line.open(port)
    for number in numbers:
        answered = await line.ask(DOOR, chat(f"question {number}"), {"x-orchvynt-flags": f"gate-{number % GATES}"})
        if answered.status != 409 or b"hitl_pending" not in answered.body:
            raise BenchError(f"An answer was not parked: {answered.status} {answered.body[:500]!r}")
    line.close()
