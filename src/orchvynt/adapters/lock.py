"""Lock files, which the kernel releases when their holder dies: of a store, of a journal. They are never removed, which would be a race."""

import fcntl
import os
from pathlib import Path

from orchvynt.ports.store import StoreInUseError, StoreUnavailableError


class Lock:
    """Held from construction to `close()`. `shared`: with others that share it. `waits`: until it can be had. `named`: the file says
    who holds it. Raises StoreInUseError (names the holder), StoreUnavailableError."""

    def __init__(self, path: Path, what: str, *, shared: bool = False, waits: bool = False, named: bool = True) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailableError(f"{what} is unavailable: {path} cannot be made ({error.strerror}). Check the directory.") from error
        try:
            fcntl.flock(self._fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if waits else fcntl.LOCK_NB))
            if named:
                os.truncate(self._fd, 0)
                os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreInUseError(f"{what} is in use by process {holder}. Stop that process, or name another one with --store.") from None
        except OSError as error:
            os.close(self._fd)
            raise StoreUnavailableError(f"{what} is unavailable: {path} cannot be locked ({error.strerror}).") from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
