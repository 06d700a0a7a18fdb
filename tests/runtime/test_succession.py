"""What processes left that died is carried to its end once, also where the store goes away in between."""

import asyncio
from collections.abc import Sequence

from tests.contract.store import lives
from tests.support.clock import FakeClock

from orchvynt.adapters.memory.journal import MemoryJournal
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.language.compile import load
from orchvynt.model import facts
from orchvynt.ports.processes import ProcessState, TakenOver
from orchvynt.ports.store import OpenHold, StoreUnavailableError
from orchvynt.runtime.succession import Succession

DIED = TakenOver("prc_died", "/journal", ("torn",))


class Shared(MemoryStore):
    """Of which a process died. `away`: how many further calls find no store."""

    def __init__(self) -> None:
        super().__init__()
        self.buried: list[str] = []
        self.beats: list[ProcessState] = []
        self.away = 0
        self.problem = "it is away."
        self._left: list[TakenOver] = [DIED]

    @property
    def is_shared(self) -> bool:
        return True

    def _ask(self) -> None:
        if self.away:
            self.away -= 1
            raise StoreUnavailableError(self.problem)

    async def beat(self, state: ProcessState) -> None:
        self.beats.append(state)

    async def take_over(self) -> list[TakenOver]:
        self._ask()
        left, self._left = self._left, []
        return left

    async def settled(self) -> None:
        self._ask()

    async def open_holds(self, process: str = "") -> list[OpenHold]:
        return await super().open_holds() if process == DIED.process else []

    async def unfinished(self, process: str = "") -> list[str]:
        return await super().unfinished() if process == DIED.process else []

    async def bury(self, process: str) -> None:
        self._ask()
        self.buried.append(process)


class Policies:
    loaded = load("version: 1\nproviders: {o: {kind: openai}}\nmodels: {gpt-4o: {provider: o}}\n", "policy.yaml")

    @property
    def current(self) -> object:
        return self.loaded.snapshot


class World:
    def __init__(self, taken_over: Sequence[TakenOver] = ()) -> None:
        self.store = Shared()
        self.journal = MemoryJournal(self.store)
        self.said: list[str] = []
        self.succession = Succession(self.store, self.journal, FakeClock(), Policies(), self.said.append, taken_over)  # type: ignore[arg-type]
        frames: list[list[facts.AnyFact]] = [
            [lives.received(1), lives.placed(1)], [lives.sent(1)], [lives.received(2), lives.placed(2)], [lives.received(3)],
        ]  # fmt: skip
        for frame in frames:
            self.journal.append(frame)

    def look(self, beats: bool = False) -> None:
        asyncio.run(self.succession.look(beats))

    def record(self, number: int) -> list[str]:
        return [type(fact).__name__ for fact in asyncio.run(self.store.facts(lives.inv_id(number)))]


def check(world: World) -> None:
    assert world.record(1).count("AttemptSettled") == 1
    assert world.record(2).count("HoldVoided") == 1
    for number in (1, 2, 3):
        assert world.record(number).count("InvocationFinished") == 1
    assert world.store.buried == [DIED.process]
    ended = [line for line in world.said if "looked after" not in line][-1]
    assert ended == "process prc_died died; what it had open has ended here: 2 attempts (1 at their bound), 3 invocations"


def test_what_a_process_left_ends_once() -> None:
    world = World()
    world.look(beats=True)
    check(world)
    assert world.said[0] == "/journal: torn"
    world.look()
    check(world)
    assert world.store.beats == ["serving"]
    (last,) = asyncio.run(world.store.facts(lives.inv_id(3)))[-1:]
    assert isinstance(last, facts.InvocationFinished)
    assert last.outcome == "interrupted"


def test_a_store_that_goes_away_in_between_makes_nothing_twice() -> None:
    for away in range(1, 6):
        world = World()
        world.store.away = away
        for _ in range(away + 1):
            world.look()
        check(world)
        assert sum("cannot be looked after now: it is away." in line for line in world.said) == 1, "said once"


def test_an_outage_is_said_once_whatever_its_words_and_so_is_its_end() -> None:
    world = World()
    for problem in ("it is away since 5 s.", "the connection was lost.", "it is away since 7 s."):
        world.store.away, world.store.problem = 1, problem
        world.look()
    world.look()
    world.look()
    said = [line for line in world.said if "looked after" in line]
    assert said == [
        "warning: processes that died cannot be looked after now: it is away since 5 s.",
        "processes that died are looked after again",
    ]
    check(world)


def test_those_of_the_start_are_only_buried() -> None:
    world = World([TakenOver("prc_of_the_start", "/other")])
    world.store._left = []
    world.look()
    assert world.store.buried == ["prc_of_the_start"]
    assert world.record(1) == ["InvocationReceived", "HoldPlaced", "AttemptSent"]


def test_who_drains_says_so() -> None:
    world = World()
    asyncio.run(world.succession.drain())
    assert world.store.beats == ["draining"]
