"""Where the command line keeps its sessions: one file that only its owner can read, one session for each server. Never shown."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = "sessions.json"
BYTES_MAX: Final = 1_000_000
SERVERS_MAX: Final = 100


class Kept(msgspec.Struct, frozen=True):
    email: str
    token: str


class UnkeepableError(Exception):
    """The file cannot be written. The message says where and why."""


class KeptSessions:
    """`environment` says where: `$XDG_CONFIG_HOME/orchvynt`, else `~/.config/orchvynt`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        configured, home = environment.get("XDG_CONFIG_HOME", ""), environment.get("HOME", "")
        # XDG Base Directory Specification: a relative path is to be ignored.
        folder = Path(configured) if Path(configured).is_absolute() else Path(home) / ".config" if home else None
        self._path = folder / "orchvynt" / FILE if folder is not None else None

    def of(self, server: str) -> Kept | None:
        """The session with a server, by its URL."""
        return self._all().get(server)

    def keep(self, server: str, kept: Kept) -> Path:
        """In place of the one before. Raises UnkeepableError."""
        others = [(name, one) for name, one in self._all().items() if name != server][-SERVERS_MAX + 1 :]
        return self._write(dict([*others, (server, kept)]))

    def forget(self, server: str) -> None:
        """Raises UnkeepableError."""
        known = self._all()
        if known.pop(server, None) is not None:
            self._write(known)

    def _all(self) -> dict[str, Kept]:
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(BYTES_MAX), type=dict[str, Kept])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}

    def _write(self, sessions: Mapping[str, Kept]) -> Path:
        if self._path is None:
            raise UnkeepableError("there is no home directory to keep the session in: set HOME or XDG_CONFIG_HOME.")
        beside = self._path.with_name(f"{FILE}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(sessions))
            beside.replace(self._path)
        except OSError as error:
            raise UnkeepableError(f"the session cannot be kept in {self._path} ({error.strerror}).") from error
        return self._path
