"""Background tasks: kept, named, loud when they fail, and gone after stop."""

import asyncio

import pytest

from orchvynt.ports.store import StoreUnavailableError
from orchvynt.runtime.tasks import Tasks


def test_a_task_that_fails_says_so_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async def fails() -> None:
            raise ValueError("the reason")

        task = Tasks().start(fails(), "load rev_1")
        assert task.get_name() == "load rev_1"
        with pytest.raises(ValueError, match="the reason"):
            await task
        await asyncio.sleep(0)

    asyncio.run(scenario())
    said = capsys.readouterr().err
    assert "load rev_1 failed" in said
    assert "the reason" in said


def test_a_store_that_is_away_is_a_line_and_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async def fails() -> None:
            raise StoreUnavailableError("the store is unavailable: its disk is full.")

        with pytest.raises(StoreUnavailableError):
            await Tasks().start(fails(), "load rev_1")
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert capsys.readouterr().err == "orchvynt: task load rev_1 failed: the store is unavailable: its disk is full.\n"


def test_stop_cancels_what_runs_and_waits_for_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[str] = []

    async def scenario() -> None:
        async def runs() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.append("cleaned up")

        tasks = Tasks()
        tasks.start(runs(), "one")
        tasks.start(runs(), "two")
        await asyncio.sleep(0)
        await tasks.stop()
        await tasks.stop()

    asyncio.run(scenario())
    assert ended == ["cleaned up", "cleaned up"]
    assert capsys.readouterr().err == "", "a cancelled task is no failure"
