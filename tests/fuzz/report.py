"""What libFuzzer said of each run, as numbers, and the dated page of all of them."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


class Status(NamedTuple):
    """`edges` and `features` are libFuzzer's `cov` and `ft`: how much of the code was seen, and in how many ways."""

    inputs: int
    edges: int
    features: int
    corpus: int

    def __str__(self) -> str:
        return f"{self.inputs:>10,} inputs {self.edges:>6,} edges {self.features:>6,} features {self.corpus:>5,} kept"


class Run(NamedTuple):
    """`failed` names the files that were put among the regressions."""

    name: str
    seconds: int
    status: Status
    failed: tuple[str, ...]


def read_status(log: str) -> Status:
    """From the last status line of a log: `#123 REDUCE cov: 45 ft: 67 corp: 8/9Kb …`."""
    found = re.findall(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)", log, re.MULTILINE)
    units = re.findall(r"^stat::number_of_executed_units: (\d+)", log, re.MULTILINE)
    inputs, edges, features, corpus = map(int, found[-1]) if found else (0, 0, 0, 0)
    return Status(int(units[-1]) if units else inputs, edges, features, corpus)


def page(begun: datetime, commit: str, runs: Sequence[Run]) -> str:
    rows = "\n".join(
        f"| {run.name} | {run.seconds} | {run.status.inputs:,} | {run.status.edges:,} | {run.status.features:,} | {run.status.corpus:,} |"
        f" {', '.join(f'`{name}`' for name in run.failed) or 'none'} |"
        for run in runs
    )
    return f"""# Fuzzing, {begun:%Y-%m-%d %H:%M} UTC

Written by `make fuzz`. Commit {commit}; {_processor()}, {os.cpu_count()} cores, one process at a time; {platform.system()}
{platform.release()}, Python {platform.python_version()}, atheris {version("atheris")}, h11 {version("h11")}.
Edges and features count instrumented Python (orchvynt and h11); llhttp, msgspec and zlib are binary, and are seen from outside only.

| target | seconds | inputs | edges | features | inputs kept | new failures |
|---|---|---|---|---|---|---|
{rows}
"""


def commit() -> str:
    """What is checked out, and whether there are changes to it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True, cwd=Path(__file__).parent).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return names[0] if names else platform.machine()
