"""What is told of many reviews at once: news of one gate for one destination wait for one another, so that no storm of reviews makes a
storm of messages.

The first news of a quiet gate are told after a moment. While more come, messages are at least `SPACING_NS` apart, and twice as far each
time up to `SPACING_NS_MAX`. A destination with a digest hears once in so long. What opened and was decided before anybody was told is
told as decided only. Instants are monotonic nanoseconds.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from orchvynt.model.facts import ReviewDecided, ReviewEscalated, ReviewOpened, ReviewReminded

SECOND: Final = 1_000_000_000
WAIT_NS: Final = 1 * SECOND
SPACING_NS: Final = 10 * SECOND
SPACING_NS_MAX: Final = 300 * SECOND

Kind = Literal["asks", "outcomes"]
"""What wants something of people, and what tells them that it is over."""
ReviewNews = ReviewOpened | ReviewReminded | ReviewEscalated | ReviewDecided


class Item(msgspec.Struct, frozen=True):
    """One fact for one destination: `seq` is its number in the store."""

    seq: int
    fact: ReviewNews


class Batch(msgspec.Struct, frozen=True):
    """What is told now, in the order in which it happened. `superseded` are items that need not be told any more."""

    destination: str
    gate: str
    kind: Kind
    items: tuple[Item, ...]
    superseded: tuple[int, ...] = ()


class Group:
    """The news of one gate for one destination that wait. `told` is the instant of the last message, and `spacing_ns` how far the next
    one is from it at least."""

    def __init__(self) -> None:
        self.waiting: dict[Kind, list[Item]] = {"asks": [], "outcomes": []}
        self.since: dict[Kind, int] = {}
        self.told: dict[Kind, int] = {}
        self.spacing_ns: dict[Kind, int] = {}

    def due_at(self, kind: Kind, digest_ns: int) -> int | None:
        """None while there are no news."""
        if not self.waiting[kind]:
            return None
        begun = self.since[kind]
        if digest_ns:
            return begun + digest_ns
        told = self.told.get(kind)
        return begun + WAIT_NS if told is None else max(begun + WAIT_NS, told + self.spacing_ns[kind])

    def take(self, kind: Kind, mono: int) -> list[Item]:
        told, taken = self.told.get(kind), self.waiting[kind]
        self.waiting[kind] = []
        before = self.spacing_ns.get(kind, SPACING_NS)
        # A gate that was quiet for as long as its messages are apart, and told of one review only, is quiet again.
        rushed = told is not None and len(taken) > 1 and mono - told < 2 * before
        self.spacing_ns[kind] = min(SPACING_NS_MAX, before * 2) if rushed else SPACING_NS
        self.told[kind] = mono
        return taken


class Gathering:
    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Group] = {}

    def __len__(self) -> int:
        return sum(len(items) for group in self._groups.values() for items in group.waiting.values())

    def add(self, destination: str, gate: str, item: Item, mono: int) -> None:
        group = self._groups.setdefault((destination, gate), Group())
        kind: Kind = "outcomes" if isinstance(item.fact, ReviewDecided) else "asks"
        if not group.waiting[kind]:
            group.since[kind] = mono
        group.waiting[kind].append(item)

    def due(self, mono: int, digests: dict[str, int]) -> list[Batch]:
        """What is to be told now; it is not held here any more. `digests` are those of the destinations, 0 for none."""
        found: list[Batch] = []
        for (destination, gate), group in list(self._groups.items()):
            digest_ns = digests.get(destination, 0)
            kinds: tuple[Kind, ...] = ("asks", "outcomes")
            due = [kind for kind in kinds if (at := group.due_at(kind, digest_ns)) is not None and at <= mono]
            if "outcomes" in due:
                superseded = _supersede(group, (item.fact.review for item in group.waiting["outcomes"]))
                if "asks" in due and not group.waiting["asks"]:
                    due.remove("asks")
            else:
                superseded = ()
            for kind in due:
                gone = superseded if kind == "outcomes" else ()
                found.append(Batch(destination, gate, kind, tuple(group.take(kind, mono)), gone))
            self._forget_quiet(destination, gate, mono)
        return found

    def _forget_quiet(self, destination: str, gate: str, mono: int) -> None:
        group = self._groups[destination, gate]
        if not any(group.waiting.values()) and all(mono - told > SPACING_NS_MAX for told in group.told.values()):
            del self._groups[destination, gate]


def _supersede(group: Group, decided: Iterable[str]) -> tuple[int, ...]:
    """Takes out what is still to be asked of reviews that are decided."""
    over = set(decided)
    gone = tuple([item.seq for item in group.waiting["asks"] if item.fact.review in over])
    group.waiting["asks"] = [item for item in group.waiting["asks"] if item.fact.review not in over]
    return gone
