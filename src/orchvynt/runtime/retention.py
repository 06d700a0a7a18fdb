"""What is left of decided reviews, in time: their parked state leaves the records a day after the decision, sealed as evidence where the
policy keeps it; evidence goes when its own time is over.

INVARIANT: a state is dropped only after its evidence is in the store, and neither goes while a legal hold is on its record.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from orchvynt.language.snapshot import Evidence, SecretRef
from orchvynt.lifecycle.reviewed import reviewed
from orchvynt.model.facts import AnyFact, ReviewDecided
from orchvynt.ports.audit import EvidenceRow, HoldRow, StateDue
from orchvynt.ports.clock import Clock
from orchvynt.ports.sealing import Sealed, Sealing, SealingError
from orchvynt.ports.secrets import SecretMissingError, Secrets
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.keeping import Keeping, active_holds
from orchvynt.runtime.policies import Policies

EVERY_S: Final = 60.0
AT_ONCE: Final = 100
LOOK_AGAIN_NS: Final = 24 * 3_600 * 1_000_000_000
"""What is under a legal hold is looked at once a day."""


class Vault:
    """Seals what was reviewed, and opens it again, with the keys that the policy in force names."""

    def __init__(self, secrets: Secrets, sealing: Sealing, policies: Policies) -> None:
        self._secrets = secrets
        self._sealing = sealing
        self._policies = policies

    def seal(self, evidence: Evidence, due: StateDue, decided_at: int, contents: Mapping[str, bytes]) -> EvidenceRow:
        """With the newest key. Raises SecretMissingError, SealingError."""
        key = self._secrets.resolve(evidence.keys[0])
        made = self._sealing.seal(key, msgspec.json.encode(contents), _bound(due.review, due.inv))
        return EvidenceRow(due.review, due.inv, decided_at, decided_at + evidence.for_ns, made.key_id, made.nonce, made.sealed)

    def unseal(self, row: EvidenceRow) -> Mapping[str, bytes] | str:
        """The contents by name, or why they cannot be opened."""
        evidence = self._policies.current.evidence
        for ref in evidence.keys if evidence is not None else ():
            key = self._key(ref)
            if key and self._sealing.key_id(key) == row.key_id:
                try:
                    plain = self._sealing.unseal(key, Sealed(row.key_id, row.nonce, row.sealed), _bound(row.review, row.inv))
                except SealingError as error:
                    return f"The content cannot be opened: {error}."
                return msgspec.json.decode(plain, type=dict[str, bytes])
        return f"The content is sealed with the key {row.key_id}, which the policy in force does not name (`journal.keep_evidence`)."

    def _key(self, ref: SecretRef) -> str:
        try:
            key = self._secrets.resolve(ref)
            self._sealing.key_id(key)
        except (SecretMissingError, SealingError):
            return ""
        return key


class Retention:
    def __init__(self, store: Store, clock: Clock, policies: Policies, vault: Vault, tell: Callable[[str], None]) -> None:
        self._store = store
        self._clock = clock
        self._policies = policies
        self._vault = vault
        self._tell = tell
        self._told = ""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.tend()
            except (StoreUnavailableError, msgspec.MsgspecError) as error:
                self._trouble(f"what is due to be dropped could not be: {error}")

    async def tend(self) -> None:
        """All that is due now. Raises StoreUnavailableError."""
        now = self._clock.now()
        holds = await active_holds(self._store)
        keeping = Keeping(self._store, self._clock, self._policies.current)
        while due := await self._store.states_due(now, AT_ONCE):
            if not await self._drop(due, keeping, holds, now):
                return
        await self._expire(keeping, holds, now)

    async def _drop(self, due: Sequence[StateDue], keeping: Keeping, holds: Sequence[HoldRow], now: int) -> bool:
        """False where evidence cannot be sealed at present: then nothing more is dropped."""
        held: list[StateDue] = []
        free: list[StateDue] = []
        evidence = self._policies.current.evidence
        for one in due:
            record = await self._store.facts(one.inv)
            if holds and keeping.held_by(holds, record) is not None:
                held.append(one)
                continue
            if evidence is not None:
                try:
                    await self._seal(evidence, one, record)
                except (SecretMissingError, SealingError) as error:
                    self._trouble(f"evidence cannot be sealed, so nothing reviewed is dropped: {error}")
                    return False
            free.append(one)
        if held:
            await self._store.postpone_states(held, now + LOOK_AGAIN_NS)
        if free:
            await self._store.drop_states(free)
        self._told = ""
        return True

    async def _seal(self, evidence: Evidence, one: StateDue, record: Sequence[AnyFact]) -> None:
        contents = reviewed(record, one.review)
        decided = next((fact for fact in record if isinstance(fact, ReviewDecided) and fact.review == one.review), None)
        if contents and decided is not None:
            await self._store.keep_evidence(self._vault.seal(evidence, one, decided.at, contents))

    async def _expire(self, keeping: Keeping, holds: Sequence[HoldRow], now: int) -> None:
        after = ""
        while rows := await self._store.expired_evidence(now, AT_ONCE, after):
            after = rows[-1].review
            gone = [row.review for row in rows if not holds or keeping.held_by(holds, await self._store.facts(row.inv)) is None]
            if gone:
                await self._store.drop_evidence(gone)

    def _trouble(self, text: str) -> None:
        """Once, until it is over."""
        if text != self._told:
            self._told = text
            self._tell(f"warning: {text}")


def _bound(review: str, inv: str) -> bytes:
    return f"{review}\n{inv}".encode()
