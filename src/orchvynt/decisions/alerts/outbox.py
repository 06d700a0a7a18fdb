"""Which messages are sent when: in their order for each destination and alert, again after a failure, and not for ever.

Instants are monotonic nanoseconds. At least once: a message leaves when it was delivered, or is too old, or when
too many newer ones wait.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.decisions.alerts.memory import Undelivered

SECOND: Final = 1_000_000_000
MESSAGES_MAX: Final = 1_000
AGE_NS_MAX: Final = 24 * 3_600 * SECOND
BACKOFF_NS_FIRST: Final = 1 * SECOND
BACKOFF_NS_MAX: Final = 300 * SECOND
IN_FLIGHT_MAX: Final = 4


class Message(msgspec.Struct, frozen=True):
    """`destination` is a name of the policy, `line` what keeps its order: a message waits for those before it of the same line."""

    id: str
    destination: str
    line: str
    body: bytes


class Entry(msgspec.Struct):
    """One message that waits, since `since`; it is not sent before `due`. `failures` is how often it was tried."""

    message: Message
    since: int
    due: int
    failures: int = 0
    in_flight: bool = False


class Outbox:
    """The messages of one process, oldest first. `changes` counts what came and what left."""

    def __init__(self) -> None:
        self.changes = 0
        self._kept: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def waiting(self) -> dict[str, int]:
        """How many there are for each destination."""
        counts: dict[str, int] = {}
        for entry in self._kept.values():
            name = entry.message.destination
            counts[name] = counts.get(name, 0) + 1
        return counts

    def add(self, message: Message, mono: int) -> list[Message]:
        """Gives what had to make room: the oldest that is not under way."""
        dropped = []
        if len(self._kept) >= MESSAGES_MAX:
            oldest = next((entry for entry in self._kept.values() if not entry.in_flight), None)
            if oldest is None:
                return [message]
            dropped.append(self._remove(oldest.message.id))
        self._keep(Entry(message, mono, mono))
        return dropped

    def remembered(self, at: int, mono: int) -> list[Undelivered]:
        """All of them, for a later process; `at` and `mono` are the same instant."""
        kept = [(one.message, at - (mono - one.since)) for one in self._kept.values()]
        return [Undelivered(message.id, message.destination, message.line, message.body, since) for message, since in kept]

    def recall(self, undelivered: Sequence[Undelivered], at: int, mono: int) -> None:
        """What an earlier process did not deliver; due at once."""
        for one in undelivered[-MESSAGES_MAX:]:
            message = Message(one.id, one.destination, one.line, one.body)
            self._keep(Entry(message, mono - max(0, at - one.since), mono))

    def _keep(self, entry: Entry) -> None:
        self.changes += 1
        self._kept[entry.message.id] = entry

    def too_old(self, mono: int) -> list[Message]:
        """Takes out what was not delivered within a day."""
        late = [entry for entry in self._kept.values() if mono - entry.since >= AGE_NS_MAX and not entry.in_flight]
        return [self._remove(entry.message.id) for entry in late]

    def due(self, mono: int) -> list[Message]:
        """What is to be sent now; it counts as under way until `delivered` or `failed`."""
        found: list[Message] = []
        seen: set[tuple[str, str]] = set()
        flying: dict[str, int] = {}
        for entry in self._kept.values():
            if entry.in_flight:
                flying[entry.message.destination] = flying.get(entry.message.destination, 0) + 1
        for entry in self._kept.values():
            name, line = entry.message.destination, (entry.message.destination, entry.message.line)
            if line in seen:
                continue
            seen.add(line)
            if not entry.in_flight and entry.due <= mono and flying.get(name, 0) < IN_FLIGHT_MAX:
                flying[name] = flying.get(name, 0) + 1
                entry.in_flight = True
                found.append(entry.message)
        return found

    def delivered(self, message: str) -> None:
        self._remove(message)

    def failed(self, message: str, mono: int, chance: float) -> int:
        """It is sent again, after a wait that doubles and has jitter (`chance` in [0, 1)). Gives how often it has failed now."""
        entry = self._kept[message]
        longest = min(BACKOFF_NS_MAX, BACKOFF_NS_FIRST << min(entry.failures, 20))
        entry.failures += 1
        entry.due = mono + longest // 2 + int(longest / 2 * chance)
        entry.in_flight = False
        return entry.failures

    def _remove(self, message: str) -> Message:
        self.changes += 1
        return self._kept.pop(message).message
