"""The answers that were kept last for idempotency keys, in memory: so many bytes of them."""

from typing import Final

from orchvynt.model.repeats import AnswerKept

# What an entry takes up beside its body: headers, digests, the entry itself.
BESIDES_BYTES: Final = 2_048


class Recent:
    """The answers that were kept last, so many bytes of them. They are numbered as they come: `added` is the number of the last one,
    `dropped` the highest of those that had to make room."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._answers: dict[str, tuple[int, AnswerKept]] = {}
        self._bytes = 0
        self.added = 0
        self.dropped = 0

    def get(self, scope: str, now: int) -> AnswerKept | None:
        _, kept = self._answers.get(scope, (0, None))
        return kept if kept is not None and kept.until > now else None

    def add(self, kept: AnswerKept) -> None:
        """The newest; the oldest make room."""
        self._remove(kept.scope)
        self.added += 1
        if _size(kept) > self._bytes_max:
            self.dropped = self.added
            return
        self._answers[kept.scope] = (self.added, kept)
        self._bytes += _size(kept)
        while self._bytes > self._bytes_max:
            self.dropped = max(self.dropped, self._remove(next(iter(self._answers))))

    def forget(self, now: int) -> None:
        for kept in [kept for _, kept in self._answers.values() if kept.until <= now]:
            self._remove(kept.scope)

    def _remove(self, scope: str) -> int:
        """Its number, 0 if it is not there."""
        number, kept = self._answers.pop(scope, (0, None))
        if kept is not None:
            self._bytes -= _size(kept)
        return number


def _size(kept: AnswerKept) -> int:
    return len(kept.body) + BESIDES_BYTES
