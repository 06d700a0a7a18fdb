"""Appends facts to the process's own file, one `write()` per call, before the effects that they announce. It decides nothing.

One thread appends. Its caller holds the lock of the directory, so no other process writes here.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.frames import FRAME_BYTES_MAX, FRAME_HEAD, HEADER, payload_of, seal
from orchvynt.adapters.journal.positions import Position
from orchvynt.adapters.journal.segments import create_segment, list_segments, open_segment, segment_path, sync_directory
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import JournalUnavailableError

SEGMENT_BYTES: Final = 64 * 1024 * 1024


class FileJournal:
    """Goes on at `at`, the end of the last whole frame (as `recovery.recover` found it), or in a new segment if None.

    `sync` `power` adds an fdatasync to each append. Frames are handed to `feed` after they are in the file.
    """

    def __init__(
        self,
        directory: Path,
        at: Position | None,
        feed: Feed,
        *,
        first_segment: int = 1,
        sync: Literal["process", "power"] = "process",
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._directory = directory
        self._feed = feed
        self.power = sync == "power"
        self._segment_bytes = segment_bytes
        self._torn = False
        self._scratch = bytearray()
        self._fd = -1
        self._segment, self._offset = at or (first_segment, HEADER.size)
        if at is None:
            self._start_segment(first_segment)
        else:
            with open_segment(directory, self._segment) as segment:
                if segment.seed is None or segment.size != self._offset:
                    raise JournalUnavailableError(
                        f"{segment.path} does not end at byte {self._offset}; it was not recovered before appending."
                    )
                self._seed = segment.seed
            self._fd = os.open(segment_path(directory, self._segment), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self.end: Position = (self._segment, self._offset)
        """Behind the last frame. Read by the filer's thread, therefore one value."""

    def append(self, facts: Sequence[AnyFact]) -> None:
        if facts:
            self.append_all((facts,))

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        payloads: list[bytes] = []
        scratch, size = self._scratch, FRAME_HEAD.size * len(records)
        try:
            for facts in records:
                payload = payload_of(facts, scratch)
                size += len(payload)
                payloads.append(payload)
        except (TypeError, ValueError, OverflowError, RecursionError) as unfit:
            whose = ", ".join(facts[0].inv for facts in records)
            raise JournalUnavailableError(f"facts of {whose} cannot be encoded: {unfit}. This is a defect of OrchVynt.") from unfit
        if self._torn or self._fd < 0 or self._offset + size > self._segment_bytes:
            self._make_ready(size)
        # INVARIANT: only now, because a new segment has its own seed.
        data, frames = seal(records, payloads, self._seed, self.end)
        try:
            written = os.write(self._fd, data)
            if written != size:
                self._write_rest(data, written)
            if self.power:
                os.fdatasync(self._fd)
        except OSError as error:
            self._take_back()
            raise self._unavailable(error) from error
        self._offset += size
        self.end = (self._segment, self._offset)
        self._feed.put(frames, size)

    def rotate(self) -> None:
        """Goes on in a new segment, so that the one that holds what was filed is deleted. Raises JournalUnavailableError."""
        if self._offset == HEADER.size or self._fd < 0:
            return
        try:
            self._start_segment(self._segment + 1)
        except OSError as error:
            raise self._unavailable(error) from error

    def size_bytes(self) -> int:
        """What the segments hold on disk."""
        return sum(segment_path(self._directory, number).stat().st_size for number in list_segments(self._directory))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write_rest(self, data: bytes, written: int) -> None:
        """A short write is followed by the error that made it short, or by its success."""
        while written < len(data):
            more = os.write(self._fd, data[written:])
            if more == 0:
                raise OSError("the file takes no more bytes")
            written += more

    def _make_ready(self, size: int) -> None:
        """What an append seldom needs: cut off an earlier partial write, go on in a new segment."""
        if self._fd < 0:
            raise JournalUnavailableError(f"the journal {self._directory} is closed.")
        if size > FRAME_BYTES_MAX:
            raise JournalUnavailableError(f"facts of {size} bytes are over the limit of {FRAME_BYTES_MAX} bytes for one append.")
        try:
            if self._torn:
                os.ftruncate(self._fd, self._offset)
                self._torn = False
            if self._offset + size > self._segment_bytes and self._offset > HEADER.size:
                self._start_segment(self._segment + 1)
        except OSError as error:
            raise self._unavailable(error) from error

    def _start_segment(self, number: int) -> None:
        fd, self._seed = create_segment(self._directory, number)
        if self.power:
            os.fdatasync(fd)
            sync_directory(self._directory)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._segment, self._offset = fd, number, HEADER.size
        self.end = (number, HEADER.size)

    def _take_back(self) -> None:
        """Back to the last whole frame. If even that fails, the next append tries again before it writes."""
        try:
            os.ftruncate(self._fd, self._offset)
        except OSError:
            self._torn = True

    def _unavailable(self, error: OSError) -> JournalUnavailableError:
        cause = error.strerror or str(error)
        return JournalUnavailableError(
            f"the journal {self._directory} cannot be written: {cause}. "
            "Nothing is sent without its record. Free space or repair the disk; it goes on by itself."
        )
