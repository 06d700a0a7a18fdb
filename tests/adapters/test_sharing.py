"""Several processes on one store: each with a journal of its own, and what one of them leaves when it is killed is taken over once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.adapters.sharing_child import opened_beside_others
from tests.contract.store import lives
from tests.contract.store.test_audit import whole

from orchvynt.adapters.sqlite.opening import Opened, open_store
from orchvynt.decisions.budgets.leasing import Asked
from orchvynt.decisions.budgets.portions import NOTHING
from orchvynt.language.snapshot import Limits
from orchvynt.model.facts import AnyFact, Reserved
from orchvynt.ports.processes import ProcessRow
from orchvynt.ports.store import AuditRow, StoreInUseError


class Shared:
    """A store, and the processes of this test that are to be killed."""

    def __init__(self, store: str, folder: Path) -> None:
        self.store = store
        self.journal = folder / "journal"

    async def opened(self) -> Opened:
        return await opened_beside_others(self.store, self.journal)

    @contextmanager
    def living(self, number: int, files: bool) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
        """A process with an invocation under way, and its id."""
        command = [sys.executable, "-m", "tests.adapters.sharing_child", self.store, str(self.journal), str(number)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen([*command, "files" if files else "no"], stdout=subprocess.PIPE, env=environment) as child:
            try:
                assert child.stdout is not None
                yield child.stdout.readline().decode().strip(), child
            finally:
                child.kill()

    def killed(self, number: int, files: bool = False) -> str:
        with self.living(number, files) as (process, child):
            child.send_signal(signal.SIGKILL)
            child.wait()
        return process


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shared]:
    if request.param == "sqlite":
        yield Shared(str(tmp_path / "store.db"), tmp_path)
        return
    server = request.getfixturevalue("postgres")
    url = server.fresh()
    yield Shared(url, tmp_path)
    server.give_back(url)


def under_way(number: int) -> list[list[AnyFact]]:
    return [[lives.received(number), lives.routed(number), lives.placed(number)], [lives.sent(number)]]


def states(rows: list[ProcessRow]) -> dict[str, str]:
    return {row.process: row.state for row in rows}


def test_two_processes_file_beside_each_other_and_add_to_one_audit(shared: Shared) -> None:
    async def run() -> None:
        first, second = await shared.opened(), await shared.opened()
        frames: list[list[AnyFact]] = []
        for number in range(0, 40, 2):
            mine, other = [*whole(number), *lives.life(100 + number)], whole(number + 1)
            for frame in mine:
                first.journal.append(frame)
            for frame in other:
                second.journal.append(frame)
            frames += [*mine, *other]
            await asyncio.gather(
                first.store.audit(AuditRow(number, "token:ana", "x", "", "a")),
                second.store.audit(AuditRow(number, "token:ben", "x", "", "b")),
            )
        await asyncio.gather(first.store.settled(), second.store.settled())
        assert len(await first.store.invocations(1000, "")) == 60
        assert await first.store.invocations(1000, "") == await second.store.invocations(1000, "")
        for number in range(40):
            assert await second.store.facts(lives.inv_id(number)) == [fact for frame in whole(number) for fact in frame]
        assert (await second.store.verify_audit()).problem == ""
        assert (await first.store.verify_audit()).problem == ""
        assert len({first.store.process, second.store.process}) == 2
        assert await first.store.take_over() == [], "both live"
        assert set(states(await first.store.processes()).values()) == {"serving"}
        await second.store.beat("draining")
        assert states(await first.store.processes())[second.store.process] == "draining"
        await second.store.close()
        assert states(await first.store.processes()) == {first.store.process: "serving", second.store.process: "gone"}
        again = await shared.opened()
        assert again.store.process == second.store.process, "its journal goes on"
        assert again.audit_whole
        await again.store.close()
        await first.store.close()

    asyncio.run(run())


def test_who_added_nothing_to_the_audit_yet_still_vouches_for_it(shared: Shared) -> None:
    """Also the first process on an empty store, while others add entries."""

    async def run() -> None:
        first, second = await shared.opened(), await shared.opened()
        await second.store.audit(AuditRow(1, "token:ben", "x", "", "b"))
        assert (await first.store.verify_audit()).problem == ""
        await first.store.close()
        again = await shared.opened()
        assert again.audit_whole
        assert (await again.store.verify_audit()).problem == ""
        await again.store.close()
        await second.store.close()

    asyncio.run(run())


def test_what_is_settled_for_another_process_is_taken_from_its_lease(shared: Shared) -> None:
    """Whoever writes the end of a dead process's attempt did not spend it: what it may still spend must not be granted to others."""
    key, spent = ("b", "s", 0, 0), (Reserved("b", "s", 0, 40),)

    async def left(opened: Opened) -> dict[str, int]:
        (row,) = await opened.store.leases(0)
        return {lease.process: lease.left[0] for lease in row.leases}

    async def run() -> None:
        dead, lives_on = await shared.opened(), await shared.opened()
        for opened in (dead, lives_on):
            await opened.store.lease(opened.store.process, [Asked(key, Limits(nanos=1_000), NOTHING, (100, 0, 0, 0, 0), peers=9)])
        before = await left(lives_on)
        dead.journal.append([lives.received(1), msgspec.structs.replace(lives.placed(1), reserved=spent)])
        dead.journal.append([lives.sent(1)])
        await dead.store.settled()
        lives_on.journal.append([msgspec.structs.replace(lives.settled(1), reserved=spent)])
        lives_on.journal.append([lives.received(2), msgspec.structs.replace(lives.placed(2), reserved=spent)])
        lives_on.journal.append([msgspec.structs.replace(lives.settled(2), reserved=spent)])
        await lives_on.store.settled()
        after = await left(lives_on)
        assert after == {process: much - 40 for process, much in before.items()}, "each has spent 40"
        assert sum(row.nanos for row in await lives_on.store.spend()) == 80
        await lives_on.store.close()
        await dead.store.close()

    asyncio.run(run())


