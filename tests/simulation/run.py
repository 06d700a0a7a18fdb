"""`make simulate`: many seeds over the cores, with progress, and a dated report; or one seed, with its trace."""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Final

from tests.simulation.draw import draw
from tests.simulation.planted import PLANTED
from tests.simulation.playing import play
from tests.simulation.process import Rules
from tests.simulation.report import commit, page
from tests.simulation.trace import trace

REPORTS: Final = Path(__file__).parents[2] / "docs" / "reports"
SEEDS: Final = 10_000
PLANTED_SEEDS_MOST: Final = 60
_TOLD_EVERY_SECONDS: Final = 10.0
_FAILURES_TOLD_MOST: Final = 20

Outcome = tuple[int, list[tuple[str, str]], Counter[str]]


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many (default {SEEDS:,})")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--minutes", type=float, default=1_440.0, help="stop after so long, however many were played")
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count(), help="processes (default: one for each core)")
    parser.add_argument("--report", type=Path, default=REPORTS, metavar="FOLDER", help="where the page goes (default docs/reports)")
    parser.add_argument("--no-report", action="store_true", help="only say what was found")
    parser.add_argument(
        "--as-served", action="store_true", help="count no steps, plant no bugs, write no page: from compiled classes nothing can inherit"
    )
    parser.add_argument("--seed", type=int, help="play this one, and print its trace")
    return parser.parse_args(given)


@cache
def _rules() -> Rules:
    return Rules()


def outcome(seed: int, watches: bool = True) -> Outcome:
    played = play(seed, _rules(), watches=watches)
    return seed, [(one.rule, one.text) for one in played.violations], played.counted


def one(seed: int) -> int:
    played = play(seed, _rules())
    for line in trace(draw(seed), played.timeline):
        print(line)
    for broken in played.violations:
        print(f"\nseed {seed} breaks `{broken.rule}`: {broken.text}")
    return 1 if played.violations else 0


def planted() -> list[tuple[str, str, int]]:
    """Each planted bug, the rule that has to find it, and after how many seeds it did; 0 if it did not."""
    found = []
    for bug in PLANTED:
        taken = next((seed + 1 for seed in range(PLANTED_SEEDS_MOST) if _finds(seed, bug.caught_by, PLANTED.index(bug))), 0)
        print(f"planted: {bug.name}: {f'found after {taken} seeds' if taken else 'NOT FOUND'}", flush=True)
        found.append((bug.name, bug.caught_by, taken))
    return found


def _finds(seed: int, rule: str, number: int) -> bool:
    return any(broken.rule == rule for broken in play(seed, _rules(), PLANTED[number]).violations)


def many(
    first: int, seeds: int, workers: int, minutes: float, watches: bool = True
) -> tuple[int, Counter[str], list[tuple[int, str, str]]]:
    """How many were played, what they reached, and what broke."""
    counted: Counter[str] = Counter()
    failures: list[tuple[int, str, str]] = []
    begun = told = time.monotonic()
    done, play_one = 0, partial(outcome, watches=watches)
    with multiprocessing.Pool(workers) as pool:
        for done, (seed, broken, reached) in enumerate(pool.imap_unordered(play_one, range(first, first + seeds), chunksize=8), 1):
            counted += reached
            failures += [(seed, rule, text) for rule, text in broken]
            if broken and len({seed for seed, _, _ in failures}) <= _FAILURES_TOLD_MOST:
                rule, text = broken[0]
                print(f"seed {seed} breaks `{rule}`: {text.strip()[-600:]}\n  repeat it: make simulate ARGS='--seed {seed}'", flush=True)
            now = time.monotonic()
            if now - told >= _TOLD_EVERY_SECONDS or done == seeds:
                told = now
                rate = done / max(now - begun, 0.001)
                lives = f"{counted['lives']:,} lives, {counted['kills']:,} kills"
                print(f"{done:,} of {seeds:,} seeds, {lives}, {rate:.0f} seeds a second, {len(failures)} violations", flush=True)
            if now - begun >= minutes * 60:
                break
    return done, counted, failures


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    if options.seed is not None:
        return one(options.seed)
    begun, started, at = datetime.now(UTC), time.monotonic(), commit()
    played, counted, failures = many(options.first, options.seeds, options.workers, options.minutes, not options.as_served)
    caught = [] if options.as_served else planted()
    if not options.no_report and not options.as_served:
        options.report.mkdir(parents=True, exist_ok=True)
        path = options.report / f"simulate-{begun:%Y-%m-%dT%H%M%SZ}.md"
        seeds = (options.first, options.first + played)
        path.write_text(page(begun, at, seeds, time.monotonic() - started, counted, failures, caught), encoding="utf-8")
        print(f"Written to {path}")
    return 1 if failures or not all(taken for _, _, taken in caught) else 0


if __name__ == "__main__":
    sys.exit(main())
