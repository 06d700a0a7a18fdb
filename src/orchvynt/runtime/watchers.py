"""Who waits here for what becomes of an invocation in review: each is told once."""

from collections.abc import Callable


class Watchers:
    """By invocation."""

    def __init__(self) -> None:
        self._of: dict[str, list[Callable[[], None]]] = {}

    def watch(self, inv: str, heard: Callable[[], None]) -> None:
        self._of.setdefault(inv, []).append(heard)

    def unwatch(self, inv: str, heard: Callable[[], None]) -> None:
        watchers = self._of.get(inv)
        if watchers and heard in watchers:
            watchers.remove(heard)
            if not watchers:
                del self._of[inv]

    def tell(self, inv: str) -> None:
        for heard in self._of.pop(inv, ()):
            heard()