@pytest.mark.parametrize("files", [False, True])
def test_what_a_killed_process_left_is_taken_over_by_one_and_once(shared: Shared, files: bool) -> None:
    async def run() -> None:
        first, second = await shared.opened(), await shared.opened()
        second.journal.append([lives.received(2), lives.placed(2)])
        await second.store.settled()
        died = await asyncio.to_thread(shared.killed, 1, files)
        rounds = [await first.store.take_over(), await second.store.take_over(), await first.store.take_over()]
        while not rounds[0]:
            # The server may take a moment to see that it is gone.
            await asyncio.sleep(0.05)
            rounds[0] = await first.store.take_over()
        assert [[one.process for one in taken] for taken in rounds] == [[died], [], []]
        (hold,) = await first.store.open_holds(died)
        assert (hold.inv, hold.sent_at) == (lives.inv_id(1), lives.sent(1).at)
        assert await second.store.unfinished(died) == [lives.inv_id(1)]
        assert await first.store.open_holds() == []
        assert await second.store.unfinished() == [lives.inv_id(2)], "nobody takes from who lives"
        first.journal.append([lives.settled(1), lives.finished(1)])
        await first.store.settled()
        assert await second.store.open_holds(died) == []
        assert await second.store.unfinished(died) == []
        assert states(await second.store.processes())[died] == "serving"
        await first.store.bury(died)
        assert states(await second.store.processes())[died] == "gone"
        assert await second.store.take_over() == []
        assert await first.store.facts(lives.inv_id(1)) == [fact for frame in under_way(1) for fact in frame] + [
            lives.settled(1),
            lives.finished(1),
        ]
        await second.store.close()
        await first.store.close()

    asyncio.run(run())


def test_who_takes_over_and_dies_leaves_it_to_the_next(shared: Shared) -> None:
    async def run() -> None:
        with shared.living(1, files=False) as (first, one), shared.living(2, files=True) as (second, two):
            for child in (one, two):
                child.send_signal(signal.SIGKILL)
                child.wait()
        middle = await shared.opened()
        assert middle.store.process in (first, second), "it goes on with a journal that nobody has"
        (other,) = {first, second} - {middle.store.process}
        assert len(await middle.store.open_holds()) == 1, "its own, of its earlier life"
        while not (taken := await middle.store.take_over()):
            await asyncio.sleep(0.05)
        assert [one.process for one in taken] == [other]
        await middle.store.close()
        last = await shared.opened()
        assert [one.process for one in await last.store.take_over()] == [other], "it was not buried"
        assert len(await last.store.open_holds(other)) == 1
        await last.store.close()

    asyncio.run(run())


def test_in_sqlite_a_process_alone_and_several_keep_apart_and_follow_each_other(tmp_path: Path) -> None:
    store, journal = tmp_path / "store.db", tmp_path / "journal"
    shared = Shared(str(store), tmp_path)

    async def run() -> None:
        alone = await open_store(store, journal)
        for frame in whole(1):
            alone.journal.append(frame)
        with pytest.raises(StoreInUseError, match=f"in use by process {os.getpid()}"):
            await shared.opened()
        await alone.store.settled()
        main = alone.store.process
        await alone.store.close()
        several = await shared.opened()
        assert several.audit_whole
        for frame in whole(2):
            several.journal.append(frame)
        with pytest.raises(StoreInUseError, match="in use by process"):
            await open_store(store, journal)
        assert await several.store.take_over() == []
        await several.store.settled()
        worker = several.store.process
        await several.store.close()
        died = await asyncio.to_thread(shared.killed, 3)
        assert died == worker
        alone = await open_store(store, journal)
        assert alone.store.process == main
        assert alone.audit_whole, "others added to the chain meanwhile, and anchored it"
        assert [one.process for one in await alone.store.take_over()] == [worker]
        assert await alone.store.unfinished(worker) == [lives.inv_id(3)]
        assert (await alone.store.verify_audit()).problem == ""
        for number, frames in ((1, whole(1)), (2, whole(2)), (3, under_way(3))):
            assert await alone.store.facts(lives.inv_id(number)) == [fact for frame in frames for fact in frame]
        await alone.store.close()

    asyncio.run(run())
