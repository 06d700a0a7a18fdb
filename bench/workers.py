"""Two workers on two cores against one on one: `make workers`, on SQLite and on PostgreSQL.

The load and the mock provider need a core, too. With one worker they have the other one; with two, all share both cores. Therefore what is
compared is what a core does: requests for each second of CPU time that the server and its store used (a PostgreSQL server counts with
them), times the cores. The share of the load stands beside it. Starts take turns. Exit status 1: two do less than 1.8 times as much.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import report
from measure import Load, Provider, check_arrivals, mock_provider
from processes import BenchError, children, choose_cores, last_lines, scheduled_ns, session_ns, started, wait_until_listening
from systems import HERE, Launch, serve
from tests.support.postgres import Server
from workloads import WORKLOADS, body, request, standard

SCALES_MIN: Final = 1.8
CONNECTIONS: Final = 128
WARM_UP_S: Final = 2.0


@dataclass(frozen=True)
class Ran:
    """One start. `busy` is how much of a core the server and its store used, of those that it was given."""

    requests_per_s: float
    per_core_s: float
    busy: float
    load_share: float


@contextmanager
def _serving(folder: Path, provider: Provider, workers: int, store: str, core: int | None) -> Iterator[tuple[int, Launch]]:
    launch = serve(folder, standard(provider.upstream))
    more = ["--workers", str(workers)] if workers > 1 else []
    if store:
        place = launch.command.index("--store") + 1
        launch = replace(
            launch, command=[*launch.command[:place], store, "--journal", str(folder / "journal"), *launch.command[place + 1 :]]
        )
    launch = replace(launch, command=[*launch.command, *more])
    log = folder / "output.log"
    with started(launch.command, core, folder, log, launch.environment) as process:
        try:
            wait_until_listening(process, launch.port, launch.start_seconds_max)
            wait_until_listening(process, launch.admin_port, launch.start_seconds_max)
        except BenchError as failed:
            raise BenchError(f"{workers} workers: {failed}\nTheir last words:\n{last_lines(log)}") from failed
        yield process.pid, launch


def _used_ns(serving: int, server: Server | None) -> int:
    """Of the workers and their parent, and of a PostgreSQL server, each of whose processes leads a session of its own."""
    behind = [server.pid, *children(server.pid)] if server is not None else []
    return session_ns(serving)[0] + sum(scheduled_ns(pid)[0] for pid in behind)


def _ran(provider: Provider, workers: int, server: Server | None, seconds: float) -> Ran:
    cores = choose_cores()
    with ExitStack() as over:
        folder = Path(over.enter_context(tempfile.TemporaryDirectory(prefix="bench-workers-")))
        store = ""
        if server is not None:
            store = server.fresh()
            over.callback(server.give_back, store)
        pid, launch = over.enter_context(_serving(folder, provider, workers, store, cores.system if workers == 1 else None))
        content = request(launch, body(WORKLOADS["chat-1k"], "gpt-4o"))
        load = Load(provider.load_program, launch.port, cores.load, content)
        load.run(CONNECTIONS, WARM_UP_S)
        arrived, before = provider.seen(), _used_ns(pid, server)
        began = os.times()
        told = load.run(CONNECTIONS, seconds)
        ended = os.times()
        used = (_used_ns(pid, server) - before) / 1e9
        check_arrivals(f"{workers} workers", told.requests, arrived, provider.seen())
        generator = ended.children_user + ended.children_system - began.children_user - began.children_system
        return Ran(told.requests / told.seconds, told.requests / used, used / told.seconds, generator / told.seconds)


def compared(provider: Provider, name: str, server: Server | None, rounds: int, seconds: float) -> dict[str, float]:
    one: list[Ran] = []
    two: list[Ran] = []
    for number in range(rounds):
        for workers in ((1, 2), (2, 1))[number % 2]:
            (one if workers == 1 else two).append(_ran(provider, workers, server, seconds))
            last = (one if workers == 1 else two)[-1]
            said = f"{last.requests_per_s:,.0f} requests/s, {last.busy:.2f} cores, the load {last.load_share:.2f}"
            print(f"{name}, {workers}: {said}", flush=True)
    per_core = statistics.median(two_.per_core_s / one_.per_core_s for one_, two_ in zip(one, two, strict=True))
    return {
        "one": statistics.median(each.requests_per_s for each in one),
        "two": statistics.median(each.requests_per_s for each in two),
        "one_busy_cores": statistics.median(each.busy for each in one),
        "two_busy_cores": statistics.median(each.busy for each in two),
        "load_share_of_a_core": statistics.median(each.load_share for each in two),
        "scales": 2 * per_core,
    }


def main() -> int:
    options = argparse.ArgumentParser(prog="make workers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=5)
    asked = options.parse_args()
    date, facts, found = datetime.now(UTC), report.machine(), {}
    try:
        cores = choose_cores()
        with tempfile.TemporaryDirectory() as folder, mock_provider(Path(folder), cores.load) as provider:
            found["SQLite"] = compared(provider, "SQLite", None, asked.rounds, asked.seconds)
            server = Server()
            try:
                found["PostgreSQL"] = compared(provider, "PostgreSQL", server, asked.rounds, asked.seconds)
            finally:
                server.close()
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2
    for name, figures in found.items():
        holds = figures["scales"] >= SCALES_MIN
        said = f"{name}: {figures['one']:,.0f} requests/s by one worker, {figures['two']:,.0f} by two beside the load"
        print(f"{said}; by what a core does, × {figures['scales']:.2f}  {'holds' if holds else 'MISSED'} (at least {SCALES_MIN})")
    content = {"machine": facts, "settings": vars(asked), "scales_min": SCALES_MIN, "found": found}
    print(f"Written to {report.keep(HERE / 'results', date, '-workers', content)}")
    return 0 if all(figures["scales"] >= SCALES_MIN for figures in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
