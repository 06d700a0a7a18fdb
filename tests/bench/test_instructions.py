"""What an invocation costs, counted and not timed, stays within 3 % of the figure that `bench/instructions.json` commits to."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def ask(code: str, given: object = None) -> Any:
    command = [sys.executable, "-c", f"import json, sys; sys.path.insert(0, {str(BENCH)!r})\n{code}"]
    result = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=True)
    return json.loads(result.stdout)


def test_a_figure_strays_that_is_more_than_3_per_cent_off_in_either_direction() -> None:
    code = "from instructions import strayed\nprint(json.dumps(strayed(*json.loads(sys.stdin.read()))))"
    assert ask(code, [{"instructions": 10_300, "c_calls": 98}, {"instructions": 10_000, "c_calls": 100}]) == []
    dearer, cheaper = ask(code, [{"instructions": 10_310, "c_calls": 96}, {"instructions": 10_000, "c_calls": 100}])
    assert "instructions: 10,310 where 10,000 are committed" in dearer
    assert "dearer" in dearer
    assert "keep the gain" in cheaper


@pytest.mark.timeout(300)
def test_the_standard_invocation_costs_what_is_committed() -> None:
    """Renewed by `make instructions ARGS=--renew`."""
    code = "from instructions import compiled_rooms, python\nprint(json.dumps([python(), compiled_rooms()[:1]]))"
    version, compiled = ask(code)
    if compiled:
        pytest.skip(f"compiled modules cannot be counted: {compiled[0]}")
    if version not in json.loads((BENCH / "instructions.json").read_text()):
        pytest.skip(f"no figure for {version}: `make instructions ARGS=--renew` writes one")
    result = subprocess.run([sys.executable, str(BENCH / "instructions.py")], capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
