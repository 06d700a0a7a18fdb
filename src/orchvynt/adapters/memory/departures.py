"""What is known of the callers of parked invocations, over a dict: a part of the store."""

from collections.abc import Sequence

from orchvynt.adapters.departures import DepartureFact, fold_departures
from orchvynt.ports.departures import Departure


class MemoryDepartures:
    """Implements ports.departures.Departures."""

    def __init__(self) -> None:
        super().__init__()
        self._departures: dict[str, Departure] = {}

    def file_departures(self, facts: Sequence[DepartureFact]) -> None:
        if facts:
            self._departures = fold_departures(self._departures, facts)

    async def departures(self) -> list[Departure]:
        return list(self._departures.values())
