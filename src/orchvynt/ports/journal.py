"""The process's own file of facts: what is appended is there after `kill -9`."""

from collections.abc import Sequence
from typing import Protocol

from orchvynt.model.facts import AnyFact


class JournalUnavailableError(Exception):
    """The facts could not be written, so the effect that they announce must not happen. The message names the cause."""


class Journal(Protocol):
    def append(self, facts: Sequence[AnyFact]) -> None:
        """Writes facts of one invocation as one frame, before it returns. Raises JournalUnavailableError; then none of them was written."""
        ...

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        """The same for several invocations, a frame each, in one write. Raises JournalUnavailableError; then none of any was written."""
        ...
