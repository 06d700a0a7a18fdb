"""`kill -9` dozens of times under load, at moments of every kind: nothing over, nothing forgotten, nothing twice.

`make kills` does it hundreds of times and writes a report.
"""

from pathlib import Path

import pytest
from tests.support.killing import MOMENTS, SCRIPT, Lives

from orchvynt.testing.scripted import ScriptedProvider

KILLS = 8


@pytest.mark.timeout(300)  # a life takes a second, and ten where others build beside it
@pytest.mark.parametrize("seed", [7, 8, 9])
def test_after_a_kill_at_any_moment_the_books_are_right(tmp_path: Path, scripted_provider: ScriptedProvider, seed: int) -> None:
    scripted_provider.script(SCRIPT)
    lives = Lives(tmp_path, scripted_provider, seed)
    with lives.server:
        for number in range(KILLS):
            lives.live(number, MOMENTS[number % len(MOMENTS)])
    assert lives.auditor.found.arrivals > KILLS
    assert lives.auditor.found.estimated > 0, "some attempts were cut off"
