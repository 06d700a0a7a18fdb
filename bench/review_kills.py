"""Hundreds of `kill -9` with parked reviews, racing deciders and retrying callers: none lost, none decided twice, none sent twice.

`make review-kills` runs it and writes a dated report into `results/`. It takes five minutes or more; `ARGS='--kills 50'` less,
`ARGS='--on workers'` and `ARGS='--on replicas'` do the same with several processes on SQLite and on PostgreSQL.
Everything is read from what the callers got, what the deciders were told, the provider's own ledger and the admin plane.
Exit status 1: a promise broke, or the auditor would not have seen it.
"""

import argparse
import asyncio
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from tests.support.postgres import Server
from tests.support.review_kills.forgeries import accused
from tests.support.review_kills.gates import EXPIRES_S, SCRIPT, policy
from tests.support.review_kills.lives import MOMENTS, QUESTIONS, Restart, ReviewLives
from tests.support.review_kills.sites import REPLICAS, WORKERS, Alone, Site, replicas, workers

from orchvynt.testing.scripted import ScriptedProvider

RESULTS = Path(__file__).parent / "results"
SAID: Final = {
    "any": "at any moment of 0.8 s",
    "journal": "as the journal grows for the 1st to 39th time",
    "voting": "up to 15 ms after a vote was sent",
    "delivery": "up to 10 ms after a caller got its last word",
    "billed": f"as the provider's ledger grows for the 1st to {2 * QUESTIONS - 1}th time",
    "due": "up to 60 ms after a step of an escalation fell due",
}
ON: Final = {
    "process": "one process on SQLite",
    "workers": f"{WORKERS} workers on SQLite",
    "replicas": f"{REPLICAS} replicas on one PostgreSQL",
}
ABOUT: Final = (
    f"{QUESTIONS} new questions in each life, asked with the official clients of OpenAI (whole and streams) and Anthropic: some repeat the",
    "same request, some poll by address, some give up and come back. They meet gates of the stages output, tool_call and input: one with a",
    f"quorum of two, two that reject in words, and one that asks a further group after a second and rejects after {EXPIRES_S} seconds.",
    "In most lives the first provider fails once or twice, so that the next one is asked. Three people with sessions and a token approve,",
    "edit, respond, reject, claim and release, each by a mind of its own. Half of the answers are decided in a later life than that which",
    "parked them. Every second question carries an idempotency key. Stores and journals as users have them. After each life every question",
    "that has its last word is read again, and compared with the provider's ledger, the record, the votes and what voters were told; at",
    "the end `audit verify` reads all entries.\n",
)


def report(lives: ReviewLives, on: str, seed: int, broken: str) -> list[str]:
    """What was seen so far, in words."""
    found = lives.found
    said = [
        f"# {len(lives.restarts)} times struck down with reviews open: {ON[on]}\n",
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, {ON[on]}, "
        f"seed {seed}, a load average of {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores.",
        *ABOUT,
        *([f"**Broken**: {broken}\n"] if broken else []),
        "| struck | times | reviews open after it, median | all serving again after, median | at most |\n|---|---|---|---|---|",
        *[_row(words, [one for one in lives.restarts if one.what == what]) for what, words in lives.site.said.items()],
        *[_row(SAID[moment], [one for one in lives.restarts if one.moment == moment]) for moment in MOMENTS],
    ]
    return [
        *said,
        "\n| | |\n|---|---|",
        f"| questions that were answered, each from one invocation with one review | {found.questions:,} |",
        f"| approved as they were, edited, put in other words | {found.approved:,}, {found.edited:,}, {found.responded:,} |",
        f"| rejected, of them in words; expired | {found.rejected:,}, {found.in_words:,}; {found.expired:,} |",
        f"| let through by two people | {found.four_eyes:,} |",
        f"| requests that were approved, and whose answer the kill cut off: told so for good | {found.ended_by_kill:,} |",
        f"| tries of their callers, beside the retries of the clients themselves | {found.tries:,} |",
        f"| readings of their last words, for each question all the same | {found.readings:,} |",
        f"| votes; of them told that they count | {found.votes:,}; {found.counted:,} |",
        f"| of them too late, and told so | {found.late:,} |",
        f"| of them barred by a claim, a group, an edit in between or an own vote, and told so | {found.barred:,} |",
        f"| of them never answered, because the server died | {found.unanswered:,} |",
        f"| claims; further groups that were asked | {found.claims:,}; {found.escalated:,} |",
        f"| requests that reached the provider | {found.arrivals:,} |",
        f"| invocations that were cut off before they were parked, or refused as the store was away, and asked again | {found.cut_off:,} |",
        f"| second attempts, after a first one that failed on record | {found.fallbacks:,} |",
        f"| invocations that failed, and said so | {found.failed:,} |",
        f"| questions with an idempotency key | {found.keyed:,} |",
        f"| asked anew without a key, while what was parked was out of the reach of whoever was asked | {found.unheard:,} |",
        f"| answers and refusals that crossed with a caller that gave up in that moment, and asked anew | {found.crossed:,} |",
        f"| lost, decided twice, sent twice, answered differently | {'see above' if broken else '0'} |",
        *_forged(lives),
    ]


def _row(what: str, of_it: list[Restart]) -> str:
    if not of_it:
        return f"| {what} | 0 | | | |"
    parked, took = [one.parked for one in of_it], [one.serving_s for one in of_it]
    return f"| {what} | {len(of_it)} | {median(parked):.0f} | {median(took):.2f} s | {max(took):.2f} s |"


def _forged(lives: ReviewLives) -> list[str]:
    """Whether the auditor can fail: what it found right is changed as a broken server would have made it."""
    found = accused(lives.kept)
    missed = [name for name, noticed in found.items() if not noticed]
    ways = f"Of the first {len(lives.kept)} questions the evidence was forged in {len(found)} ways, as a broken server would have made it:"
    became = f"**not accused were: {'; '.join(missed)}**" if missed else "each was accused"
    return ["", f"{ways} {became}."]


@contextmanager
def serving(on: str, provider: ScriptedProvider, chance: random.Random) -> Iterator[Site]:
    """What is struck, as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        if on == "replicas":
            postgres = Server()
            try:
                with replicas(Path(folder), policy(provider), postgres, chance) as several:
                    yield several
            finally:
                postgres.close()
        elif on == "workers":
            with workers(Path(folder), policy(provider), chance) as several:
                yield several
        else:
            with Alone(Path(folder), policy(provider)) as alone:
                yield alone


def run(kills: int, on: str, seed: int, path: Path) -> bool:
    """Life after life; the report is written anew now and then, so that whoever ends this early has one."""
    chance, broken = random.Random(seed), ""  # noqa: S311 - moments, not secrets
    with ScriptedProvider(SCRIPT) as provider, serving(on, provider, chance) as site:
        lives = ReviewLives(site, provider, chance)
        try:
            asyncio.run(lives.run(kills, lambda: _write(path, report(lives, on, seed, ""))))
        except (AssertionError, TimeoutError) as error:
            broken = f"in life {len(lives.restarts)}: {error!r}"
            _write(path, report(lives, on, seed, broken))
    return not broken and all(accused(lives.kept).values())


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 with reviews open, again and again.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--on", choices=ON, default="process")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"review-kills{'' if asked.on == 'process' else f'-{asked.on}'}-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    kept = run(asked.kills, asked.on, asked.seed, path)
    print(path.read_text())
    print(f"written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Where a promise broke, callers still wait in threads, for an hour.
    os._exit(status)
