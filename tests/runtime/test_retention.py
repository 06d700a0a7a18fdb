"""States of decided reviews go after a day, sealed first where the policy keeps evidence; a legal hold keeps both."""

import asyncio
from collections.abc import Mapping

import msgspec
from tests.contract.store import lives
from tests.contract.store.test_audit import DAY, state, states_in, whole
from tests.support.snapshots import snapshot

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.adapters.memory.journal import MemoryJournal, open_memory_store
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.adapters.sealing import AesGcm
from orchvynt.language.snapshot import Evidence, SecretRef
from orchvynt.ports.audit import EvidenceRow
from orchvynt.ports.secrets import SecretMissingError
from orchvynt.runtime.keeping import Keeping
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.retention import Retention, Vault

OLD, NEW = SecretRef("file", "/old"), SecretRef("file", "/new")
DECIDED_AT = lives.START + 1 + 90


class Clock:
    def __init__(self) -> None:
        self.at = DECIDED_AT

    def now(self) -> int:
        return self.at

    def monotonic(self) -> int:
        return 0


class Keys:
    def __init__(self, values: Mapping[SecretRef, str]) -> None:
        self.values = dict(values)

    def resolve(self, ref: SecretRef) -> str:
        if ref not in self.values:
            raise SecretMissingError(f"{ref.name} is not there")
        return self.values[ref]

    def forget(self, ref: SecretRef) -> None: ...


class Scene:
    def __init__(self, evidence: Evidence | None = None) -> None:
        self.store: MemoryStore
        self.journal: MemoryJournal
        self.store, self.journal = open_memory_store()
        self.clock = Clock()
        self.keys = Keys({OLD: "ab" * 32, NEW: "cd" * 32})
        self.policies = Policies(self.store, InlineChecking(), msgspec.structs.replace(snapshot(), evidence=evidence))
        self.vault = Vault(self.keys, AesGcm(), self.policies)
        self.said: list[str] = []
        self.retention = Retention(self.store, self.clock, self.policies, self.vault, self.said.append)
        for frame in whole(1, "u-1"):
            self.journal.append(frame)

    async def kept(self) -> list[bytes]:
        return states_in(await self.store.facts(lives.inv_id(1)))

    async def sealed(self) -> EvidenceRow | None:
        return await self.store.evidence(lives.review_id(1))

    async def tend(self, after: int) -> None:
        self.clock.at = DECIDED_AT + after
        await self.retention.tend()


def test_without_evidence_a_state_goes_after_a_day() -> None:
    async def run() -> None:
        scene = Scene()
        await scene.tend(DAY - 1)
        assert (await scene.kept())[0] == state(1)
        await scene.tend(DAY)
        assert await scene.kept() == [b"", b"", b""]
        assert await scene.sealed() is None

    asyncio.run(run())


def test_evidence_is_sealed_first_and_goes_in_its_own_time() -> None:
    async def run() -> None:
        scene = Scene(Evidence(10 * DAY, (NEW, OLD)))
        await scene.tend(DAY)
        assert await scene.kept() == [b"", b"", b""]
        row = await scene.sealed()
        assert row is not None
        assert (row.at, row.until, row.key_id) == (DECIDED_AT, DECIDED_AT + 10 * DAY, AesGcm().key_id("cd" * 32))
        assert b"the answer" not in row.sealed
        opened = scene.vault.unseal(row)
        assert isinstance(opened, Mapping)
        assert opened["request"] == b'{"ask": 1}'
        assert b"the answer" in opened["answer"]
        scene.policies.current = msgspec.structs.replace(scene.policies.current, evidence=Evidence(DAY, (OLD, NEW)))
        assert scene.vault.unseal(row) == opened, "a key that was rotated still opens"
        scene.policies.current = msgspec.structs.replace(scene.policies.current, evidence=Evidence(DAY, (OLD,)))
        assert "does not name" in str(scene.vault.unseal(row))
        await scene.tend(10 * DAY - 1)
        assert await scene.sealed() == row
        await scene.tend(10 * DAY)
        assert await scene.sealed() is None

    asyncio.run(run())


def test_without_its_key_nothing_is_dropped() -> None:
    async def run() -> None:
        scene = Scene(Evidence(10 * DAY, (NEW,)))
        del scene.keys.values[NEW]
        for _ in range(2):
            await scene.tend(DAY)
        assert (await scene.kept())[0] == state(1)
        assert len(scene.said) == 1
        assert "/new is not there" in scene.said[0]
        scene.keys.values[NEW] = "no key"
        await scene.tend(DAY)
        assert "32 random bytes" in scene.said[1]
        scene.keys.values[NEW] = "cd" * 32
        await scene.tend(DAY)
        assert await scene.sealed() is not None

    asyncio.run(run())


def test_a_legal_hold_keeps_state_and_evidence() -> None:
    async def run() -> None:
        scene = Scene(Evidence(3 * DAY, (NEW,)))
        keeping = Keeping(scene.store, scene.clock, scene.policies.current)
        hold = await keeping.hold('user == "u-1"', "token:ana", "T-1")
        assert not hasattr(hold, "code")
        await scene.tend(DAY)
        assert (await scene.kept())[0] == state(1)
        assert await scene.store.states_due(DECIDED_AT + DAY, 9) == []
        await keeping.release(hold.hold, "token:ana", "over")
        await scene.tend(2 * DAY)
        assert await scene.sealed() is not None
        await keeping.hold('"financial" in gates', "token:ana", "T-2")
        await scene.tend(4 * DAY)
        assert await scene.sealed() is not None

    asyncio.run(run())
