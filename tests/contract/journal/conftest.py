"""A journal in a folder, and what stands in it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.file import FileJournal
from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.adapters.journal.recovery import Recovery, recover
from orchvynt.model.facts import AnyFact


class Shelf:
    """A journal's folder. `read` recovers it, as a start does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def journal(self, recovery: Recovery | None = None, segment_bytes: int = 1 << 20, feed: Feed | None = None) -> FileJournal:
        at = recovery.append_at if recovery else None
        first = recovery.next_segment if recovery else 1
        queue = Feed(100, 1 << 20) if feed is None else feed
        return FileJournal(self.folder, at, queue, first_segment=first, segment_bytes=segment_bytes)

    def read(self, filed: Position = (0, 0)) -> tuple[list[list[AnyFact]], Recovery]:
        found: list[list[AnyFact]] = []

        def sink(frames: list[Frame], position: Position) -> None:
            assert all(frame.end <= position for frame in frames)
            found.extend(list(frame.facts) for frame in frames)

        return found, recover(self.folder, filed, sink)

    def segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.facts"))


@pytest.fixture
def shelves(tmp_path: Path) -> Callable[[], Shelf]:
    """A new one each time: a property test needs many."""
    return lambda: Shelf(tmp_path / str(len(list(tmp_path.iterdir()))))


@pytest.fixture
def shelf(shelves: Callable[[], Shelf]) -> Shelf:
    return shelves()
