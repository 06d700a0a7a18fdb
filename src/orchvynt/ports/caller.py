"""The line to one caller, for one request: what the runtime says and what it hears."""

from collections.abc import Callable, Sequence
from typing import Protocol

Headers = Sequence[tuple[str, str]]
SharedHeaders = tuple[tuple[str, str], ...]


class CallerLine(Protocol):
    """Exactly one of `answer` or `start`…`end`/`abort` is said. After the caller has gone every call does nothing.

    The runtime sets the three callbacks; the line calls them at most once (`on_gone`) or in turn (`on_full`, `on_drained`).
    """

    on_gone: Callable[[], None] | None
    on_full: Callable[[], None] | None
    on_drained: Callable[[], None] | None

    @property
    def gone(self) -> bool: ...

    def answer(
        self, status: int, headers: Headers, body: bytes, content_type: str = "application/json", shared: SharedHeaders = ()
    ) -> None:
        """The whole response at once. `shared` are headers that many answers have in common; they are encoded once."""
        ...

    def start(self, status: int, headers: Headers, content_type: str) -> None:
        """The head of a streamed response."""
        ...

    def write(self, data: bytes) -> None: ...

    def end(self) -> None:
        """The response is whole; the connection may be used again."""
        ...

    def abort(self) -> None:
        """The response is not whole: the connection is closed without the final chunk, so no client can take it for complete."""
        ...
