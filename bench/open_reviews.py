"""What reviews cost that nobody has decided: a page of the inbox among 10,000 of them, and the memory of 100,000 in the index.

`python bench/open_reviews.py`. Exits 1 when a page takes 50 ms or more, or a review in memory more than 2 KiB.
"""

import asyncio
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Final

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.sqlite.opening import open_store
from orchvynt.decisions.reviews.cases import Case
from orchvynt.model.facts import AnyFact, InvocationReceived, ReviewDecided, ReviewOpened
from orchvynt.model.invocation import Claims
from orchvynt.ports.reviews import ReviewsAsked
from orchvynt.runtime.parked import Parked, ParkedOne

OPEN: Final = 10_000
DECIDED: Final = 10_000
INDEXED: Final = 100_000
STATE: Final = b"x" * 4_096
PAGE_MS_MAX: Final = 50.0
BYTES_MAX: Final = 2_048

ASKED: Final = {
    "the first page": ReviewsAsked(101),
    "a page in the middle": ReviewsAsked(101, after=(OPEN // 2, "")),
    "the newest": ReviewsAsked(101, newest_first=True),
    "of one gate": ReviewsAsked(101, gate="gate-7"),
    "mine": ReviewsAsked(101, groups=frozenset({"group-3"})),
    "claimed by nobody": ReviewsAsked(101, claimed="no", now=1),
    "all, decided ones too": ReviewsAsked(101, status="all"),
    "of a gate that has none": ReviewsAsked(101, gate="none"),
}


def opened(number: int) -> ReviewOpened:
    return ReviewOpened(
        f"inv_{number:026d}",
        number,
        f"rev_{number:026d}.1",
        f"gate-{number % 10}",
        (f"group-{number % 4}",),
        "key",
        f"join-{number}",
        STATE,
        quorum=2,
    )


async def inbox() -> float:
    """→ the slowest page's median in ms."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "store.db", Path(folder) / "journal")
        for number in range(OPEN + DECIDED):
            fact = opened(number)
            received = InvocationReceived(
                fact.inv, number, "/v1/chat/completions", "openai_chat", "key", "gpt-4o", False, Claims(), 1, "", 99
            )
            facts: list[AnyFact] = [received, fact]
            if number >= OPEN:
                facts.append(ReviewDecided(fact.inv, number, fact.review, "approve", "ana", STATE))
            store.journal.append(facts)
        await store.store.settled()
        slowest = 0.0
        for name, asked in ASKED.items():
            times = []
            for _ in range(15):
                begin = time.perf_counter()
                rows = await store.store.reviews_page(asked)
                times.append((time.perf_counter() - begin) * 1_000)
            slowest = max(slowest, sorted(times)[7])
            print(f"{name:<26}{len(rows):>5} rows  median {sorted(times)[7]:6.2f} ms, slowest {max(times):6.2f} ms")
        await store.store.close()
    return slowest


def memory() -> float:
    """→ bytes of one review in the index."""
    clock = SystemClock()
    parked = Parked()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(INDEXED):
        one = ParkedOne(
            f"rev_{number:026d}.1",
            f"inv_{number:026d}",
            "gate",
            "key",
            f"k\n\n\n/v1/chat/completions\n{number:064x}",
            clock.now(),
            0,
            "open",
        )
        one.terms = parked.shared(Case("", reviewers=("finance",), quorum=2, not_requester=True, requester="ana@example.com"))
        parked.add(one)
    each = (tracemalloc.get_traced_memory()[0] - before) / INDEXED
    tracemalloc.stop()
    print(f"{INDEXED:,} in the index: {each:,.0f} bytes each")
    return each


def main() -> int:
    slowest, each = asyncio.run(inbox()), memory()
    return int(slowest >= PAGE_MS_MAX or each > BYTES_MAX)


if __name__ == "__main__":
    sys.exit(main())
