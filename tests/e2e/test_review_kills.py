"""`kill -9` ten times with reviews open: none lost, none decided twice, none sent twice, all answered identically, as people decided.

`make review-kills` does it hundreds of times and writes a report. That the auditor can fail is shown in tests/bench/test_review_auditor.py,
and here with what it has just found right.
"""

import asyncio
from pathlib import Path

import pytest
from tests.support.review_kills.forgeries import FORGERIES, accused
from tests.support.review_kills.gates import SCRIPT
from tests.support.review_kills.lives import QUESTIONS, ReviewLives

from orchvynt.testing.scripted import ScriptedProvider

KILLS = 10


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
    forged = accused(lives.kept)
    assert [name for name, noticed in forged.items() if not noticed] == []
    assert len(forged) > len(FORGERIES) / 2
