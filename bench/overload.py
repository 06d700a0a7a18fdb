"""Five times as many requests as one process on one core can carry: how many are still answered well, how soon, and who else is answered.

`make overload` finds the peak first (the best of several numbers of callers, each of whom asks anew once it was answered), then sends five
times as many at even distances, whatever becomes of them, and asks for health and status meanwhile. It checks what is promised and writes a
dated report into `results/`. Exit status 1: a promise was broken.

Answered well is a right answer within a second of when its request was due. A core that others use too is not all ours: counted is by the
seconds in which it ran this process or nobody.
"""

import argparse
import http.client
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from measure import Load, Told, first_answer, mock_provider
from processes import TICKS_PER_SECOND, BenchError, Cores, choose_cores, memory_mib, session_ns, started, wait_until_listening
from systems import ADMIN_TOKEN, Launch, orchvynt_version, serve
from workloads import WORKLOADS, body, request, standard

RESULTS = Path(__file__).parent / "results"
TIMES: Final = 5
GOOD_SHARE: Final = 0.9
PATIENCE_MS: Final = 1_000
ASKED_S_MAX: Final = 5.0
CALLERS: Final = (64, 256)
Row = tuple[str, str, bool | None]


@dataclass(frozen=True)
class Part:
    """One stretch of load. `core_seconds` are those in which the core ran this process or nobody."""

    told: Told
    seconds: float
    core_seconds: float

    @property
    def good(self) -> float:
        """Answered well, a second of the core."""
        return self.told.requests / self.core_seconds


@dataclass
class Asked:
    """How long health and status took, in seconds, while the load ran, and what was wrong."""

    took: dict[str, list[float]] = field(default_factory=lambda: {"health": [], "status": []})
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Round:
    """The same process at its peak and under five times of that."""

    peak: Part
    over: Part
    asked: Asked
    memory_mib: tuple[float, float]

    @property
    def share(self) -> float:
        return self.over.good / self.peak.good


