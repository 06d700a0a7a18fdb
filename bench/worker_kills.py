"""Several processes on one store, struck again and again while callers use up hard budgets: workers on SQLite, replicas on PostgreSQL.

`make worker-kills` runs it and writes a dated report into `results/`; `ARGS='--lives 10'` takes some minutes, `--on replicas` a part of
it. After each life all new records, all budgets and all arrivals at the provider are compared. Exit status 1: a promise broke.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from tests.support.fleet_lives import BUDGETS, PARALLEL, SCRIPT, FleetLives, Spent
from tests.support.fleets import Fleet, replicas, workers
from tests.support.policies import three_tiers
from tests.support.postgres import Server

from orchvynt.testing.scripted import ScriptedProvider

RESULTS = Path(__file__).parent / "results"
ABOUT: Final = (
    f"{PARALLEL} callers of all dialects without pause, half of them streams; the first model fails in most lives. Each life has a budget",
    "of its own that it uses up, and in most of them more is granted meanwhile; beside it one that begins anew each minute, those of runs,",
    "one that leads to another model, and one for each call that is clamped. After each life all new records, all budgets and all arrivals",
    "at the provider are compared, before the next one. From the records alone it is worked out what each account had settled and held at",
    "every instant: never more than its limit, by the provider's bills neither; each attempt settled or voided once, nobody refused while",
    "there was room with nothing in flight.\n",
)


@contextmanager
def four_workers(folder: Path, policy: str) -> Iterator[Fleet]:
    with workers(folder, policy, 4) as fleet:
        yield fleet


@contextmanager
def three_workers_on_postgresql(folder: Path, policy: str) -> Iterator[Fleet]:
    server = Server()
    try:
        with workers(folder, policy, 3, ("--store", server.fresh())) as fleet:
            yield fleet
    finally:
        server.close()


@contextmanager
def three_replicas(folder: Path, policy: str) -> Iterator[Fleet]:
    server = Server()
    try:
        with replicas(folder, policy, 3, server) as fleet:
            yield fleet
    finally:
        server.close()


FLEETS: Final = {
    "workers": ("4 workers on SQLite", four_workers),
    "replicas": ("3 replicas on PostgreSQL", three_replicas),
    "workers-postgresql": ("3 workers on PostgreSQL", three_workers_on_postgresql),
}


def report(of: dict[str, FleetLives], seed: int, broken: str) -> list[str]:
    """What was seen so far, in words."""
    all_lives = list(of.values())
    said = [
        f"# {sum(len(lives.spent) for lives in all_lives)} lives of several processes with budgets that are used up\n",
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, seed {seed}, "
        f"a load average of {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores.",
        *ABOUT,
        *([f"**Broken**: {broken}\n"] if broken else []),
        f"| | {' | '.join(of)} |\n|---|{'---|' * len(of)}",
    ]
    moments = {moment: words for lives in all_lives for moment, words in lives.fleet.said.items()}
    rows: dict[str, Callable[[FleetLives], str]] = {
        f"killed with `kill -9`: {words}": lambda lives, moment=moment: str(sum(one.moment == moment for one in lives.spent))  # type: ignore[misc]
        for moment, words in moments.items()
    }
    rows |= {
        "calls: answered, refused with 402": lambda lives: f"{lives.told[200]:,}, {lives.told[402]:,}",
        "cut off with their process; 503 while the store was away, or a model had failed": lambda lives: (
            f"{lives.cut:,}; {lives.told[503]:,}"
        ),
        "invocations on record": lambda lives: f"{lives.auditor.found.invocations:,}",
        "requests that reached the provider, each on record": lambda lives: f"{lives.auditor.found.arrivals:,}",
        "attempts, each settled or voided once": lambda lives: f"{lives.auditor.found.attempts:,}",
        "of them settled at a bound; voided": lambda lives: f"{lives.auditor.found.estimated:,}; {lives.auditor.found.voided:,}",
        "accounts that were worked out from the records": lambda lives: f"{lives.accounts.count:,}",
        "of a life's budget spent, by receipts: median, least": _shares(lambda one: one.settled),
        "by the provider's bills: median, least": _shares(lambda one: one.billed),
        "refused after a wait for holds or leases in vain, as long as its budget says": lambda lives: f"{lives.accounts.in_vain:,}",
        "limits passed, attempts forgotten or settled twice, refused with room left": lambda _: "see above" if broken else "0",
    }
    return [*said, *(f"| {what} | {' | '.join(map(figure, all_lives))} |" for what, figure in rows.items())]


def _shares(spent: Callable[[Spent], int]) -> Callable[[FleetLives], str]:
    def figure(lives: FleetLives) -> str:
        shares = [100 * spent(one) / one.limit for one in lives.spent]
        return f"{median(shares):.1f} %, {min(shares):.1f} %" if shares else ""

    return figure


def run(on: list[str], count: int, seed: int, path: Path) -> bool:
    """Life after life on each; the report is written anew after each tenth."""
    of: dict[str, FleetLives] = {}
    for name in on:
        words, fleet_of = FLEETS[name]
        with (
            tempfile.TemporaryDirectory() as folder,
            ScriptedProvider(SCRIPT) as provider,
            fleet_of(Path(folder), three_tiers(provider, BUDGETS, tiers="gpt-4o, claude")) as fleet,
        ):
            lives = of[words] = FleetLives(fleet, provider, seed)
            moments, broken = list(fleet.said), ""
            for number in range(count):
                moment = moments[number % len(moments)]
                try:
                    lives.live(number, moment)
                except AssertionError as error:
                    broken = f"{words}, in life {number} ({moment}): {error}"
                if broken or number % 10 == 9 or number == count - 1:
                    path.write_text("\n".join(report(of, seed, broken)) + "\n")
                if broken:
                    return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Several processes are struck while budgets are used up, again and again.")
    parser.add_argument("--lives", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", choices=FLEETS, action="append", help="all, unless told")
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    on = asked.on or list(FLEETS)
    path = RESULTS / f"worker-kills-{'-'.join(on)}-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    kept = run(on, asked.lives, asked.seed, path)
    print(path.read_text())
    print(f"written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
