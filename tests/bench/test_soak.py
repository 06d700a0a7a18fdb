"""The soak's verdict is reached as it is described, and its small form meets all that the long one does. It measures nothing here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
TREND = """
import json, sys
from soak_watch import Sample, trend

given = json.loads(sys.stdin.read())
samples = [Sample(at, rss, 0, 0, 0, 0, 0, 0, 0, 0) for at, rss in given]
print(json.dumps(trend(samples, lambda one: one.rss_mib)))
"""


def trend(values: list[float]) -> list[float]:
    command = [sys.executable, "-c", TREND]
    given = json.dumps([[number * 10.0, value] for number, value in enumerate(values)])
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=True, cwd=BENCH)
    found: list[float] = json.loads(done.stdout)
    return found


def test_what_grows_at_first_and_then_stays_is_flat() -> None:
    first, last, moved = trend([50.0 + 5 * number for number in range(20)] + [150.0] * 80)
    assert (first, last, moved) == pytest.approx((150.0, 150.0, 0.0))


def test_what_goes_on_growing_is_not() -> None:
    first, last, moved = trend([100.0 + number for number in range(101)])
    assert (first, last) == pytest.approx((120.0, 200.0))
    assert moved == pytest.approx(80 / 120)


def test_one_peak_is_no_growth() -> None:
    values = [100.0] * 101
    values[60] = 130.0
    assert abs(trend(values)[2]) < 0.05


def test_everything_is_met(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH / "soak.py"), "--minutes", "0.1", "--rate", "30", "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    # 1: so short a run is not flat, and may end before all kinds of trouble are over.
    assert done.returncode in (0, 1), done.stderr
    (report,) = tmp_path.glob("soak-*.md")
    told = report.read_text()
    for row in ("| chat | 200: ", "| stream | 200: ", "| apply |", "open in the end: nothing | holds |"):
        assert row in told, told
    assert "Unexpected" not in told, told
