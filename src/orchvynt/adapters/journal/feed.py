"""The bounded queue from the journal to the filer. What does not fit is left out: the filer sees the gap and reads it from the file."""

from collections import deque
from threading import Event

from orchvynt.adapters.journal.frames import Frame


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

    def put(self, frame: Frame) -> None:
        frames = self._frames
        if len(frames) < self._frames_max and self._bytes_put - self._bytes_taken < self._bytes_max:
            self._bytes_put += len(frame.payload)
            frames.append(frame)
        if self.taker_rests:
            self.arrived.set()

    def first(self) -> Frame | None:
        """The oldest frame, left in place."""
        return self._frames[0] if self._frames else None

    def drop_first(self) -> None:
        self._bytes_taken += len(self._frames.popleft().payload)

    def __len__(self) -> int:
        return len(self._frames)
