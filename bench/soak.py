"""An hour of mixed load on one real `orchvynt serve`: does anything grow that should not?

`make soak` runs it and writes a dated report into `results/`; `ARGS='--minutes 10'` less. Callers of every dialect meet a policy that uses
everything (`soak_policy.py`, `soak_callers.py`), while people decide, operators apply policies and ask, and messages are taken
(`soak_staff.py`). Wanted: memory is flat, nothing is left open in the end, and nobody is told what they should not be.
`--objects` also tells which objects became more, `--lines` which lines allocated them. Exit status 1: something of it does not hold.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from processes import BenchError, last_lines, started, wait_until_listening
from soak_callers import Callers
from soak_policy import ENVIRONMENT, EXPIRES_S, SCRIPT, policy
from soak_staff import Receiver, Staff
from soak_watch import Sample, sample, trend
from systems import HERE, Launch, orchvynt_version, serve

from orchvynt.testing.scripted import ScriptedProvider

MOVED_MAX: Final = 0.05
ROWS: Final = 25
# What is over: reviews expire, retries end, connections are let go.
REST_S_MAX: Final = 90.0 + EXPIRES_S


class Soaked(NamedTuple):
    """`left` is what the server said of its open work in the end, where that was not nothing."""

    samples: list[Sample]
    calls: Counter[tuple[str, int]]
    work: Counter[tuple[str, int]]
    unexpected: list[str]
    messages: int
    left: str
    grown: list[str]


def run(options: argparse.Namespace, say: Callable[[str], None]) -> Soaked:
    with (
        tempfile.TemporaryDirectory(prefix="bench-soak-") as name,
        ScriptedProvider(SCRIPT) as provider,
    ):
        return asyncio.run(_soak(Path(name), provider, options, say))


async def _soak(folder: Path, provider: ScriptedProvider, options: argparse.Namespace, say: Callable[[str], None]) -> Soaked:
    receiver = Receiver(options.seed)
    hooks = await receiver.start()
    launch = serve(folder, policy(provider, receiver.port, 0), ENVIRONMENT)
    objects = folder / "objects.jsonl"
    log = folder / "output.log"
    with _running(launch, folder, log, objects, options) as pid:
        staff = Staff(launch.admin_port, lambda turn: policy(provider, receiver.port, turn), options.seed)
        await staff.begin()
        callers = Callers(launch.port, staff.secrets, options.seed)
        at_work = staff.start()
        until = asyncio.get_running_loop().time() + options.minutes * 60
        watching = asyncio.ensure_future(_watch(pid, folder / "bench.db", options.minutes * 60, say))
        await callers.go_on(options.rate, until)
        samples = await watching
        left = await _rest(staff)
        for task in at_work:
            task.cancel()
        hooks.close()
    return Soaked(samples, callers.seen, staff.seen, callers.unexpected + staff.unexpected, receiver.taken, left, _grown(objects))


@contextmanager
def _running(launch: Launch, folder: Path, log: Path, objects: Path, options: argparse.Namespace) -> Iterator[int]:
    command = list(launch.command)
    if options.objects or options.lines:
        command[1:3] = [str(HERE / "soak_objects.py"), str(objects), str(max(10.0, options.minutes * 2)), str(int(options.lines))]
    with started(command, None, folder, log, launch.environment) as process:
        try:
            for port in (launch.port, launch.admin_port):
                wait_until_listening(process, port, 120)
            yield process.pid
        except (OSError, BenchError) as failed:
            raise BenchError(f"orchvynt: {failed}\nIts last words:\n{last_lines(log)}") from failed


async def _watch(pid: int, store: Path, seconds: float, say: Callable[[str], None]) -> list[Sample]:
    began, samples = time.monotonic(), []
    every_s = min(10.0, seconds / 60)
    for number in range(round(seconds / every_s) + 1):
        await asyncio.sleep(max(0.0, began + number * every_s - time.monotonic()))
        samples.append(sample(pid, store, began))
        if number % 30 == 0:
            say(_told(samples[-1]))
    return samples


async def _rest(staff: Staff) -> str:
    """Waits until nothing is open any more; → what still is."""
    until = time.monotonic() + REST_S_MAX
    while True:
        told = await staff.status()
        left = {name: told[name] for name in ("invocations_open", "streams_open", "reviews_open", "holds_waiting") if told[name]}
        if not left or time.monotonic() > until:
            return ", ".join(f"{name}: {count}" for name, count in left.items())
        await asyncio.sleep(1)


def _grown(objects: Path) -> list[str]:
    """What became more from the second telling to the last one, the most first: the first one is of what had just begun."""
    if not objects.exists():
        return []
    told: list[dict[str, Any]] = [json.loads(line) for line in objects.read_text().splitlines()]
    if len(told) < 3:
        return []
    early, late = told[1], told[-1]
    types = {name: count - early["types"].get(name, 0) for name, count in late["types"].items()}
    lines = {name: size - early.get("lines", {}).get(name, [0])[0] for name, (size, _) in late.get("lines", {}).items()}
    said = [f"{name}: {more:+,}" for name, more in _most(types)]
    said += [f"{name}: {count:,} in circles that the collector had to find last" for name, count in _most(late["circles"])]
    return said + [f"{name}: {more / 1024:+,.0f} KiB" for name, more in _most(lines)]


def _most(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    return [item for item in sorted(counted.items(), key=lambda item: -item[1])[:ROWS] if item[1] > 0]


def _told(one: Sample) -> str:
    return (
        f"| {one.at_s / 60:.0f} | {one.rss_mib:.1f} | {one.anonymous_mib:.1f} | {one.others_mib:.0f} | {one.descriptors} | {one.threads} "
        f"| {one.store_mib:.0f} | {one.log_mib:.0f} | {one.journal_mib:.1f} | {one.cpu_s:.0f} |"
    )


HEAD: Final = (
    "| minute | RSS MiB | of it anonymous | other processes | descriptors | threads | store MiB | its log | journal | CPU s |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def report(found: Soaked, say: Callable[[str], None]) -> bool:
    """Says what was found and whether it is what is wanted."""
    calls = sum(found.calls.values())
    rss = trend(found.samples, lambda one: one.rss_mib)
    descriptors = trend(found.samples, lambda one: one.descriptors)
    verdicts = [
        (f"resident memory over the last four fifths: {rss.first:.1f} to {rss.last:.1f} MiB, {rss.moved:+.1%}", abs(rss.moved) < MOVED_MAX),
        (f"open in the end: {found.left or 'nothing'}", not found.left),
        (f"answers that nobody should get: {len(found.unexpected)}", not found.unexpected),
    ]
    say(f"\n{calls:,} calls, {found.messages:,} messages taken; descriptors {descriptors.first:.0f} to {descriptors.last:.0f}.\n")
    say("| wanted | |\n|---|---|")
    for words, holds in verdicts:
        say(f"| {words} | {'holds' if holds else '**MISSED**'} |")
    say("\n| calls | told, by status |\n|---|---|")
    _table(found.calls, say)
    say("\n| beside them | |\n|---|---|")
    _table(found.work, say)
    for title, lines in (("Unexpected", found.unexpected), ("Became more", found.grown)):
        if lines:
            say(f"\n## {title}\n")
            for line in lines:
                say(f"- {line}")
    return all(holds for _, holds in verdicts)


def _table(counted: Counter[tuple[str, int]], say: Callable[[str], None]) -> None:
    for name in dict.fromkeys(sorted(name for name, _ in counted)):
        told = ", ".join(f"{status}: {count:,}" for (of, status), count in sorted(counted.items()) if of == name)
        say(f"| {name} | {told} |")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=60.0, help="calls a second (default 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--objects", action="store_true", help="count the server's objects by their type")
    parser.add_argument("--lines", action="store_true", help="and what each of its lines has allocated: at half the speed")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the report (default bench/results)")
    told = parser.parse_args(given)
    if told.minutes <= 0 or told.rate <= 0:
        parser.error("--minutes and --rate are above 0")
    return told


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"soak-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"

    def say(line: str) -> None:
        """At once, so that whoever ends this early has that much."""
        print(line, flush=True)
        with path.open("a") as file:
            file.write(line + "\n")

    say(f"# {options.minutes:g} minutes of mixed load\n")
    say(f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, OrchVynt {orchvynt_version()}, SQLite, Python {platform.python_version()},")
    say(f"{options.rate:g} calls a second, {platform.machine()}, a load average of {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores.")
    say(f"Statuses: 0 is an answer that broke off and said so, 1 a caller that left. `make soak` runs it again.\n\n{HEAD}")
    try:
        kept = report(run(options, say), say)
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"Written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