def idle_seconds(core: int) -> float:
    """For how long this core had nothing to do since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            return (int(ticks[3]) + int(ticks[4])) / TICKS_PER_SECOND
    raise BenchError(f"/proc/stat has no line of core {core}.")


def part(load: Load, pid: int, core: int, callers: int, seconds: float, rate: float = 0.0) -> Part:
    ran, idle = session_ns(pid)[0], idle_seconds(core)
    told = load.run(callers, seconds, rate, PATIENCE_MS)
    return Part(told, seconds, (session_ns(pid)[0] - ran) / 1e9 + idle_seconds(core) - idle)


@contextmanager
def asking(launch: Launch) -> Iterator[Asked]:
    """Health and status are asked for in turn, each time on a connection of its own, as long as this lasts."""
    asked, over = Asked(), threading.Event()
    places = {
        "health": (launch.port, "/health/ready", {}),
        "status": (launch.admin_port, "/api/v1/status", {"authorization": f"Bearer {ADMIN_TOKEN}"}),
    }

    def ask() -> None:
        while not over.wait(0.1):
            for name, (port, path, headers) in places.items():
                begun = time.monotonic()
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                try:
                    connection.request("GET", path, headers=headers)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != 200:
                        asked.wrong.append(f"{name}: {answer.status}")
                except OSError as error:
                    asked.wrong.append(f"{name}: {error}")
                finally:
                    connection.close()
                asked.took[name].append(time.monotonic() - begun)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def run(cores: Cores, seconds: float, callers: int, rounds: int, say: Callable[[str], None]) -> list[Round]:
    with tempfile.TemporaryDirectory(prefix="bench-overload-") as name:
        folder = Path(name)
        with mock_provider(folder, cores.load) as provider:
            launch = serve(folder, standard(provider.upstream))
            with started(launch.command, cores.system, folder, folder / "output.log", launch.environment) as process:
                wait_until_listening(process, launch.port, launch.start_seconds_max)
                wait_until_listening(process, launch.admin_port, launch.start_seconds_max)
                load = Load(provider.load_program, launch.port, cores.load, request(launch, body(WORKLOADS["chat-1k"], "gpt-4o")))
                first_answer(load, 20.0)
                part(load, process.pid, cores.system, CALLERS[0], min(seconds, 3.0))
                done = []
                for number in range(rounds):
                    peak = max((part(load, process.pid, cores.system, each, seconds) for each in CALLERS), key=lambda one: one.good)
                    before = memory_mib(process.pid)
                    with asking(launch) as asked:
                        over = part(load, process.pid, cores.system, callers, 3 * seconds, TIMES * peak.told.requests / peak.seconds)
                    one = Round(peak, over, asked, (before, memory_mib(process.pid)))
                    done.append(one)
                    say(
                        f"<!-- round {number + 1}: {one.peak.good:,.0f} a core second at the peak, {one.over.good:,.0f} under"
                        f" {TIMES} times of it ({one.share:.0%}); {over.told.refused:,} refused, {over.told.late:,} late,"
                        f" {over.told.unsent:,} not sent -->"
                    )
                    time.sleep(3.0)
                return done


def rows(rounds: list[Round]) -> list[Row]:
    """What was measured, in words, and whether it keeps the promise; None where nothing is promised."""

    def middle(of: Callable[[Round], float]) -> float:
        return statistics.median(of(one) for one in rounds)

    share = middle(lambda one: one.share)
    slowest = {name: max(max(one.asked.took[name]) for one in rounds) for name in ("health", "status")}
    wrong = [said for one in rounds for said in one.asked.wrong]
    return [
        ("answered well at the peak, a second of the core", f"{middle(lambda one: one.peak.good):,.0f}", None),
        (f"answered well at {TIMES} times the peak, a second of the core", f"{middle(lambda one: one.over.good):,.0f}", None),
        ("share of the peak", f"{share:.1%}", share >= GOOD_SHARE),
        (
            "p50 and p99 of them",
            f"{middle(lambda r: r.over.told.p50_us) / 1e3:,.0f} and {middle(lambda r: r.over.told.p99_us) / 1e3:,.0f} ms",
            None,
        ),
        ("refused with `retry-after`, a second", f"{middle(lambda one: one.over.told.refused / one.over.seconds):,.0f}", None),
        ("answered later than in a second, a second", f"{middle(lambda one: one.over.told.late / one.over.seconds):,.0f}", None),
        ("not sent, as no connection was free, a second", f"{middle(lambda one: one.over.told.unsent / one.over.seconds):,.0f}", None),
        ("slowest answer of `/health/ready` meanwhile", f"{slowest['health'] * 1e3:,.0f} ms", slowest["health"] <= ASKED_S_MAX),
        ("slowest answer of the admin port's status meanwhile", f"{slowest['status'] * 1e3:,.0f} ms", slowest["status"] <= ASKED_S_MAX),
        ("health or status not answered", f"{len(wrong)}{': ' + wrong[0] if wrong else ''}", not wrong),
        (
            "resident memory before and after",
            " and ".join(f"{middle(lambda one, at=at: one.memory_mib[at]):,.0f} MiB" for at in (0, 1)),  # type: ignore[misc]
            None,
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Five times as many requests as can be carried.")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of each stretch up to the peak; the overload lasts for three times as long"
    )
    parser.add_argument("--callers", type=int, default=4_000, help="connections of the overload")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    say(f"# {TIMES} times what one core can carry\n")
    at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    say(f"{at}, {orchvynt_version()}, Python {platform.python_version()}, {platform.machine()}.")
    say(f"Chats of 1 KB, all four primitives, journal and metrics on; {asked.rounds} rounds in one process, medians;")
    say(f"{asked.seconds:g} s for each look for the peak, {3 * asked.seconds:g} s of overload.")
    say(f"The overload comes at even distances over {asked.callers:,} connections; nobody waits as told. `make overload` runs it again.\n")
    found = rows(run(choose_cores(), asked.seconds, asked.callers, asked.rounds, say))
    say("\n| | | promise |\n|---|---|---|")
    for what, value, good in found:
        say(f"| {what} | {value} | {'' if good is None else 'kept' if good else '**broken**'} |")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"overload-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    path.write_text("\n".join([*lines, ""]))
    print(f"written to {path}")
    return 0 if all(good is not False for _, _, good in found) else 1


if __name__ == "__main__":
    sys.exit(main())
