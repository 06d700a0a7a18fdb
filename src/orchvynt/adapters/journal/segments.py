"""The journal's directory: which segments there are, how one is made, and how frames are read from it. It never appends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from orchvynt.adapters.journal.frames import HEADER, decode_facts, frame_at, header, length_at, seed_of
from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.ports.journal import JournalUnavailableError

_SUFFIX: Final = ".facts"
_READ_BYTES: Final = 1024 * 1024


class OpenSegment(NamedTuple):
    """`seed` is None when the file has no usable header."""

    number: int
    path: Path
    fd: int
    seed: int | None
    size: int


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:08d}{_SUFFIX}"


def list_segments(directory: Path) -> list[int]:
    return sorted(int(path.stem) for path in directory.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def create_segment(directory: Path, number: int) -> tuple[int, int]:
    """Makes an empty segment, mode 0600; → (file descriptor for appending, seed). It appears with its header or not at all."""
    path = segment_path(directory, number)
    fresh = path.with_suffix(".new")
    seed = int.from_bytes(os.urandom(4), "big")
    fd = os.open(fresh, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        if os.write(fd, header(seed)) != HEADER.size:
            raise OSError(f"{fresh}: the header was only partly written")
        os.rename(fresh, path)
    except OSError:
        os.close(fd)
        raise
    return fd, seed


def sync_directory(directory: Path) -> None:
    """Makes the names in the directory survive a loss of power."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def open_segment(directory: Path, number: int) -> Iterator[OpenSegment]:
    path = segment_path(directory, number)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        seed = seed_of(os.pread(fd, HEADER.size, 0), str(path))
        yield OpenSegment(number, path, fd, seed, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def read_at(fd: int, start: int, count: int) -> bytes:
    """Exactly `count` bytes unless the file ends before."""
    parts: list[bytes] = []
    while count > 0:
        part = os.pread(fd, count, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
        count -= len(part)
    return b"".join(parts)


def read_frames(segment: OpenSegment, start: int, until: int, frames_max: int) -> list[Frame]:
    """Whole frames from `start` up to the offset `until`, at most `frames_max` and about a MiB; empty at `until` or at a bad place."""
    if segment.seed is None:
        return []
    buffer = read_at(segment.fd, start, min(_READ_BYTES, until - start))
    wanted = length_at(buffer, 0)
    if len(buffer) < wanted <= until - start:
        buffer += read_at(segment.fd, start + len(buffer), wanted - len(buffer))
    frames: list[Frame] = []
    at = 0
    while len(frames) < frames_max and (span := frame_at(buffer, at, segment.seed)):
        facts = decode_facts(span.payload, str(segment.path))
        frames.append(Frame((segment.number, start + span.start), (segment.number, start + span.end), span.payload, facts))
        at = span.end
    return frames


def read_behind(directory: Path, position: Position, until: Position, frames_max: int) -> tuple[list[Frame], Position]:
    """Frames that this process appended between two positions, and the position behind them.

    For the filer, when the queue between it and the journal was too short. Raises JournalUnavailableError if what was
    appended cannot be read back, OSError if the file cannot be read.
    """
    while position < until:
        number, offset = position
        with open_segment(directory, number) as segment:
            end = until[1] if number == until[0] else segment.size
            if offset < end:
                frames = read_frames(segment, offset, end, frames_max)
                if not frames:
                    raise JournalUnavailableError(
                        f"{segment.path} is damaged at byte {offset}. Restart serve: it keeps the file aside and files what is whole."
                    )
                return frames, frames[-1].end
        later = [other for other in list_segments(directory) if other > number]
        position = (later[0], HEADER.size) if later else until
    return [], position
