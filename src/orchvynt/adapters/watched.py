"""A policy file on disk: read only when it is whole, however it is written: in place, by renaming, or by swapping a link above it.

Kubernetes swaps the link `..data` beside a ConfigMap's files; git-sync swaps the directory. It never knows what the text means.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from orchvynt.adapters.git import commit_of
from orchvynt.adapters.inotify import CLOSE_WRITE, CREATE, MODIFY, NAMES, Inotify
from orchvynt.ports.watched import FileUnreadableError

BYTES_MAX: Final = 4 * 1024 * 1024
# Two reads so far apart must be equal.
STILL_S: Final = 0.05
# A text without a line break at its end looks as if more were to come.
UNFINISHED_S: Final = 0.5
# Somebody who writes and never closes is waited for so long after the last write.
WRITER_S: Final = 5.0
READS_MAX: Final = 200
LINKS_MAX: Final = 40

Stamp = tuple[str, int, int, int, int]


class DiskFile:
    """Implements ports.watched.WatchedFile. inotify tells of changes at once; without it they are seen by whoever looks at the stamp."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._absolute = os.path.abspath(path)
        self._happened = asyncio.Event()
        self._written_at = 0.0  # by time.monotonic; 0: nobody is writing
        self._places: frozenset[tuple[str, str]] = frozenset()
        self._inotify: Inotify | None = None

    def start(self) -> None:
        """Listens from now on; needs a running event loop."""
        with contextlib.suppress(OSError):
            self._inotify = Inotify()
            self._watch(self._inotify)
            asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._hear, self._inotify)

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def stamp(self) -> Stamp | None:
        return _stamp(self._absolute)

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._happened.wait()
        self._happened.clear()

    async def read(self) -> str:
        """Waits until who writes has finished, and until two reads agree."""
        before: tuple[Stamp | None, bytes] | None = None
        since = time.monotonic()
        for _ in range(READS_MAX):
            now = await asyncio.to_thread(self._read)
            if now != before:
                before, since = now, time.monotonic()
            elif not self._being_written() and time.monotonic() - since >= (STILL_S if now[1].endswith(b"\n") else UNFINISHED_S):
                return self._decoded(now[1])
            await asyncio.sleep(STILL_S)
        raise FileUnreadableError(f"{self.path} never stands still")

    async def commit(self) -> str:
        return await asyncio.to_thread(commit_of, self._absolute)

    def _read(self) -> tuple[Stamp | None, bytes]:
        try:
            with open(self._absolute, "rb") as file:
                data = file.read(BYTES_MAX + 1)
        except OSError as error:
            raise FileUnreadableError(f"{self.path} cannot be read ({error.strerror})") from error
        if len(data) > BYTES_MAX:
            raise FileUnreadableError(f"{self.path} is larger than {BYTES_MAX} bytes")
        return self.stamp(), data

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise FileUnreadableError(f"{self.path} is not UTF-8 (byte {error.start})") from error

    def _being_written(self) -> bool:
        return bool(self._written_at) and time.monotonic() - self._written_at < WRITER_S

    def _hear(self, inotify: Inotify) -> None:
        moved = False
        for path, name, mask in inotify.read():
            if name and (path, name) not in self._places:
                continue
            self._happened.set()
            if mask & MODIFY:
                self._written_at = time.monotonic()
            elif mask & CREATE and not os.path.islink(os.path.join(path, name)):
                # Somebody opened a new file, and will close it.
                self._written_at, moved = time.monotonic(), True
            else:
                self._written_at, moved = 0.0, moved or not mask & CLOSE_WRITE
        if moved:
            self._watch(inotify)

    def _watch(self, inotify: Inotify) -> None:
        places = _places(self._absolute)
        self._places = frozenset(places)
        asked = {folder: NAMES for folder, _ in places}
        inotify.watch({**asked, os.path.join(*places[-1]): MODIFY})


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return os.path.realpath(path), found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _places(path: str) -> list[tuple[str, str]]:
    """(directory, name) of every link on the way to the file, and of the file itself at the end: where a change would show."""
    return list(_walk(Path(path), LINKS_MAX))


def _walk(path: Path, links: int) -> Iterator[tuple[str, str]]:
    """Directory by directory, as the system does when it opens the file."""
    parts = path.parts
    here = parts[0]
    for number, part in enumerate(parts[1:], 1):
        step = os.path.join(here, part)
        try:
            target = os.readlink(step)
        except OSError:
            here = step
            continue
        yield here, part
        if links:
            yield from _walk(Path(os.path.normpath(os.path.join(here, target)), *parts[number + 1 :]), links - 1)
        return
    yield os.path.dirname(here), os.path.basename(here)
