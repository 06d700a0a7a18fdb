"""What reviews cost while they wait, on a real server with a real store, over sockets. `make open-reviews`.

Answers are parked at the front door until 100,000 wait. Then: how soon a killed server serves again, how long a page of the inbox takes
among 10,000 and among all of them, how soon a decision reaches the caller that is held for it, and whether streams begin later because
of a gate that reads nothing but flags and does not match. Exits 1 when a limit is passed, 2 when something could not be measured.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import report
from first_tokens import Begun, first_tokens
from held_callers import all_held, at_once, one_held
from inbox import Pages, decide_and_claim, enter, log_in, pages
from measure import Provider, mock_provider
from parking import park, policy, reviewed
from processes import BenchError, Cores, choose_cores, last_lines, started, wait_until_listening
from restarts import ADMIN, TAIL, Restart, restart
from systems import HERE, Launch, orchvynt_version, serve

CHAT_S_MAX: Final = 2.0
PAGE_MS_MAX: Final = 50.0
DECISION_MS_MAX: Final = 100.0
FIRST_TOKEN_RATIO_MAX: Final = 1.05
# Which of the decisions has no limit: it is as many as there are callers, in one request.
AT_ONCE: Final = 2


class Row(NamedTuple):
    """One line of the table. `judged` is the figure that must be below `limit`, None where no limit is set."""

    what: str
    unit: str
    p50: float
    p99: float
    worst: float
    judged: float = 0.0
    limit: float | None = None

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return f"{'holds' if self.judged < self.limit else 'MISSED'} (under {self.limit:g})"


class Waited(NamedTuple):
    """Pages among few and among many, each start after a kill, and the milliseconds of each decision."""

    few: Pages
    many: Pages
    restarts: list[Restart]
    decisions: dict[str, list[float]]


async def _parked(launch: Launch, numbers: range, decided: int) -> None:
    """Parks one answer for each number, and decides on some; all of it is in the store when this returns."""
    person = await enter(launch.admin_port) if decided else ADMIN
    await park(launch.port, numbers)
    await decide_and_claim(launch.admin_port, person, decided)


async def _pages(launch: Launch, pid: int, count: int, times: int) -> Pages:
    return await pages(launch.admin_port, pid, await log_in(launch.admin_port), count, times)


async def _decisions(launch: Launch, count: int) -> dict[str, list[float]]:
    ports = launch.port, launch.admin_port
    return {
        "a decision to its held caller, one held": await one_held(*ports, count),
        f"the same, {count} held": await all_held(*ports, count),
        f"one request that decides on {count}, to each caller": await at_once(*ports, count),
    }


def waited(folder: Path, provider: Provider, cores: Cores, options: argparse.Namespace) -> Waited:
    """The same store from the first review to the last. Raises BenchError."""
    launch, log = serve(folder, policy(provider.port, reviewed())), folder / "output.log"
    few = min(options.few, options.open)
    total = options.open + options.decided
    say(f"parking {few + options.decided:,}, and deciding {options.decided:,} of them")
    with _running(launch, cores, folder, log):
        asyncio.run(_parked(launch, range(few + options.decided), options.decided))
    with ahead(options.realtime), _running(launch, cores, folder, log) as process:
        among_few = asyncio.run(_pages(launch, process.pid, few, options.pages))
    say(f"parking {options.open - few:,} more")
    with _running(launch, cores, folder, log):
        asyncio.run(_parked(launch, range(few + options.decided, total), 0))
    say("kill -9, and starting again")
    with ahead(options.realtime):
        restarts = [asyncio.run(restart(launch, folder, total + number * TAIL)) for number in range(options.restarts)]
        with _running(launch, cores, folder, log) as process:
            among_all = asyncio.run(_pages(launch, process.pid, options.open, options.pages))
            decisions = asyncio.run(_decisions(launch, options.decisions))
    return Waited(among_few, among_all, restarts, decisions)


@contextlib.contextmanager
def ahead(realtime: bool) -> Iterator[None]:
    """What is measured runs before all others on the machine, if it is to: this process, and those that it starts."""
    if realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        if realtime:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextlib.contextmanager
def _running(launch: Launch, cores: Cores, folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with started(launch.command, cores.system, folder, log, launch.environment) as process:
        try:
            wait_until_listening(process, launch.port, 120)
            wait_until_listening(process, launch.admin_port, 120)
            yield process
            process.kill()
            process.wait()
        except (OSError, BenchError) as failed:
            raise BenchError(f"orchvynt: {failed}\nIts last words:\n{last_lines(log)}") from failed


def rows(found: Waited, begun: Begun, options: argparse.Namespace) -> list[Row]:
    of = found.restarts
    told = [
        _row(f"killed with {options.open:,} open: ready again", "s", [one.ready_s for one in of]),
        _row("… and the first chat answered", "s", chats := [one.chat_s for one in of], statistics.median(chats), CHAT_S_MAX),
        _row("… and the admin plane", "s", [one.admin_s for one in of]),
        _row("CPU time until the first chat", "s", [one.cpu_s for one in of]),
        _row("resident after the start", "MiB", [one.rss_mib for one in of]),
        _row("the most of it", "MiB", [one.peak_mib for one in of]),
    ]
    for count, pages_of, limit in ((min(options.few, options.open), found.few.ms, PAGE_MS_MAX), (options.open, found.many.ms, None)):
        told += [_row(f"among {count:,}: {name}", "ms", times, p99(times), limit) for name, times in pages_of.items()]
    for number, (what, times) in enumerate(found.decisions.items()):
        told.append(_row(what, "ms", times, p99(times), None if number == AT_ONCE else DECISION_MS_MAX))
    told.append(_row("first bytes of a stream, no gate", "ms", begun.without))
    told.append(_row("… a gate on flags that does not match", "ms", begun.gated, begun.ratio, FIRST_TOKEN_RATIO_MAX))
    return told


def _row(what: str, unit: str, values: Sequence[float], judged: float = 0.0, limit: float | None = None) -> Row:
    return Row(what, unit, statistics.median(values), p99(values), max(values), judged, limit)


def p99(values: Sequence[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def table(told: Sequence[Row]) -> str:
    head = f"{'':<52}{'p50':>9}{'p99':>9}{'max':>9}"
    return "\n".join([head, *(f"{one.what:<52}{one.p50:>9.2f}{one.p99:>9.2f}{one.worst:>9.2f} {one.unit:<4}{one.verdict}" for one in told)])


def say(text: str) -> None:
    print(f"{time.strftime('%X')} {text}", flush=True)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make open-reviews", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--open", type=int, default=100_000, help="reviews that wait at the restart (default 100,000)")
    parser.add_argument("--few", type=int, default=10_000, help="reviews that wait when the first pages are read (default 10,000)")
    parser.add_argument("--decided", type=int, default=2_000, help="reviews that are decided before that (default 2,000)")
    parser.add_argument("--pages", type=int, default=200, help="how often each page is read (default 200)")
    parser.add_argument("--restarts", type=int, default=7)
    parser.add_argument("--decisions", type=int, default=200, help="of each kind, and callers that are held at once (default 200)")
    parser.add_argument("--streams", type=int, default=2_000, help="pairs of streams (default 2,000)")
    parser.add_argument(
        "--realtime", action="store_true", help="the server before all others while it is measured (root): a neighbour's work stays out"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON file (default bench/results)")
    told = parser.parse_args(given)
    for name in ("open", "few", "decided", "pages", "restarts", "decisions", "streams"):
        if getattr(told, name) < 1:
            parser.error(f"--{name} is a number from 1 on")
    return told


def run(options: argparse.Namespace) -> bool:
    cores, date, facts, version = choose_cores(), datetime.now(UTC), report.machine(), orchvynt_version()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="bench-open-reviews-") as name:
        folder = Path(name)
        with ahead(options.realtime), mock_provider(folder, cores.load) as provider:
            say("streams with and without a gate")
            begun = first_tokens(folder, provider, cores, options.streams)
        with mock_provider(folder, cores.load) as provider:
            found = waited(folder, provider, cores, options)
    told = rows(found, begun, options)
    print(f"{facts['cpu']}, load average {facts['load_average_before']} before, {os.getloadavg()} after\n{table(told)}")
    print(f"CPU time: {found.few.cpu_ms:.2f} ms a page among few, {found.many.cpu_ms:.2f} among all")
    print(f"first bytes with the gate: {begun.ratio:.3f} of the time without, {begun.cpu_ratio:.3f} of the CPU time of a stream")
    content = {
        "machine": {**facts, "load_average_after": os.getloadavg()},
        "version": version,
        "settings": {name: value for name, value in vars(options).items() if name != "results"},
        "rows": [{**one._asdict(), "verdict": one.verdict} for one in told],
        "restarts": [one._asdict() for one in found.restarts],
        "page_cpu_ms": {"few": found.few.cpu_ms, "all": found.many.cpu_ms},
        "first_bytes": {"ratio": begun.ratio, "cpu_ratio": begun.cpu_ratio, "cpu_us": (begun.without_cpu_us, begun.gated_cpu_us)},
    }
    print(f"Written to {report.keep(options.results, date, '-open-reviews', content)}")
    return all(one.limit is None or one.judged < one.limit for one in told)


def main(given: Sequence[str] | None = None) -> int:
    try:
        return 0 if run(arguments(given)) else 1
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
