"""`kill -9` dozens of times under load, at moments of every kind: nothing over, nothing forgotten, nothing twice.

`make kills` does it hundreds of times and writes a report.
"""

from pathlib import Path

from tests.support.killing import MOMENTS, SCRIPT, Lives

from orchvynt.testing.scripted import ScriptedProvider

KILLS = 25


def test_after_a_kill_at_any_moment_the_books_are_right(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    lives = Lives(tmp_path, scripted_provider, seed=7)
    with lives.server:
        for number in range(KILLS):
            lives.live(number, MOMENTS[number % len(MOMENTS)])
    assert lives.auditor.found.arrivals > KILLS
    assert lives.auditor.found.estimated > 0, "some attempts were cut off"
