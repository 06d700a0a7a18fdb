"""`kill -9` a dozen times with reviews open: none lost, none decided twice, none sent twice, all answered identically.

`make review-kills` does it hundreds of times and writes a report.
"""

import asyncio
from pathlib import Path

import pytest
from tests.support.review_killing import QUESTIONS, SCRIPT, ReviewLives

from orchvynt.testing.scripted import ScriptedProvider

KILLS = 12


@pytest.mark.timeout(400)  # a life takes two seconds, and ten where others build beside it
def test_after_a_kill_at_any_moment_people_and_callers_go_on(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    lives = ReviewLives(tmp_path, scripted_provider, seed=5)
    with lives.server:
        asyncio.run(lives.run(KILLS))
    found = lives.found
    assert found.questions == KILLS * QUESTIONS
    assert any(one.parked for one in lives.restarts)
    assert found.approved
    assert found.rejected
    assert found.late, "deciders raced"
