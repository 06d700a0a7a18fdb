"""Hundreds of `kill -9` under load, at planted moments and at any: after each, nothing over, nothing forgotten, nothing twice.

`make kills` runs it and writes a dated report into `results/`. It takes some minutes; `ARGS='--kills 50'` less. Everything is read from the
provider's own ledger and the admin plane, after each life. Exit status 1: a promise broke.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from tests.support.killing import MOMENTS, PARALLEL, SCRIPT, Lives

from orchvynt.testing.scripted import ScriptedProvider

RESULTS = Path(__file__).parent / "results"
SAID: Final = {
    "any": "at any moment of 0.6 s",
    "journal": "as the journal grows for the 1st to 59th time",
    "arrival": "as the 1st to 59th request reaches the provider",
    "billed": "as the provider writes its 1st to 59th bill, before the last bytes of that answer",
    "first bytes": "up to 20 ms after a caller got the first bytes of an answer",
}


ABOUT: Final = (
    f"{PARALLEL} callers of all dialects without pause, half of them streams; in most lives the first model fails, answers 429 or is",
    "cut a few times. SQLite and journal as users have them. After each life all new records, all arrivals at the provider and all",
    "budgets are compared, before the next one.\n",
)


def report(lives: Lives, broken: str) -> list[str]:
    """What was seen so far, in words."""
    found = lives.auditor.found
    said = [
        f"# {len(lives.restarts)} times `kill -9` under load\n",
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, one process, "
        f"a load average of {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores.",
        *ABOUT,
        *([f"**Broken**: {broken}\n"] if broken else []),
        "| killed | times | serving again after, median | at most |\n|---|---|---|---|",
    ]
    for moment in MOMENTS:
        took = [one.serving_s for one in lives.restarts if one.moment == moment]
        if took:
            said.append(f"| {SAID[moment]} | {len(took)} | {median(took):.2f} s | {max(took):.2f} s |")
    return [
        *said,
        "\n| | |\n|---|---|",
        f"| invocations on record | {found.invocations:,} |",
        f"| requests that reached the provider, each on record | {found.arrivals:,} |",
        f"| attempts, each settled or voided once | {found.attempts:,} |",
        f"| of them settled at a bound, because nobody learnt their outcome | {found.estimated:,} |",
        f"| of them voided | {found.voided:,} |",
        f"| tokens billed by the provider | {found.billed_tokens:,} |",
        f"| tokens settled, by the receipts and by the budgets | {found.settled_tokens:,} |",
        f"| budgets passed, holds left open, attempts forgotten or settled twice | {'see above' if broken else '0'} |",
    ]


def run(kills: int, seed: int, path: Path) -> bool:
    """Life after life; the report is written anew after each tenth, so that whoever ends this early has one."""
    with tempfile.TemporaryDirectory() as folder, ScriptedProvider(SCRIPT) as provider:
        lives = Lives(Path(folder), provider, seed)
        with lives.server:
            broken = ""
            for number in range(kills):
                moment = MOMENTS[number % len(MOMENTS)]
                try:
                    lives.live(number, moment)
                except AssertionError as error:
                    broken = f"after life {number} ({moment}): {error}"
                if broken or number % 10 == 9 or number == kills - 1:
                    path.write_text("\n".join(report(lives, broken)) + "\n")
                if broken:
                    break
    return not broken


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9, again and again.")
    parser.add_argument("--kills", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"kills-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    kept = run(asked.kills, asked.seed, path)
    print(path.read_text())
    print(f"written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
