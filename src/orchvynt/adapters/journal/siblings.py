"""The journals of one machine that lie together: that of a process alone, and below it one for each worker. Who holds which lock lives.

INVARIANT: whoever opens a journal, or takes one over, holds the family's lock until all that the journal held is in the store. So under
that lock each journal belongs to a process that lives and has filed what it found, or can be had.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from orchvynt.adapters.journal.positions import Position
from orchvynt.adapters.journal.segments import list_segments, segment_path
from orchvynt.adapters.lock import Lock
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreInUseError

ALONE: Final = "main"
_WORKER: Final = "worker-"
_WORKERS_MAX: Final = 1024


class Place(NamedTuple):
    """A journal's directory, and the lock that says whose it is. `name` is its name within the family."""

    name: str
    directory: Path
    lock: Lock


class Family:
    """`base` is the directory of a process alone."""

    def __init__(self, base: Path) -> None:
        self._base = base

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits for whoever opens or takes over a journal of the family now. Raises StoreUnavailableError, JournalUnavailableError."""
        _make(self._base)
        lock = Lock(self._base / "opening", f"the journal {self._base}", waits=True, named=False)
        try:
            yield
        finally:
            lock.close()

    def own(self, shared: bool) -> Place:
        """The journal of a process that begins: the family's own, or the first of a worker that nobody has. Raises StoreInUseError,
        StoreUnavailableError, JournalUnavailableError."""
        if not shared:
            return self._place(ALONE, self._base)
        for number in count(1):
            name = f"{_WORKER}{number}"
            _make(self._base / name)
            try:
                return self._place(name, self._base / name)
            except StoreInUseError:
                if number == _WORKERS_MAX:
                    raise
        raise AssertionError("numbers do not end")

    def directories(self) -> Iterator[tuple[str, Path]]:
        """All that there are, with their names."""
        yield ALONE, self._base
        for directory in sorted(self._base.glob(f"{_WORKER}*")):
            if directory.name.removeprefix(_WORKER).isdigit():
                yield directory.name, directory

    def ends(self) -> dict[str, Position]:
        """Where each journal ends that has begun, as the files say, by its name and by its directory."""
        found: dict[str, Position] = {}
        for name, directory in self.directories():
            with suppress(FileNotFoundError):  # what is taken away meanwhile was filed
                if numbers := list_segments(directory):
                    end = numbers[-1], segment_path(directory, numbers[-1]).stat().st_size
                    found[name] = found[str(directory.resolve())] = end
        return found

    def left(self, journals: Container[str] | None) -> Iterator[Place]:
        """Those whose process is gone, of all or of these names or directories. Their locks are the caller's then. Raises
        StoreUnavailableError."""
        for name, directory in self.directories():
            asked = journals is None or name in journals or str(directory.resolve()) in journals
            if asked and (directory / "lock").exists():
                try:
                    place = self._place(name, directory, named=False)
                except StoreInUseError:
                    continue
                yield place

    def _place(self, name: str, directory: Path, named: bool = True) -> Place:
        return Place(name, directory, Lock(directory / "lock", f"the journal {directory}", named=named))


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalUnavailableError(
            f"the journal {directory} cannot be made: {error.strerror}. Check the path and its directory."
        ) from error
