"""How soon a stream begins with a gate in force that reads nothing but flags and does not match, and without it, in pairs.

Two servers run at once on one core, and are asked in turn: a neighbour on the machine meets both alike.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from lines import Line
from measure import Provider
from parking import DOOR, chat, policy
from processes import BenchError, Cores, scheduled_ns, started, wait_until_listening
from systems import serve

GATE: Final = (
    "gates: [{name: financial, stage: output, when: '\"financial-action\" in flags', reviewers: finance}]\n"
    "groups: {finance: {members: [ana@example.com]}}\n"
)
# Of these the first warm up, and do not count.
WARMING: Final = 100


class Begun(NamedTuple):
    """Milliseconds until the first bytes of each stream, without the gate and with it; and µs of CPU that a stream took."""

    without: list[float]
    gated: list[float]
    without_cpu_us: float
    gated_cpu_us: float

    @property
    def ratio(self) -> float:
        return statistics.median(self.gated) / statistics.median(self.without)

    @property
    def cpu_ratio(self) -> float:
        return self.gated_cpu_us / self.without_cpu_us


def first_tokens(folder: Path, provider: Provider, cores: Cores, pairs: int) -> Begun:
    with _running(folder / "without", provider, cores, "") as without, _running(folder / "gated", provider, cores, GATE) as gated:
        return asyncio.run(_in_turn(without, gated, pairs))


@contextlib.contextmanager
def _running(folder: Path, provider: Provider, cores: Cores, gates: str) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    folder.mkdir()
    launch = serve(folder, policy(provider.port, gates))
    with started(launch.command, cores.system, folder, folder / "output.log", launch.environment) as process:
        wait_until_listening(process, launch.port, 60)
        yield launch.port, process.pid


async def _in_turn(without: tuple[int, int], gated: tuple[int, int], pairs: int) -> Begun:
    servers = (without, gated)
    lines = [await Line.open(port) for port, _ in servers]
    times: tuple[list[float], list[float]] = ([], [])
    used = [0, 0]
    for number in range(pairs + WARMING):
        if number == WARMING:
            used = [scheduled_ns(pid)[0] for _, pid in servers]
        # Who comes second meets what the first one left: they take turns.
        for which in (0, 1) if number % 2 else (1, 0):
            sent = time.monotonic_ns()
            answered = await lines[which].ask(DOOR, chat("hello", stream=True), {"x-orchvynt-flags": "other"})
            if answered.status != 200 or not answered.body.endswith(b"data: [DONE]\n\n"):
                raise BenchError(f"A stream came to {answered.status}: {answered.body[-300:]!r}")
            times[which].append((answered.first - sent) / 1e6)
    cpu = [(scheduled_ns(pid)[0] - before) / 1e3 / pairs for (_, pid), before in zip(servers, used, strict=True)]
    for line in lines:
        line.close()
    return Begun(times[0][WARMING:], times[1][WARMING:], *cpu)
