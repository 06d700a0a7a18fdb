"""The bounded queue from the journal to the filer. What does not fit is left out: the filer sees the gap and reads it from the file."""

from collections import deque
from threading import Event

from orchvynt.adapters.journal.positions import Frame, Position


class Feed:
    """One thread puts, one takes. `put` never blocks."""

    def __init__(self, frames_max: int, bytes_max: int) -> None:
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._frames: deque[Frame] = deque()
        # Two counters with one writer each: an addition to a shared one could be lost between the threads.
        self._bytes_put = 0
        self._bytes_taken = 0
        self.arrived = Event()
        self.taker_rests = False

    def put(self, frames: list[Frame], size: int) -> None:
        """Frames that were written together, of so many bytes: all of them, or none where the queue is full."""
        if len(self._frames) < self._frames_max and self._bytes_put - self._bytes_taken < self._bytes_max:
            self._bytes_put += size
            self._frames.extend(frames)
        if self.taker_rests:
            self.arrived.set()

    def take(self, position: Position, frames_max: int, bytes_max: int) -> list[Frame]:
        """The frames that follow `position` without a gap, taken out; what lies before it is dropped."""
        frames = self._frames
        taken: list[Frame] = []
        size = 0
        while frames and len(taken) < frames_max and size < bytes_max:
            frame = frames[0]
            if frame.start == position:
                taken.append(frame)
                position = frame.end
            elif frame.end > position:
                break
            frames.popleft()
            size += frame.end[1] - frame.start[1]
        self._bytes_taken += size
        return taken

    def begins_at(self) -> Position | None:
        """Where the oldest frame begins."""
        return self._frames[0].start if self._frames else None

    def __len__(self) -> int:
        return len(self._frames)
