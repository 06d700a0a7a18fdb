"""A file that somebody writes while it is watched: seen at once, read whole, whatever way it is written."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from orchvynt.adapters.watched import BYTES_MAX, DiskFile
from orchvynt.ports.watched import FileUnreadableError

OLD, NEW = "version: 1\nold: true\n", "version: 1\nnew: " + "x" * 100_000 + "\n"
# So long that whoever waits for it has heard of the change, and not of the end of the wait.
LONG_S = 30.0


def plain(path: Path) -> None:
    path.write_text(NEW)


def renamed(path: Path) -> None:
    beside = path.with_name("beside")
    beside.write_text(NEW)
    beside.replace(path)


def removed_and_made(path: Path) -> None:
    path.unlink()
    path.write_text(NEW)


def linked(path: Path) -> None:
    target = path.with_name("target.yaml")
    target.write_text(NEW)
    path.unlink()
    path.symlink_to(target)


def config_map(path: Path) -> None:
    """As Kubernetes does it: the new directory beside the old one, then the link `..data` is swapped by a rename."""
    folder = path.parent
    (folder / "..2").mkdir()
    (folder / "..2" / path.name).write_text(NEW)
    (folder / "..data_tmp").symlink_to("..2")
    (folder / "..data_tmp").replace(folder / "..data")


def folder_swapped(path: Path) -> None:
    """As git-sync does it: the link to the whole directory is swapped."""
    above = path.parent.parent
    (above / "r2").mkdir()
    (above / "r2" / path.name).write_text(NEW)
    (above / "link_tmp").symlink_to("r2")
    (above / "link_tmp").replace(above / "current")


WRITERS = [plain, renamed, removed_and_made, linked, config_map, folder_swapped]


def standing(folder: Path, writer: Callable[[Path], None]) -> Path:
    """The path as it stands before the writer comes."""
    if writer is config_map:
        (folder / "..1").mkdir()
        (folder / "..1" / "policy.yaml").write_text(OLD)
        (folder / "..data").symlink_to("..1")
        (folder / "policy.yaml").symlink_to("..data/policy.yaml")
        return folder / "policy.yaml"
    if writer is folder_swapped:
        (folder / "r1").mkdir()
        (folder / "r1" / "policy.yaml").write_text(OLD)
        (folder / "current").symlink_to("r1")
        return folder / "current" / "policy.yaml"
    (folder / "policy.yaml").write_text(OLD)
    return folder / "policy.yaml"


def watching(path: Path, scenario: Callable[[DiskFile], Coroutine[Any, Any, None]]) -> None:
    """Ends before a `wait` would end by itself, so that only what was heard counts."""

    async def run() -> None:
        file = DiskFile(str(path))
        file.start()
        try:
            await asyncio.wait_for(scenario(file), LONG_S)
        finally:
            file.close()

    asyncio.run(run())


@pytest.mark.parametrize("writer", WRITERS)
def test_every_way_of_writing_is_heard_of_and_read_whole_and_then_once_more(tmp_path: Path, writer: Callable[[Path], None]) -> None:
    path = standing(tmp_path, writer)

    async def scenario(file: DiskFile) -> None:
        assert await file.read() == OLD
        before = file.stamp()
        writer(path)
        await file.wait(LONG_S)
        assert file.stamp() != before
        assert await file.read() == NEW
        # The new file is listened to as well.
        await file.wait(0.05)
        with path.open("a") as more:
            more.write("more: true\n")
        await file.wait(LONG_S)
        assert await file.read() == NEW + "more: true\n"

    watching(path, scenario)


@pytest.mark.parametrize("fresh", [False, True])
def test_half_a_file_is_never_read(tmp_path: Path, fresh: bool) -> None:
    """The writer stops in the middle, at the end of a line, for longer than two reads take."""
    path = tmp_path / "policy.yaml"
    if not fresh:
        path.write_text(OLD)

    async def scenario(file: DiskFile) -> None:
        with path.open("w") as writer:
            writer.write("version: 1\n")
            writer.flush()
            reading = asyncio.ensure_future(file.read())
            await asyncio.sleep(0.3)
            assert not reading.done()
            writer.write("rest: true\n")
        assert await reading == "version: 1\nrest: true\n"

    watching(path, scenario)


def test_a_writer_that_never_closes_is_not_waited_for_forever_after_a_rename(tmp_path: Path) -> None:
    path = standing(tmp_path, plain)

    async def scenario(file: DiskFile) -> None:
        with path.open("a") as writer:
            writer.write("half")
            writer.flush()
            await file.wait(LONG_S)
            renamed(path)
            assert await file.read() == NEW

    watching(path, scenario)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"

    async def scenario(file: DiskFile) -> None:
        async def refused(says: str) -> None:
            with pytest.raises(FileUnreadableError, match=says):
                await file.read()

        await refused("No such file")
        path.write_bytes(b"\xff\n")
        await refused("not UTF-8")
        path.write_bytes(b"x" * (BYTES_MAX + 1))
        await refused("larger than")
        path.unlink()
        path.mkdir()
        await refused("Is a directory")
        path.rmdir()
        path.symlink_to(path)
        await refused("symbolic links")
        assert file.stamp() is None

    watching(path, scenario)


def test_what_happens_beside_the_file_wakes_nobody(tmp_path: Path) -> None:
    path = standing(tmp_path, plain)

    async def scenario(file: DiskFile) -> None:
        with (tmp_path / "orchvynt.db").open("wb") as database:
            for _ in range(50):
                database.write(b"x" * 100)
                database.flush()
        waiting = asyncio.ensure_future(file.wait(0.2))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await waiting

    watching(path, scenario)


def test_there_is_no_commit_where_there_is_no_repository(tmp_path: Path) -> None:
    path = standing(tmp_path, plain)
    assert os.path.exists(path)
    assert asyncio.run(DiskFile(str(path)).commit()) == ""
