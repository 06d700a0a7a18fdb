"""Secrets from the environment and from files, as far as the operator allowed them. No value ever stands in a message."""

import os
import stat
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from orchvynt.language.snapshot import SecretRef
from orchvynt.ports.secrets import SecretMissingError

DEFAULT_SECRET_ENV: Final = ("*_API_KEY", "*_TOKEN", "*_SECRET", "*_URL", "*_ENDPOINT")
OUR_OWN: Final = frozenset({"ORCHVYNT_ADMIN_TOKEN", "ORCHVYNT_TOKEN"})
DEFAULT_SECRET_DIR: Final = "/run/secrets"  # noqa: S105 - a directory
SECRET_BYTES_MAX: Final = 65_536


class _Read(NamedTuple):
    """A file's value, and the stamp (device, inode, mtime, size) under which it was read."""

    stamp: tuple[int, int, int, int]
    value: str


class EnvSecrets:
    """`environment` is a copy made at start; `globs` is `--secret-env`, `directory` is `--secret-dir`.

    A file is read again when its inode, mtime or size changes. Relative file references are relative to the directory.
    """

    def __init__(
        self, environment: Mapping[str, str], globs: Sequence[str] = DEFAULT_SECRET_ENV, directory: str = DEFAULT_SECRET_DIR
    ) -> None:
        self._environment = environment
        self._globs = tuple(globs)
        self._directory = Path(directory)
        self._files: dict[str, _Read] = {}
        self._variables: dict[str, str] = {}

    def resolve(self, ref: SecretRef) -> str:
        return self._from_env(ref.name) if ref.source == "env" else self._from_file(ref.name)

    def forget(self, ref: SecretRef) -> None:
        if ref.source == "file":
            self._files.pop(ref.name, None)

    def _from_env(self, name: str) -> str:
        known = self._variables.get(name)
        if known is not None:
            return known
        where = f"${{env:{name}}}"
        if name in OUR_OWN:
            raise SecretMissingError(f"{where} is not allowed: it opens OrchVynt itself, and goes to no provider.")
        if not any(fnmatchcase(name, glob) for glob in self._globs):
            allowed = ",".join(self._globs)
            raise SecretMissingError(
                f"{where} is not allowed: its name matches none of --secret-env {allowed}. Start serve with --secret-env {allowed},{name}."
            )
        value = self._environment.get(name)
        if value is None:
            raise SecretMissingError(f"{where} is not set. Set {name} in the environment of serve, and start it again.")
        # The environment is a copy that nobody changes: what was checked once is not checked for every call.
        checked = self._variables[name] = _checked(value, where)
        return checked

    def _from_file(self, name: str) -> str:
        where = f"${{file:{name}}}"
        if ".." in Path(name).parts:
            raise SecretMissingError(f"{where} is not allowed: it has `..` in it. Name the file by its path under --secret-dir.")
        try:
            path = self._directory / name
            known = self._files.get(name)
            if known is not None and _stamp(os.stat(path)) == known.stamp:
                return known.value
            read = self._read(path, where)
        except (OSError, ValueError, RuntimeError) as error:
            # ValueError: a NUL in the name; RuntimeError: a circle of symbolic links.
            cause = error.strerror if isinstance(error, OSError) and error.strerror else "the name is not a usable path"
            raise SecretMissingError(f"{where} cannot be read: {cause}. Put the file under --secret-dir {self._directory}.") from None
        self._files[name] = read
        return read.value

    def _read(self, path: Path, where: str) -> _Read:
        real = path.resolve(strict=True)
        if not real.is_relative_to(self._directory.resolve(strict=True)):
            raise SecretMissingError(
                f"{where} is not allowed: the file is not under --secret-dir {self._directory}. Move it there, or name its directory."
            )
        # O_NONBLOCK: opening a pipe must not hang; O_NOFOLLOW: the path is resolved already, a link now is a swap.
        fd = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise SecretMissingError(f"{where} is not a regular file. Put a file under --secret-dir {self._directory}.")
            data = os.read(fd, SECRET_BYTES_MAX + 3)
        finally:
            os.close(fd)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise SecretMissingError(f"{where} is not UTF-8 text. A secret is one line of text.") from None
        return _Read(_stamp(status), _checked(text, where))


def _checked(text: str, where: str) -> str:
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise SecretMissingError(f"{where} is empty. Give it a value.")
    if len(value.encode(errors="surrogateescape")) > SECRET_BYTES_MAX:
        raise SecretMissingError(f"{where} is longer than {SECRET_BYTES_MAX} bytes, so it cannot be a secret that was meant.")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        # A line break would end a header line of a request to a provider.
        raise SecretMissingError(f"{where} holds a line break or another control character. A secret is one line of text.")
    return value


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
