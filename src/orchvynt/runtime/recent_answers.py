"""The answers that were kept last for idempotency keys, in memory: so many bytes of them."""

from typing import Final

from orchvynt.model.repeats import AnswerKept

# What an entry takes up beside its body: headers, digests, the entry itself.
BESIDES_BYTES: Final = 2_048


class Recent:
    """The answers that were kept last, so many bytes of them. `dropped` counts those that had to make room."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._answers: dict[str, AnswerKept] = {}
        self._bytes = 0
        self.dropped = 0

    def get(self, scope: str, now: int) -> AnswerKept | None:
        kept = self._answers.get(scope)
        return kept if kept is not None and kept.until > now else None

    def add(self, kept: AnswerKept) -> None:
        """The newest; the oldest make room."""
        self._remove(kept.scope)
        if _size(kept) > self._bytes_max:
            self.dropped += 1
            return
        self._answers[kept.scope] = kept
        self._bytes += _size(kept)
        while self._bytes > self._bytes_max:
            self._remove(next(iter(self._answers)))
            self.dropped += 1

    def forget(self, now: int) -> None:
        for kept in [kept for kept in self._answers.values() if kept.until <= now]:
            self._remove(kept.scope)

    def _remove(self, scope: str) -> None:
        if (kept := self._answers.pop(scope, None)) is not None:
            self._bytes -= _size(kept)


def _size(kept: AnswerKept) -> int:
    return len(kept.body) + BESIDES_BYTES
