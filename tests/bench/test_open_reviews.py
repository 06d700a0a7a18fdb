"""The small form of the benchmark of waiting reviews goes through, and says all that it promises. Its figures mean nothing here."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "open_reviews.py"
SMALL = "--open 24 --few 16 --decided 4 --pages 2 --restarts 1 --decisions 4 --streams 4"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.skipif(shutil.which("taskset") is None or len(os.sched_getaffinity(0)) < 2, reason="it pins to two cores")
def test_everything_is_measured_once(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), *SMALL.split(), "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    # 1: a limit was passed, as may be where others are at work.
    assert done.returncode in (0, 1), done.stderr
    (kept,) = tmp_path.glob("*-open-reviews.json")
    told = json.loads(kept.read_text())
    judged = [row["what"] for row in told["rows"] if row["limit"] is not None]
    assert [what for what in judged if not what.startswith("among")] == [
        "… and the first chat answered",
        "a decision to its held caller, one held",
        "the same, 4 held",
        "… a gate on flags that does not match",
    ]
    assert sum(what.startswith("among 16: ") for what in judged) == 11
    assert all(row["p50"] > 0 and row["what"] in done.stdout for row in told["rows"])
    assert len(told["restarts"]) == 1


def test_without_reviews_there_is_nothing_to_measure() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--open", "0"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--open" in done.stderr
