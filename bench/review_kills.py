"""Hundreds of `kill -9` with parked reviews, racing deciders and retrying callers: none lost, none decided twice, none sent twice.

`make review-kills` runs it and writes a dated report into `results/`. It takes five minutes or more; `ARGS='--kills 50'` less.
Everything is read from what the callers got, what the deciders were told, the provider's own ledger and the admin plane.
Exit status 1: a promise broke, or the auditor would not have seen it.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from tests.support.review_kills.forgeries import accused
from tests.support.review_kills.gates import EXPIRES_S, SCRIPT
from tests.support.review_kills.lives import MOMENTS, QUESTIONS, ReviewLives

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
ABOUT: Final = (
    f"{QUESTIONS} new questions in each life, asked with the official clients of OpenAI (whole and streams) and Anthropic: some repeat the",
    "same request, some poll by address, some give up and come back. They meet gates of the stages output, tool_call and input: one with a",
    f"quorum of two, two that reject in words, and one that asks a further group after a second and rejects after {EXPIRES_S} seconds.",
    "In most lives the first provider fails once or twice, so that the next one is asked. Three people with sessions and a token approve,",
    "edit, respond, reject, claim and release, each by a mind of its own. Half of the answers are decided in a later life than that which",
    "parked them. SQLite and journal as users have them. After each life every question that has its last word is read again, and compared",
    "with the provider's ledger, the record, the votes and what voters were told; at the end `audit verify` reads all entries.\n",
)


def report(lives: ReviewLives, seed: int, broken: str) -> list[str]:
    """What was seen so far, in words."""
    found = lives.found
    said = [
        f"# {len(lives.restarts)} times `kill -9` with reviews open\n",
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Python {platform.python_version()}, {platform.machine()}, one process, "
        f"seed {seed}, a load average of {os.getloadavg()[2]:.0f} on {os.cpu_count()} cores.",
        *ABOUT,
        *([f"**Broken**: {broken}\n"] if broken else []),
        "| killed | times | reviews open at the restart, median | serving again after, median | at most |\n|---|---|---|---|---|",
    ]
    for moment in MOMENTS:
        of_it = [one for one in lives.restarts if one.moment == moment]
        if of_it:
            parked, took = [one.parked for one in of_it], [one.serving_s for one in of_it]
            said.append(f"| {SAID[moment]} | {len(of_it)} | {median(parked):.0f} | {median(took):.2f} s | {max(took):.2f} s |")
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
        f"| invocations that were cut off before they were parked, and asked again by their callers | {found.cut_off:,} |",
        f"| second attempts, after a first one that failed on record | {found.fallbacks:,} |",
        f"| invocations that failed, and said so | {found.failed:,} |",
        f"| answers and refusals that crossed with a caller that gave up in that moment, and asked anew | {found.crossed:,} |",
        f"| lost, decided twice, sent twice, answered differently | {'see above' if broken else '0'} |",
        *_forged(lives),
    ]


def _forged(lives: ReviewLives) -> list[str]:
    """Whether the auditor can fail: what it found right is changed as a broken server would have made it."""
    found = accused(lives.kept)
    missed = [name for name, noticed in found.items() if not noticed]
    ways = f"Of the first {len(lives.kept)} questions the evidence was forged in {len(found)} ways, as a broken server would have made it:"
    became = f"**not accused were: {'; '.join(missed)}**" if missed else "each was accused"
    return ["", f"{ways} {became}."]


def run(kills: int, seed: int, path: Path) -> bool:
    """Life after life; the report is written anew now and then, so that whoever ends this early has one."""
    with tempfile.TemporaryDirectory() as folder, ScriptedProvider(SCRIPT) as provider:
        lives = ReviewLives(Path(folder), provider, seed)
        broken = ""
        with lives.server:
            try:
                asyncio.run(lives.run(kills, lambda: _write(path, report(lives, seed, ""))))
            except (AssertionError, TimeoutError) as error:
                broken = f"in life {len(lives.restarts)}: {error!r}"
                _write(path, report(lives, seed, broken))
    return not broken and all(accused(lives.kept).values())


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 with reviews open, again and again.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"review-kills-{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.md"
    kept = run(asked.kills, asked.seed, path)
    print(path.read_text())
    print(f"written to {path}")
    return 0 if kept else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Where a promise broke, callers still wait in threads, for an hour.
    os._exit(status)
