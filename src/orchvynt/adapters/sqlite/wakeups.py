"""Hints between processes of one machine: each has a datagram socket in a directory beside the store, and sends to all others there.

A socket that is full is tried again; one that nobody holds any more is removed by whoever finds it.
"""

import asyncio
import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchvynt.adapters.hints import Hint, Waiting, decoded, encoded
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.ports.wakeups import Heard, Topic

_SUFFIX: Final = ".socket"
_AGAIN_S: Final = 0.02
_DATAGRAM_BYTES: Final = 16 * 1024
_NAME_BYTES: Final = 8


def place_of(store: Path) -> Path:
    """Where the processes that share this file meet."""
    return store.with_name(store.name + ".wakeups")


class SocketWakeups:
    """Implements ports.wakeups.Wakeups. `directory` is made where it is not there."""

    alone = False

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._name = os.urandom(_NAME_BYTES).hex() + _SUFFIX
        self._folder = -1
        self._socket: socket.socket | None = None
        self._heard: list[Heard] = []
        self._due = Waiting()
        # What a full socket could not take, by its name.
        self._late: dict[str, Waiting] = {}
        self._again: asyncio.TimerHandle | None = None

    def listen(self, heard: Heard) -> None:
        self._heard.append(heard)

    async def start(self) -> None:
        """Raises StoreUnavailableError where no socket can be had there."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            own.setblocking(False)
            own.bind(self._address(self._name))
        except OSError as error:
            raise StoreUnavailableError(
                f"processes that share the store cannot meet in {self._directory}: {error.strerror or error}. Check the directory; on some "
                "systems a socket's path has at most 103 bytes."
            ) from error
        self._socket = own
        asyncio.get_running_loop().add_reader(own, self._readable)

    def _address(self, name: str) -> str:
        """Through the directory's descriptor where that is possible: a path may be longer than an address of a socket."""
        here = f"/proc/self/fd/{self._folder}"
        return f"{here}/{name}" if os.path.isdir(here) else str(self._directory / name)

    def tell(self, topic: Topic, payload: str = "") -> None:
        if self._socket is None:
            return
        if not self._due:
            asyncio.get_running_loop().call_soon(self._send_due)
        self._due.add((topic, payload))

    def _send_due(self) -> None:
        hints = self._due.take()
        with suppress(OSError):
            for name in os.listdir(self._folder) if self._socket is not None else ():
                if name.endswith(_SUFFIX) and name != self._name:
                    late = self._late.setdefault(name, Waiting())
                    for hint in hints:
                        late.add(hint)
        self._send_late()

    def _send_late(self) -> None:
        self._again = None
        for name, late in list(self._late.items()):
            while late and self._send(name, late.first()):
                late.sent(late.first())
            if not late:
                self._late.pop(name, None)
        if self._late and self._socket is not None:
            self._again = asyncio.get_running_loop().call_later(_AGAIN_S, self._send_late)

    def _send(self, name: str, hint: Hint) -> bool:
        """Whether it need not be sent again."""
        if self._socket is None:
            return True
        try:
            self._socket.sendto(encoded(hint), self._address(name))
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionRefusedError:
            # INVARIANT: only a socket whose process is gone refuses; a name is used once.
            with suppress(OSError):
                os.unlink(name, dir_fd=self._folder)
        except OSError as error:
            return error.errno != errno.ENOBUFS
        return True

    def _readable(self) -> None:
        while self._socket is not None:
            try:
                data = self._socket.recv(_DATAGRAM_BYTES)
            except OSError:
                return
            topic, payload = decoded(data)
            for heard in self._heard:
                heard(topic, payload)

    async def close(self) -> None:
        own, self._socket = self._socket, None
        if own is None:
            return
        asyncio.get_running_loop().remove_reader(own)
        if self._again is not None:
            self._again.cancel()
        with suppress(OSError):
            os.unlink(self._name, dir_fd=self._folder)
        own.close()
        os.close(self._folder)
