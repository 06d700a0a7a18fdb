"""What is checked apart is what is checked here: the same problems, the same snapshot, the same words; and a keeper that may die."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from orchvynt.adapters.checking.forked import ForkedChecking
from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.adapters.clock import SystemClock
from orchvynt.assembly.init import first_policy
from orchvynt.language.compile import load
from orchvynt.ports.checking import Checking, CheckingUnavailableError, Compared

GOOD = first_policy(["openai"])
OTHER = GOOD.replace("usd: 5", "usd: 6")
ONE_OF = 'workload == "a" && input.messages > 1'
BROKEN = "version: 1\nmodles: {}\n"

Work = Callable[[Checking], Coroutine[Any, Any, Any]]

# From Python 3.12 on it warns of forks beside threads; those of the test runner do nothing that the keeper would need.
pytestmark = pytest.mark.filterwarnings("ignore:This process")


def inline(work: Work) -> Any:
    return asyncio.run(work(InlineChecking()))


def apart(work: Work) -> Any:
    """The forked one, as `serve` makes it: before the loop."""
    checking = ForkedChecking(SystemClock())
    try:
        return asyncio.run(work(checking))
    finally:
        checking.close()


@pytest.fixture(params=["inline", "apart"])
def run(request: pytest.FixtureRequest) -> Callable[[Work], Any]:
    return inline if request.param == "inline" else apart


def test_a_good_policy_comes_back_whole(run: Callable[[Work], Any]) -> None:
    found, here = run(lambda checking: checking.load(GOOD, "p.yaml")), load(GOOD, "p.yaml")
    assert found.snapshot is not None
    assert here.snapshot is not None
    assert found.problems == here.problems
    assert (found.snapshot.digest, found.snapshot.source) == (here.snapshot.digest, GOOD)
    assert (found.snapshot.models, found.snapshot.budgets, found.snapshot.chains) == (
        here.snapshot.models,
        here.snapshot.budgets,
        here.snapshot.chains,
    )


@pytest.mark.parametrize("text", [BROKEN, "", "{", "a: &a [*a, *a]", "\x00", "version: 1\n" * 2])
def test_what_is_wrong_has_its_places(run: Callable[[Work], Any], text: str) -> None:
    found = run(lambda checking: checking.load(text, "team/p.yaml"))
    assert found.snapshot is None
    assert found.problems == load(text, "team/p.yaml").problems


def test_two_policies_are_compared(run: Callable[[Work], Any]) -> None:
    found = run(lambda checking: checking.compare((GOOD, "a"), (OTHER, "b")))
    assert isinstance(found, Compared)
    assert (found.same, len(found.words), found.problems) == (False, 1, ())
    elsewhere = GOOD.replace("kind: openai,", "kind: openai, base_url: 'https://x/v1',")
    moved = run(lambda checking: checking.compare((GOOD, "a"), (elsewhere, "b")))
    assert [words.partition(":")[0] for words in moved.bindings] == ["provider openai", "provider openai"]
    broken = run(lambda checking: checking.compare((BROKEN, "a"), (GOOD, "b")))
    assert {problem.file for problem in broken.problems} == {"a"}


def test_many_at_once_get_their_own_answers(run: Callable[[Work], Any]) -> None:
    async def work(checking: Checking) -> list[int | None]:
        texts = [GOOD.replace("usd: 5", f"usd: {number}") for number in range(1, 13)]
        found = await asyncio.gather(*(checking.load(text, "p") for text in texts))
        assert [one.snapshot and one.snapshot.source for one in found] == texts
        return [one.snapshot.budgets[0].limits.nanos for one in found if one.snapshot]

    assert run(work) == [number * 1_000_000_000 for number in range(1, 13)]


def test_one_who_goes_away_does_not_take_the_answer_of_the_next() -> None:
    async def work(checking: Checking) -> str:
        first = asyncio.ensure_future(checking.load(OTHER, "gone"))
        await asyncio.sleep(0)
        first.cancel()
        found = await checking.load(BROKEN, "mine")
        return found.problems[0].file

    assert apart(work) == "mine"


def test_a_check_that_takes_too_long_is_ended_and_the_next_one_is_not() -> None:
    rules = "".join(f"    - {{name: r{n}, when: {json.dumps(ONE_OF)}, use: gpt-4o-mini}}\n" for n in range(10_000))
    large = GOOD.replace("routing:\n", f"routing:\n  rules:\n{rules}")
    checking = ForkedChecking(SystemClock(), seconds_max=0.2)

    async def work() -> str:
        with pytest.raises(CheckingUnavailableError, match=r"longer than 0\.2 s"):
            await checking.load(large, "p")
        # A busy machine may need longer than that for a small one, too: it gets further tries.
        for _ in range(20):
            with contextlib.suppress(CheckingUnavailableError):
                return (await checking.load("version: 1\nmodles: {}\n", "mine")).problems[0].file
        return "none"

    try:
        assert asyncio.run(work()) == "mine"
    finally:
        checking.close()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_without_its_keeper_it_checks_here() -> None:
    async def work(checking: Any) -> tuple[str, str]:
        before = await checking.load(GOOD, "p")
        await asyncio.to_thread(kill, checking.pid)
        after = await checking.load(GOOD, "p")
        return before.snapshot.digest, after.snapshot.digest

    first, second = apart(work)
    assert first == second


GONE = """
import os, sys, time
from orchvynt.adapters.checking.keeper import fork_keeper
pid, line = fork_keeper(30.0)
print(pid, flush=True)
time.sleep(60)
"""


def running(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_the_keeper_ends_when_its_process_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", GONE], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        keeper = int(parent.stdout.readline())
        parent.kill()
        # The keeper let go of the pipe when it was forked, so its end is the parent's end.
        assert parent.stdout.read() == ""
    until = time.monotonic() + 10
    while running(keeper) and time.monotonic() < until:
        time.sleep(0.01)
    assert not running(keeper)
