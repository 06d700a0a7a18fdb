"""What budgets cost: the time of one hold and its receipt, and the memory of a million subjects. `make budgets-bench`.

Of the time, all that a policy's budgets take is measured: which windows it is, the lines, the size, the hold and the receipt, on five
nested budgets (a month, a day, an hour, and two lifetimes). Each round makes 100 holds; the median round counts, and the best
stands beside it, because a neighbour on the machine makes rounds longer and none shorter. Memory is that of a child process, as the
system sees it. Exits 1 when a figure is above what it owes.
"""

import argparse
import gc
import itertools
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import report
from systems import HERE, orchvynt_version

from orchvynt.decisions.budgets.application import lines
from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.needs import Fits, Need
from orchvynt.decisions.budgets.sizing import size
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.lifecycle.settling import consumed
from orchvynt.model.money import Price
from orchvynt.model.usage import Usage

HOLD_US_MAX = 15.0
SUBJECT_BYTES_MAX = 400
SLOWER_MAX = 1.25
"""With many subjects: their accounts are out of the processor's caches, and no more."""
SUBJECTS = 1_000_000
ROUNDS = 300
NOW = 1_795_000_000_000_000_000
LIMITS = Limits(nanos=10**15, tokens=10**12)
ZONE = "Europe/Berlin"
PRICE = Price(2_000_000, 8_000_000, 0, "bench")
ASKED = Need(200, 100, 4_096, 4_096, PRICE, calls=1)
OPEN = Need(200, None, 4_096, 4_096, PRICE, calls=1)
USED = Usage(180, 60)


def nested() -> tuple[Budget, ...]:
    return (
        Budget("company", "global", None, "month", LIMITS, timezone=ZONE),
        Budget("workflow", "workflow", None, "day", LIMITS, timezone=ZONE),
        Budget("agent", "agent", None, "hour", LIMITS, timezone=ZONE),
        Budget("run", "run", None, "lifetime", LIMITS, timezone=ZONE),
        Budget("call", "invocation", None, "lifetime", LIMITS, timezone=ZONE),
    )


class Bank:
    """One ledger, and holds on it that each come with an id of their own."""

    def __init__(self, budgets: Sequence[Budget]) -> None:
        self.budgets = budgets
        self.ledger = Ledger()
        self.ids = itertools.count()

    def hold_and_settle(self, subject: str, need: Need) -> None:
        applied = [Applied(number, subject) for number in range(len(self.budgets))]
        attempt = f"att_{next(self.ids)}"
        on = lines(self.budgets, applied, "gpt-4o", NOW)
        fits = size(need, on, self.ledger)
        assert isinstance(fits, Fits)
        reserved = self.ledger.place(attempt, on, fits.nanos, fits.tokens, fits.output_tokens or 0, need.calls)
        assert isinstance(reserved, tuple)
        self.ledger.release(attempt, consumed(reserved, 900_000, USED), NOW)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """The best and the median round, in microseconds of the processor a call."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        for _ in range(100):
            work()
        found.append((time.process_time_ns() - began) / 100_000)
    found.sort()
    return found[0], found[ROUNDS // 2]


def among(subjects: int) -> tuple[float, float]:
    """A hold on a budget of so many subjects, each asked for in turn."""
    bank = Bank([Budget("by-customer", "workflow", None, "day", LIMITS, timezone=ZONE)])
    for number in range(subjects):
        bank.hold_and_settle(f"customer-{number:08}", ASKED)
    turn = itertools.cycle(range(0, max(1, subjects), 97)) if subjects else itertools.repeat(0)
    return timed(lambda: bank.hold_and_settle(f"customer-{next(turn):08}", ASKED))


def remember(kind: str) -> None:
    """In a process of its own: prints the bytes that each subject takes."""
    budget = {
        "day": Budget("by-customer", "workflow", None, "day", LIMITS, timezone=ZONE),
        "lifetime": Budget("by-customer", "workflow", None, "lifetime", LIMITS),
    }[kind]
    bank = Bank([budget])
    bank.hold_and_settle("customer-first", ASKED)
    gc.collect()
    before = _resident_bytes()
    for number in range(SUBJECTS):
        bank.hold_and_settle(f"customer-{number:08}", ASKED)
    gc.collect()
    print((_resident_bytes() - before) // SUBJECTS)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="budgets-bench", description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON file (default bench/results)")
    parser.add_argument("--remember", choices=("day", "lifetime"), help=argparse.SUPPRESS)
    return parser.parse_args(given)


def run(options: argparse.Namespace) -> bool:
    facts, begun = report.machine(), datetime.now(UTC)
    gc.set_threshold(50_000, 20, 50)  # as `orchvynt serve` does
    found: dict[str, dict[str, float | int | bool]] = {}
    bank = Bank(nested())
    for name, need in (("hold and settle, the caller gave a limit", ASKED), ("hold and settle, no limit was given", OPEN)):
        best, median = timed(partial(bank.hold_and_settle, "docs", need))
        found[name] = {"best_us": best, "median_us": median, "holds": need is OPEN or median <= HOLD_US_MAX}
    _, alone = among(0)
    for subjects in (10_000,):
        best, median = among(subjects)
        found[f"one budget, {subjects:,} subjects"] = {"best_us": best, "median_us": median, "holds": median <= alone * SLOWER_MAX}
    found["one budget, one subject"] = {"median_us": alone, "holds": True}
    for kind in ("day", "lifetime"):
        child = subprocess.run([sys.executable, __file__, "--remember", kind], check=True, capture_output=True, text=True)
        each = int(child.stdout)
        found[f"a million subjects, {kind}"] = {"bytes_each": each, "holds": each <= SUBJECT_BYTES_MAX}
    print(f"{facts['cpu']}, load average {facts['load_average_before']}")
    for name, told in found.items():
        figures = "  ".join(f"{key} {value:,.1f}" for key, value in told.items() if key != "holds")
        print(f"{name:<45}{figures:<40}{'holds' if told['holds'] else 'MISSED'}")
    content = {"machine": facts, "version": orchvynt_version(), "hold_us_max": HOLD_US_MAX, "subject_bytes_max": SUBJECT_BYTES_MAX}
    print(f"Written to {report.keep(options.results, begun, '-budgets', {**content, 'found': found})}")
    return all(each["holds"] for each in found.values())


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    if options.remember:
        remember(options.remember)
        return 0
    return 0 if run(options) else 1


if __name__ == "__main__":
    sys.exit(main())
