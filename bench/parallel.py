"""A thousand callers at once on a hard budget for some of them: is it ever passed, is anybody refused without need, how much is spent.

`make parallel` runs it and writes a dated report into `results/`. It takes some minutes; `ARGS='--calls 300 --seeds 1'` less. With
`--on workers` it is 4 workers on SQLite, with `--on replicas` 3 replicas on PostgreSQL. The provider is the scripted one, over real
sockets; all is read from its own ledger and from what callers saw. Exit status 1: a promise broke.
"""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from tests.support.crowd import ANSWER, Books, Call, Told, books, mixed, never_over, no_false_refusal, statuses, storm, worth
from tests.support.fleets import Served, alone, replicas, workers
from tests.support.policies import three_tiers
from tests.support.postgres import Server

from orchvynt.testing.scripted import ScriptedProvider

RESULTS = Path(__file__).parent / "results"
COUNTS: Final = (1, 20, 100, 500, 5_000)
# At 2.50 and 10 USD per million tokens, a token of a call is about so many nano-dollars: half of them are output.
NANOS_PER_TOKEN: Final = 7_500
SPENT_PERCENT: Final = 95
TURNS_PERCENT: Final = 1

ABOUT: Final = (
    "OpenAI, Anthropic and Ollama callers, half of them streams, prompts of 2 to 40 words, answers of 60 tokens or up to their limit.",
    "The budget is for as many calls as the column says. Promised: never over by the provider's own ledger, nobody refused while there",
    "is room for its smallest hold, what is settled is what was billed, and from 20 calls on 95 % of the budget is spent. Where several",
    "processes have room for all, and all set a limit, no more than 1 % of the calls ask the store for a lease.\n",
)

Mix = tuple[str, float, float, str]
"""Its name, the share of calls that set no limit, that of callers that leave, and the unit of the budget."""
MIXES: Final[tuple[Mix, ...]] = (
    ("all set a limit", 0.0, 0.0, "tokens"),
    ("four of ten set none", 0.4, 0.0, "tokens"),
    ("four of ten set none, in USD", 0.4, 0.0, "usd"),
    ("none sets one, where its API lets it", 1.0, 0.0, "tokens"),
    ("a third leaves", 0.4, 0.33, "tokens"),
)


Start = Callable[[Path, str], AbstractContextManager[Served]]
"""What is put up anew for each storm, in a folder and with a policy."""
PLACES: Final = {"one": "one process", "workers": "4 workers on SQLite", "replicas": "3 replicas on PostgreSQL"}


@contextmanager
def starting(on: str) -> Iterator[Start]:
    if on == "replicas":
        postgres = Server()
        try:
            yield lambda folder, policy: replicas(folder, policy, 3, postgres)
        finally:
            postgres.close()
    else:
        yield alone if on == "one" else lambda folder, policy: workers(folder, policy, 4)


def run(start: Start, calls: list[Call], limit: int, unit: str) -> tuple[list[Told], Books, float, int]:
    """One storm on fresh processes, and how many questions for leases it took. `limit` is in tokens or nano-dollars."""
    said = f"usd: {limit / 1_000_000_000:.9f}" if unit == "usd" else f"tokens: {limit}"
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedProvider({"answers": [{"text": ANSWER, "latency": "50ms", "frames": 4}]}) as provider,
    ):
        policy = three_tiers(provider, f"budgets: [{{name: all, scope: global, limit: {{{said}}}, window: day}}]", tiers="gpt-4o")
        with start(Path(folder), policy) as served:
            began, turns = time.monotonic(), served.lease_turns
            told = storm(served.ports, calls)
            took, turns = time.monotonic() - began, served.lease_turns - turns
            until = time.monotonic() + 30
            while (found := books(served.operated, provider)).lines["all", "*"]["held_tokens"] and time.monotonic() < until:
                time.sleep(0.1)
            return told, found, took, turns


def row(start: Start, mix: Mix, count: int, seed: int, calls: int) -> tuple[str, bool]:
    """One line of the report, and whether every promise was kept."""
    name, open_share, leaving, unit = mix
    asked = mixed(calls, seed, open_share, leaving)
    limit = worth(asked, count) * (NANOS_PER_TOKEN if unit == "usd" else 1)
    told, found, took, turns = run(start, asked, limit, unit)
    line, seen = found.lines["all", "*"], statuses(told)
    used = line["settled_nanos"] if unit == "usd" else line["settled_tokens"]
    broken = []
    checks: tuple[tuple[str, Callable[[], None]], ...] = (
        ("never over", lambda: never_over(found)),
        ("no false refusal", lambda: no_false_refusal(told, found)),
        ("answered or refused", lambda: _told(seen, bool(leaving))),
        ("settled at what was billed", lambda: _billed(found, bool(leaving))),
        ("95 % spent", lambda: _spent(used, limit, count, calls)),
        ("1 % ask the store", lambda: _seldom(turns, count, calls if not open_share else 0)),
    )
    for promise, check in checks:
        try:
            check()
        except AssertionError:
            broken.append(promise)
    share = f"{100 * used / limit:.1f} %"
    verdict = f"**broken: {', '.join(broken)}**" if broken else "kept"
    figures = f"{seen.get(200, 0)} | {seen.get(402, 0)} | {share} | {turns} | {took:.1f}"
    return f"| {name} | {count} | {seed} | {figures} | {verdict} |", not broken


def _told(seen: dict[int, int], some_left: bool) -> None:
    assert set(seen) <= {200, 402} | ({0} if some_left else set()), seen


def _billed(found: Books, some_left: bool) -> None:
    settled = found.lines["all", "*"]["settled_tokens"]
    assert settled >= found.billed_tokens
    assert some_left or settled == found.billed_tokens


def _spent(used: int, limit: int, count: int, calls: int) -> None:
    assert not 20 <= count < calls or used * 100 >= limit * SPENT_PERCENT


def _seldom(turns: int, count: int, limited: int) -> None:
    """Where there is room for all, and as many as `limited` say what they need at the most. Near its end a budget is shared out by ever
    smaller parts, and whoever sets no limit holds many times what it uses."""
    assert count <= limited or not limited or turns * 100 <= limited * TURNS_PERCENT


def report(on: str, calls: int, seeds: int, say: Callable[[str], None]) -> bool:
    say(f"# {calls:,} callers at once on a budget for some of them\n")
    say(f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, {PLACES[on]}.")
    for line in ABOUT:
        say(line)
    say("| callers | budget for | seed | answered | refused | spent | lease turns | seconds | promises |")
    say("|---|---|---|---|---|---|---|---|---|")
    kept = True
    with starting(on) as start:
        for mix in MIXES:
            for count in COUNTS:
                for seed in range(1, seeds + 1):
                    line, good = row(start, mix, count, seed, calls)
                    say(line)
                    kept = kept and good
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description="Many callers at once on a hard budget.")
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--on", choices=PLACES, default="one")
    asked = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    kept = report(asked.on, asked.calls, asked.seeds, say)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"parallel-{asked.on}-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    path.write_text("\n".join(lines) + "\n")
    print(f"written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
