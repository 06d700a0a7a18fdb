"""Several processes over one memory store, each with everything that assembly puts together, and hints between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.support.carrying import BreakableStore, FakeSecrets, Runtime
from tests.support.changing import FakeAbout

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.adapters.memory.wakeups import MemoryWakeups, Room
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.processes import ProcessRow, ProcessState
from orchvynt.runtime.changing import Changing
from orchvynt.runtime.keyring import Keyring
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.replicating import Replicating
from orchvynt.runtime.tasks import Tasks

SILENT_NS: Final = 60_000_000_000


class PeerIds:
    """Implements ports.clock.Ids, of one process."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._count = 0

    def new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._count:06d}{self._process}"

    def chance(self) -> float:
        return 0.5


def seen_by(store: BreakableStore, process: str, rows: dict[str, ProcessRow]) -> BreakableStore:
    """The same store, as one of several processes has it. `rows` are all of them."""

    class Seen(BreakableStore):
        @property
        def process(self) -> str:
            return process

        @property
        def is_shared(self) -> bool:
            return True

        async def processes(self) -> list[ProcessRow]:
            self._check_open()
            return list(rows.values())

    made = Seen.__new__(Seen)
    made.__dict__ = store.__dict__
    return made


class Process(Runtime):
    """One of them. What it is asked is answered; what it follows, it follows when it is told to look, or hears a hint."""

    def __init__(self, policy: Snapshot, store: BreakableStore, room: Room) -> None:
        secrets = FakeSecrets(HOOK_SECRET="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        self.wakeups = MemoryWakeups(room)
        ids = PeerIds(store.process)
        super().__init__(policy, secrets, store, peers=Peers(store, self.wakeups, ids, Tasks(), store.process))
        self.keyring = Keyring(store, self.clock)
        self.keyring.changed = lambda: self.peers.tell("keys")
        self.about = FakeAbout()
        self.about.name = f"here:{store.process}"
        self.lacks = ""
        self.replicating = Replicating(
            self.policies,
            store,
            InlineChecking(),
            self.clock,
            self.about,
            self.peers,
            self.keyring,
            lambda _: self.lacks,
            self.said.append,
        )
        self.replicating.pulsed = self.following.pulsed
        self.changing = Changing(self.policies, store, InlineChecking(), secrets, self.clock, self.about, ids, others=self.replicating)


class Fleet:
    """Named prc_0, prc_1 …"""

    def __init__(self, policy: Snapshot, count: int) -> None:
        self.rows: dict[str, ProcessRow] = {}
        self.room = Room()
        self._policy = policy
        self._store = BreakableStore()
        self.all: list[Process] = []
        for _ in range(count):
            self.add()

    def add(self) -> Process:
        process = f"prc_{len(self.rows)}"
        self.stands(process, "serving")
        made = Process(self._policy, seen_by(self._store, process, self.rows), self.room)
        self.all.append(made)
        return made

    def stands(self, process: str, state: ProcessState, silent_ns: int = 0) -> None:
        self.rows[process] = ProcessRow(process, process, "here", 1, "0", 0, 0, state, silent_ns)


@asynccontextmanager
async def fleet(policy: Snapshot, count: int) -> AsyncIterator[Fleet]:
    """All of them hear one another, and look once a second."""
    made = Fleet(policy, count)
    try:
        for one in made.all:
            await one.wakeups.start()
            one.tasks.start(one.replicating.run(), "others")
        yield made
    finally:
        for one in made.all:
            await one.wakeups.close()
            await one.tasks.stop()
