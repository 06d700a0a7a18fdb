"""What every part of the memory store has in common: it is open until it is closed."""

from orchvynt.ports.store import StoreUnavailableError


class MemoryPart:
    """The parts of one store share it; each calls `super().__init__()`, so that each has what it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed.")
