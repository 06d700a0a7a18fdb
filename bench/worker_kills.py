"""Hundreds of `kill -9` of workers under load: one of them, the one that answers operators, all at once, or their parent; and replacements.

`make worker-kills` runs it, on SQLite and on PostgreSQL, and writes a dated report into `results/`; `ARGS='--lives 10'` takes some
minutes. After each life all new records and all arrivals at the provider are compared. Exit status 1: a promise broke.
"""

import argparse
import asyncio
import os
import platform
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.support.auditing import Auditor
from tests.support.policies import three_tiers
from tests.support.postgres import Server
from tests.support.workers import CALLERS, Working, calling, until

from orchvynt.testing.scripted import ScriptedProvider

RESULTS = Path(__file__).parent / "results"
WORKERS: Final = 3
MOMENTS: Final = ("one", "leader", "replaced", "all", "parent")
SAID: Final = {
    "one": "one worker",
    "leader": "the worker that answers operators",
    "replaced": "none; all are replaced (SIGHUP)",
    "all": "all workers at once",
    "parent": "the parent, which workers outlive by a drain",
}
ANSWER: Final = "A ledger is a book that never forgets what was written into it."
SCRIPT: Final = {"answers": [{"text": ANSWER, "latency": "15ms", "frames": 4, "frame_interval": "8ms"}]}


class Lives:
    """One server of several workers over many lives, and one provider over all of them."""

    def __init__(self, folder: Path, provider: ScriptedProvider, seed: int, store: tuple[str, ...]) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - moments, not secrets
        self.server = Working(folder, three_tiers(provider), arguments=("--workers", str(WORKERS), *store))
        self.auditor = Auditor(self.server, provider)
        self.lived: Counter[str] = Counter()
        self.calls = self.cut = 0

    def live(self, number: int, moment: str) -> None:
        """Load, the moment, until all serve again, and the audit of all that was new."""
        told = asyncio.run(calling(self.server, 100_000 * number, lambda: self._strike(moment)))
        self.server.serving(WORKERS)
        self.lived[moment] += 1
        self.calls += len(told)
        cut = sum(not one.whole for one in told)
        self.cut += cut
        assert moment != "replaced" or not cut, f"{cut} calls were not answered while workers were replaced"
        assert moment == "parent" or all(one.status in (0, 200) for one in told), "a call was refused"
        self.auditor.audit_records(told)

    async def _strike(self, moment: str) -> None:
        server = self.server
        before = set(server.serving(WORKERS))
        leader = server.leader()
        await asyncio.sleep(self.chance.random())
        struck = {
            "one": {self.chance.choice(sorted(before - {leader}))},
            "leader": {leader},
            "all": before,
        }.get(moment, set())
        for pid in struck:
            os.kill(pid, signal.SIGKILL)
        if moment == "replaced":
            server.replace()
            struck = before
        if moment == "parent":
            server.kill()
            # Who finishes what is open lets go of the port last.
            await asyncio.to_thread(until, lambda: not any(map(_is_there, before)))
            await asyncio.to_thread(server.start)
        await asyncio.to_thread(until, lambda: not struck & set(server.serving(WORKERS)))


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def report(of: dict[str, Lives], broken: str) -> list[str]:
    said = [
        f"# {sum(sum(lives.lived.values()) for lives in of.values())} lives of a server of {WORKERS} workers\n",
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, "
        f"a load average of {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores.",
        f"{CALLERS} callers of all dialects without pause, half of them streams. After each life all new records and all arrivals at the",
        "provider are compared, before the next one.\n",
        *([f"**Broken**: {broken}\n"] if broken else []),
        f"| | {' | '.join(of)} |\n|---|{'---|' * len(of)}",
    ]
    rows = {f"killed with `kill -9`: {SAID[moment]}": [lives.lived[moment] for lives in of.values()] for moment in MOMENTS}
    rows["calls"] = [lives.calls for lives in of.values()]
    rows["of them cut off with their worker"] = [lives.cut for lives in of.values()]
    rows["invocations on record"] = [lives.auditor.found.invocations for lives in of.values()]
    rows["requests that reached the provider, each on record"] = [lives.auditor.found.arrivals for lives in of.values()]
    rows["attempts, each settled or voided once"] = [lives.auditor.found.attempts for lives in of.values()]
    rows["of them settled at a bound"] = [lives.auditor.found.estimated for lives in of.values()]
    rows["of them voided"] = [lives.auditor.found.voided for lives in of.values()]
    return [*said, *(f"| {what} | {' | '.join(f'{figure:,}' for figure in figures)} |" for what, figures in rows.items())]


def run(lives: int, seed: int, path: Path) -> bool:
    """Life after life on each store; the report is written anew after each tenth."""
    of: dict[str, Lives] = {}
    broken = ""
    for name in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory() as folder, ScriptedProvider(SCRIPT) as provider, ExitStack() as ends:
            server = Server() if name == "PostgreSQL" else None
            if server is not None:
                ends.callback(server.close)
            one = of[name] = Lives(Path(folder), provider, seed, ("--store", server.fresh()) if server is not None else ())
            with one.server:
                for number in range(lives):
                    moment = MOMENTS[number % len(MOMENTS)]
                    try:
                        one.live(number, moment)
                    except AssertionError as error:
                        broken = f"{name}, after life {number} ({moment}): {error}"
                    if broken or number % 10 == 9 or number == lives - 1:
                        path.write_text("\n".join(report(of, broken)) + "\n")
                    if broken:
                        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 of workers, again and again.")
    parser.add_argument("--lives", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"worker-kills-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    kept = run(asked.lives, asked.seed, path)
    print(path.read_text())
    print(f"written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
