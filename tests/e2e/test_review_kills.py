"""`kill -9` with reviews open, of one process and of one of several, and a store that goes away under them: none lost, none decided twice,
none sent twice, all answered identically, as people decided.

`make review-kills` does it hundreds of times and writes a report. That the auditor can fail is shown in tests/bench/test_review_auditor.py,
and here with what it has just found right.
"""

import asyncio
import random
from pathlib import Path

import pytest
from tests.support.postgres import Server
from tests.support.review_kills.evidence import Found
from tests.support.review_kills.forgeries import FORGERIES, accused
from tests.support.review_kills.gates import SCRIPT, policy
from tests.support.review_kills.lives import QUESTIONS, ReviewLives
from tests.support.review_kills.sites import Alone, replicas, workers

from orchvynt.testing.scripted import ScriptedProvider

KILLS = 10
KILLS_OF_SEVERAL = 2


@pytest.mark.timeout(400)  # a life takes two seconds, and ten where others build beside it
def test_after_a_kill_at_any_moment_people_and_callers_go_on(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    with Alone(tmp_path, policy(scripted_provider)) as alone:
        lives = ReviewLives(alone, scripted_provider, random.Random(5))
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


@pytest.mark.timeout(400)
def test_workers_are_killed_and_the_others_go_on(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    chance = random.Random(5)
    with workers(tmp_path, policy(scripted_provider), chance) as several:
        lives = ReviewLives(several, scripted_provider, chance)
        asyncio.run(lives.run(KILLS_OF_SEVERAL))
    _check(lives.found)


@pytest.mark.timeout(400)
def test_replicas_and_their_store_are_killed_and_the_others_go_on(
    postgres: Server, tmp_path: Path, scripted_provider: ScriptedProvider
) -> None:
    scripted_provider.script(SCRIPT)
    chance = random.Random(5)
    with replicas(tmp_path, policy(scripted_provider), postgres, chance) as several:
        lives = ReviewLives(several, scripted_provider, chance)
        asyncio.run(lives.run(KILLS_OF_SEVERAL))
    _check(lives.found)


def _check(found: Found) -> None:
    assert found.questions == KILLS_OF_SEVERAL * QUESTIONS
    assert found.keyed
    assert found.counted
