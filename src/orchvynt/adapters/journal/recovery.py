"""What a journal holds behind a position, read once at start: torn tails are cut off, damaged segments are kept aside and said.

A torn tail (the last append of a process that died) is the end of the last segment with no whole frame behind it. Anything
else that is not a frame is damage: what stands before and behind it is read, its segment stays under another name, and the
caller gets a value that says how much was lost.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from orchvynt.adapters.journal.frames import HEADER, decode_facts, next_frame
from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.adapters.journal.segments import OpenSegment, list_segments, open_segment, read_at, read_frames, segment_path
from orchvynt.ports.journal import JournalUnavailableError

_FRAMES_PER_READ = 500

Sink = Callable[[list[Frame], Position], None]
"""Takes frames in order, and the position behind them."""


class Damage(msgspec.Struct, frozen=True):
    """A place in the middle of a segment that is no frame. `kept_as` is a second name of the whole segment."""

    segment: str
    kept_as: str
    offset: int
    lost_bytes: int

    @property
    def text(self) -> str:
        where = f"{self.segment} is damaged at byte {self.offset}"
        return f"{where}: {self.lost_bytes} bytes of records are lost; the file is kept as {self.kept_as}"


class Recovery(msgspec.Struct, frozen=True):
    """`append_at` is None when appending has to begin in segment `next_segment`. `missing`: the journal ends before what is filed."""

    append_at: Position | None
    next_segment: int
    frames: int
    torn_bytes: int
    damages: tuple[Damage, ...]
    missing: bool

    @property
    def told(self) -> tuple[str, ...]:
        """What is to be said of it, in lines."""
        torn = f"the journal's last {self.torn_bytes} bytes were torn by a crash; nothing they announced had happened"
        gone = "WARNING: the journal ends before what the store has filed: a file of it was removed or replaced; the store's records stand"
        return (
            *([torn] if self.torn_bytes else ()),
            *(f"WARNING: {damage.text}" for damage in self.damages),
            *([gone] if self.missing else ()),
        )


def recover(directory: Path, filed: Position, sink: Sink) -> Recovery:
    """Gives the sink every whole frame behind `filed`. Raises JournalUnavailableError: unreadable, or of a newer build."""
    try:
        return _Reading(directory, filed, sink).run()
    except OSError as error:
        raise JournalUnavailableError(
            f"the journal {directory} cannot be read: {error.strerror or error}. Repair it, then start again."
        ) from error


class _Reading:
    def __init__(self, directory: Path, filed: Position, sink: Sink) -> None:
        self._directory = directory
        self._filed = filed
        self._sink = sink
        self._frames = 0
        self._torn_bytes = 0
        self._damages: list[Damage] = []
        self._missing = filed[0] > 0

    def run(self) -> Recovery:
        numbers = list_segments(self._directory)
        append_at: Position | None = None
        for number in numbers:
            if number < self._filed[0]:
                continue
            start = self._filed[1] if number == self._filed[0] else HEADER.size
            append_at = self._segment(number, start, is_last=number == numbers[-1])
        newest = numbers[-1] if numbers else 0
        return Recovery(
            append_at=append_at,
            next_segment=max(newest, self._filed[0]) + 1,
            frames=self._frames,
            torn_bytes=self._torn_bytes,
            damages=tuple(self._damages),
            missing=self._missing,
        )

    def _segment(self, number: int, start: int, is_last: bool) -> Position | None:
        """Reads one segment. → where appending may go on, None if not in this segment."""
        with open_segment(self._directory, number) as segment:
            if segment.seed is None:
                self._headless(segment, is_last)
                return None
            if segment.size < start:
                # INVARIANT: nothing is appended before the filed position, or the next start would take it for filed.
                return None
            if number == self._filed[0]:
                self._missing = False
            damaged_before = len(self._damages)
            at = start
            while at < segment.size:
                at = self._whole_frames(segment, at)
                if at < segment.size:
                    at, torn = self._bad_place(segment, at, is_last)
                    if torn:
                        break
            return (number, at) if is_last and len(self._damages) == damaged_before else None

    def _headless(self, segment: OpenSegment, is_last: bool) -> None:
        """A file that never got its header has no frames; with anything behind the header's place it is damaged as a whole."""
        if is_last and segment.size <= HEADER.size:
            self._torn_bytes += segment.size
            os.unlink(segment.path)
            return
        self._keep_aside(segment, 0, segment.size)
        self._sink([], (segment.number, segment.size))

    def _whole_frames(self, segment: OpenSegment, at: int) -> int:
        while frames := read_frames(segment, at, segment.size, _FRAMES_PER_READ):
            self._frames += len(frames)
            self._sink(frames, frames[-1].end)
            at = frames[-1].end[1]
        return at

    def _bad_place(self, segment: OpenSegment, at: int, is_last: bool) -> tuple[int, bool]:
        """→ (where reading goes on, whether it was the torn tail and the segment now ends there)."""
        assert segment.seed is not None
        rest = read_at(segment.fd, at, segment.size - at)
        span = next_frame(rest, 1, segment.seed)
        if span is None and is_last:
            self._torn_bytes += segment.size - at
            os.truncate(segment.path, at)
            return at, True
        lost = span.start if span else len(rest)
        # INVARIANT: kept aside before anything behind it is filed, because filed segments are deleted.
        self._keep_aside(segment, at, lost)
        if span is not None:
            facts = decode_facts(span.payload, str(segment.path))
            end = (segment.number, at + span.end)
            self._frames += 1
            self._sink([Frame((segment.number, at + span.start), end, span.payload, facts)], end)
            return end[1], False
        self._sink([], (segment.number, segment.size))
        return segment.size, False

    def _keep_aside(self, segment: OpenSegment, offset: int, lost_bytes: int) -> None:
        aside = segment.path.with_suffix(".damaged")
        while aside.exists() and not aside.samefile(segment.path):
            aside = aside.with_name(aside.name + "+")  # of an earlier journal in the same directory
        if not aside.exists():
            os.link(segment.path, aside)
        self._damages.append(Damage(str(segment.path), str(aside), offset, lost_bytes))


def has_more(directory: Path, filed: Position) -> bool:
    """Whether a journal may hold anything behind a position. Raises JournalUnavailableError."""
    numbers = list_segments(directory)
    try:
        return bool(numbers) and (numbers[-1], segment_path(directory, numbers[-1]).stat().st_size) > max(filed, (0, HEADER.size))
    except OSError as error:
        raise JournalUnavailableError(f"the journal {directory} cannot be read: {error.strerror}. Repair it.") from error


def delete_filed(directory: Path, filed: Position) -> None:
    """Deletes the segments that are filed as a whole. A segment that cannot be deleted is only waste; the next call tries again."""
    for number in list_segments(directory):
        if number < filed[0]:
            with suppress(OSError):
                segment_path(directory, number).unlink()
