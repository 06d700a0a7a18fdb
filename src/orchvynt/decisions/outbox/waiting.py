"""Which messages are sent when: in their order for each destination and line, again after a failure, and not for ever.

Instants are monotonic nanoseconds. At least once, under one id: a message leaves when it was delivered, or when its patience is at
its end; then it waits for a person. Knows no body: that is in the store.
"""

from typing import Final

import msgspec

SECOND: Final = 1_000_000_000
PATIENCE_NS: Final = 3 * 24 * 3_600 * SECOND
BACKOFF_NS_FIRST: Final = 1 * SECOND
BACKOFF_NS_MAX: Final = 300 * SECOND
IN_FLIGHT_MAX: Final = 4


class Message(msgspec.Struct, frozen=True):
    """`destination` is a name of the policy, `line` what keeps its order: a message waits for those before it of the same line."""

    id: str
    destination: str
    line: str


class Entry(msgspec.Struct):
    """One message that waits, since `since`; it is not sent before `due`. `failures` is how often it was tried."""

    message: Message
    since: int
    due: int
    failures: int = 0
    in_flight: bool = False


class Outbox:
    """The messages of one process: each line in its order, each destination apart."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        # Of each destination its lines, of each line the entries in their order.
        self._lines: dict[str, dict[str, dict[str, Entry]]] = {}
        self._flying: dict[str, int] = {}
        # Destinations that asked for patience, and until when nothing is sent there.
        self._rests: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, message: str) -> bool:
        return message in self._entries

    def waiting(self) -> dict[str, int]:
        """How many there are for each destination."""
        return {name: sum(map(len, lines.values())) for name, lines in self._lines.items()}

    def failures(self) -> dict[str, int]:
        """For each destination, how often the message that was tried most was not taken."""
        return {name: max(entry.failures for line in lines.values() for entry in line.values()) for name, lines in self._lines.items()}

    def add(self, message: Message, mono: int, waited_ns: int = 0, failures: int = 0) -> None:
        """It is due at once. `waited_ns`: it waits for so long already. One that is there stays as it is."""
        if message.id in self._entries:
            return
        entry = self._entries[message.id] = Entry(message, mono - max(0, waited_ns), mono, failures)
        self._lines.setdefault(message.destination, {}).setdefault(message.line, {})[message.id] = entry

    def resting(self) -> list[str]:
        """Those that are not under way."""
        return [name for name, entry in self._entries.items() if not entry.in_flight]

    def due(self, mono: int) -> list[Message]:
        """What is to be sent now; it counts as under way until `delivered`, `failed` or `given_up`."""
        found: list[Message] = []
        self._rests = {name: until for name, until in self._rests.items() if until > mono}
        for name, lines in self._lines.items():
            if name in self._rests:
                continue
            room = IN_FLIGHT_MAX - self._flying.get(name, 0)
            ready = [first for line in lines.values() if not (first := next(iter(line.values()))).in_flight and first.due <= mono]
            # Who waits longest is first: no line is passed over while others keep coming.
            for entry in sorted(ready, key=lambda one: one.due)[: max(0, room)]:
                entry.in_flight = True
                self._flying[name] = self._flying.get(name, 0) + 1
                found.append(entry.message)
        return found

    def delivered(self, message: str) -> None:
        self._remove(message)

    def given_up(self, message: str) -> int:
        """It is not sent any more. Gives how often it was tried."""
        return self._remove(message).failures

    def failed(self, message: str, mono: int, chance: float, wait_ns: int = 0) -> int:
        """It is sent again, after a wait that doubles and has jitter (`chance` in [0, 1)), or after `wait_ns` if its receiver asks for
        that long; until then nothing else is sent there. Gives how often it has failed now."""
        entry = self._entries[message]
        self._landed(entry)
        longest = min(BACKOFF_NS_MAX, BACKOFF_NS_FIRST << min(entry.failures, 20))
        entry.failures += 1
        entry.due = mono + max(longest // 2 + int(longest / 2 * chance), wait_ns)
        if wait_ns:
            name = entry.message.destination
            self._rests[name] = max(self._rests.get(name, 0), mono + wait_ns)
        return entry.failures

    def dropped(self, message: str, mono: int, chance: float) -> None:
        """Nobody is at it any more. If that was said before, nothing changes; else it failed."""
        entry = self._entries.get(message)
        if entry is not None and entry.in_flight:
            self.failed(message, mono, chance)

    def impatient(self, message: str, mono: int) -> bool:
        """Whether it was tried for so long that it is given up."""
        return mono - self._entries[message].since >= PATIENCE_NS

    def _landed(self, entry: Entry) -> None:
        if entry.in_flight:
            entry.in_flight = False
            name = entry.message.destination
            self._flying[name] -= 1
            if not self._flying[name]:
                del self._flying[name]

    def _remove(self, message: str) -> Entry:
        entry = self._entries.pop(message)
        self._landed(entry)
        lines = self._lines[entry.message.destination]
        line = lines[entry.message.line]
        del line[message]
        if not line:
            del lines[entry.message.line]
        if not lines:
            del self._lines[entry.message.destination]
        return entry
