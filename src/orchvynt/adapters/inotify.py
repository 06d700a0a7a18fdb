"""Linux's inotify through its own C functions: what happened at some paths. Where it is missing, nothing is told.

Source: inotify(7), https://man7.org/linux/man-pages/man7/inotify.7.html
"""

import ctypes
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

MODIFY: Final = 0x2
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
OVERFLOW: Final = 0x4000
NAMES: Final = MOVED_FROM | MOVED_TO | CREATE | DELETE | CLOSE_WRITE
"""What to ask of a directory: what its names stand for, and who has finished writing. Not each write: a database may lie there."""
_EVENT: Final = struct.Struct("iIII")
_READ_BYTES: Final = 65_536


class Happened(NamedTuple):
    """`name` is that of a directory's entry; empty for the file itself. Both are empty where events were lost."""

    path: str
    name: str
    mask: int


class Inotify:
    """Watches the paths that it was last told. Raises OSError where the system has no inotify, or no more of it."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        if not hasattr(library, "inotify_init1"):
            raise OSError("this system has no inotify")
        self._library = library
        self._descriptor: int = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot be used")
        self._paths: dict[int, str] = {}

    def fileno(self) -> int:
        return self._descriptor

    def watch(self, paths: Mapping[str, int]) -> None:
        """These and no others, each for what it is asked. One that is not there is left out."""
        found: dict[int, str] = {}
        for path, asked in paths.items():
            # For what is watched already this gives the number that it has.
            number: int = self._library.inotify_add_watch(self._descriptor, os.fsencode(path), asked)
            if number >= 0:
                found[number] = path
        for number in self._paths.keys() - found.keys():
            self._library.inotify_rm_watch(self._descriptor, number)
        self._paths = found

    def read(self) -> Iterator[Happened]:
        """What has happened since the last time."""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            number, mask, _, size = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            name = os.fsdecode(data[at : at + size].rstrip(b"\0"))
            at += size
            if mask & OVERFLOW:
                yield Happened("", "", mask)
            elif number in self._paths:
                yield Happened(self._paths[number], name, mask)

    def close(self) -> None:
        os.close(self._descriptor)
