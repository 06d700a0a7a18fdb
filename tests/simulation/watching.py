"""Counts which steps of the lifecycle's table were taken, and notices defects that the machine caught, without changing what it does."""

from collections import Counter
from typing import Any

from orchvynt.assembly.machine import Parts
from orchvynt.lifecycle import events
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.life import Life


def watched(parts: Parts, edges: Counter[tuple[str, str]], defects: list[str]) -> Parts:
    """The same parts; `edges` counts (phase, event)."""
    made: Any = parts.carrier

    class Watched(made):  # type: ignore[misc]  # the class of a carrier is a value here
        def _step(self, life: Life, event: events.AnyEvent) -> bool:
            edges[life.state.phase, type(event).__name__] += 1
            return bool(super()._step(life, event))

        def failed(self, life: Life, error: Exception) -> None:
            if not isinstance(error, JournalUnavailableError):
                defects.append(f"{life.id}: {error!r}")
            super().failed(life, error)

    carrier: type[Carrier] = Watched
    return Parts(parts.ledger, parts.admitting, carrier)
