"""The dated page of a run: how much was played, what was reached, what was found."""

import platform
import subprocess
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tests.simulation.audit import RULES
from tests.simulation.counts import BUDGET_EVENTS

_EDGE: Final = "edge: "


def page(
    begun: datetime,
    commit: str,
    seeds: tuple[int, int],
    seconds: float,
    counted: Counter[str],
    failures: Sequence[tuple[int, str, str]],
    caught: Sequence[tuple[str, str, int]],
) -> str:
    """`failures` are seed, rule and text; `caught` each planted bug, its rule, and how many seeds it took (0: never)."""
    lives, kills = counted["lives"], counted["kills"]
    lines = [
        f"# Simulation, {begun:%Y-%m-%d %H:%M} UTC",
        "",
        f"Seeds {seeds[0]} to {seeds[1] - 1} at commit {commit}, on {platform.python_implementation()} {platform.python_version()}, "
        f"{platform.machine()}, in {seconds / 60:.1f} minutes. Made by `make simulate`; "
        "`make simulate ARGS='--seed N'` repeats one.",
        "",
        f"**{len({seed for seed, _, _ in failures})} of {seeds[1] - seeds[0]} seeds broke a rule.** {counted['calls']:,} calls, "
        f"{counted['arrivals']:,} arrivals at providers, {lives:,} process lives, {kills:,} of them ended by `kill -9`.",
        "",
        "Each seed is a world in virtual time: the production machine (data plane, lifecycle, ledger, HTTP client, recovery, changes",
        "of the policy) over a network in memory, with the memory store or, in every fortieth seed, SQLite and journal files.",
        "Processes live one after another on one store; two at the same time do not exist in this build.",
        "",
        "## Rules of the auditor",
        "",
        *(f"- {rule}: {'holds' if not any(name == rule for _, name, _ in failures) else 'BROKEN'}" for rule in RULES),
        "",
        *_failures(failures),
        "## Planted bugs",
        "",
        "Each is planted alone; how many seeds it took until the auditor found it, by the rule that it breaks.",
        "",
        "| bug | rule | seeds |",
        "|---|---|---|",
        *(f"| {name} | {rule} | {seeds_taken or 'NOT FOUND'} |" for name, rule, seeds_taken in caught),
        "",
        "## What was reached",
        "",
        *_table("On budgets", [(name, counted[name]) for name in BUDGET_EVENTS]),
        *_table("Deaths of processes", _named(counted, "death: ")),
        *_table("What callers got", _named(counted, "heard: ")),
        *_table("How bills ended", _named(counted, "bill: ")),
        *_table("Faults", [(name, counted[name]) for name in ("provider faults", "outages", "full disks")]),
        *_table("Steps of the lifecycle", _named(counted, _EDGE)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _failures(failures: Sequence[tuple[int, str, str]]) -> list[str]:
    if not failures:
        return []
    return ["## Failures", "", *(f"- seed {seed}, {rule}: {text.splitlines()[-1][:300]}" for seed, rule, text in failures[:50]), ""]


def _named(counted: Counter[str], start: str) -> list[tuple[str, int]]:
    return sorted((name.removeprefix(start), number) for name, number in counted.items() if name.startswith(start))


def _table(title: str, rows: list[tuple[str, int]]) -> list[str]:
    return [f"| {title} | times |", "|---|---|", *(f"| {name} | {number:,} |" for name, number in rows), ""]


def commit() -> str:
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
