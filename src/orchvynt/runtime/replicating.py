"""Keeps what this process serves as the store has it, whoever changes it: the policy in force, and the secrets of its keys. And asks the
other processes whether they can serve what is about to be put in force here, and whether they do.

Hints come at once; once a second the store is looked at in any case.
"""

import asyncio
import traceback
from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.ports.checking import Checking, CheckingUnavailableError
from orchvynt.ports.clock import Clock
from orchvynt.ports.peers import Pulse, Served
from orchvynt.ports.processes import ProcessRow
from orchvynt.ports.store import PolicyRow, Store, StoreUnavailableError
from orchvynt.runtime.control import About
from orchvynt.runtime.keyring import Keyring
from orchvynt.runtime.others import Replica
from orchvynt.runtime.peers import LOOK_S, Peers
from orchvynt.runtime.policies import Policies, file_of, numbered

ACKNOWLEDGED_WITHIN_S: Final = 1.0
PREPARED_WITHIN_S: Final = 2.0
PREPARED_MAX: Final = 4
AGAIN_NS: Final = 10_000_000_000
"""So often a version is tried that cannot be served here."""

_encode: Final = msgspec.json.Encoder().encode
_decode_prepare: Final = msgspec.json.Decoder(tuple[str, str]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode

Unservable = Callable[[Snapshot], str]
"""Why this process cannot serve a policy: how it was started, or secrets that it does not have; empty if it can."""


class Replicating:
    """Implements runtime.others.Others. `serves` says what this process serves, once it does."""

    def __init__(
        self, policies: Policies, store: Store, checking: Checking, clock: Clock, about: About, peers: Peers, keyring: Keyring,
        unservable: Unservable, say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._policies = policies
        self._store = store
        self._checking = checking
        self._clock = clock
        self._about = about
        self._peers = peers
        self._keyring = keyring
        self._unservable = unservable
        self._say = say
        # By the text: what others asked about is most likely what comes next.
        self._prepared: dict[str, Snapshot] = {}
        self._taking = asyncio.Lock()
        self._hint = asyncio.Event()
        self._served_more = asyncio.Event()
        self._said: Served | None = None
        self._trouble = (0, "")
        self._again_at = 0
        self._keys = -1
        # Told once a second what changed, and who is there.
        self.pulsed: Callable[[Pulse, list[ProcessRow]], None] = lambda _pulse, _rows: None
        self._forgotten: set[str] = set()
        peers.on("policy", lambda _: self._hint.set())
        peers.on("keys", lambda _: self._hint.set())
        peers.on("served", lambda _: self._served_more.set())
        peers.answers("prepare", self._prepare)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look()
            except StoreUnavailableError:
                # What is in force stays; it is looked for again.
                pass
            except Exception:  # noqa: BLE001 - a loop top: a defect at one look must not end the looking
                self._say(f"the look at what other processes changed failed\n{traceback.format_exc()}")
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._hint.wait()
            except TimeoutError:
                pass
            self._hint.clear()

    async def look(self) -> None:
        """Takes over what changed. Raises StoreUnavailableError."""
        pulse = await self._store.pulse()
        if pulse.policy > self._policies.current.version:
            await self.catch_up()
        if pulse.keys != self._keys:
            await self._keyring.load()
            self._keys = pulse.keys
        rows = await self._store.processes()
        self.pulsed(pulse, rows)
        await self._forget({row.process for row in rows if row.state == "gone"})
        await self.serves()
        await self._peers.look()

    async def _forget(self, gone: set[str]) -> None:
        """What processes that are gone said, asked and did for all."""
        if not gone <= self._forgotten:
            known = {one.process for one in await self._store.served()}
            for process in known & gone:
                await self._store.forget_peer(process)
        # One that comes back may go again.
        self._forgotten = gone

    async def catch_up(self) -> None:
        async with self._taking:
            newest, now = (await self._store.pulse()).policy, self._clock.monotonic()
            if newest <= self._policies.current.version or (newest == self._trouble[0] and now < self._again_at):
                return
            self._again_at = now + AGAIN_NS
            row = await self._store.policy(newest)
            assert row is not None, "the history only grows"
            if trouble := await self._take(row):
                if self._trouble != (row.version, trouble):
                    self._say(f"warning: version {row.version} of the policy is in force elsewhere and not here: {trouble}")
                self._trouble = (row.version, trouble)
        await self.serves()

    async def _take(self, row: PolicyRow) -> str:
        """Puts it in force. Gives why not."""
        snapshot = self._prepared.pop(row.yaml, None)
        if snapshot is None:
            try:
                loaded = await self._checking.load(row.yaml, file_of(row))
            except CheckingUnavailableError as error:
                return f"it could not be checked: {error}"
            compiled = numbered(loaded, row)
            if not isinstance(compiled, Snapshot):
                return f"this build cannot compile it: {compiled[0].text}"
            snapshot = compiled
        if why := self._about.unfit(snapshot):
            return why
        if row.version > self._policies.current.version:
            self._policies.put_in_force(msgspec.structs.replace(snapshot, version=row.version, commit=row.commit), row)
            self._about.applied(self._policies.current)
            self._trouble = (0, "")
            self._say(f"serving policy version {row.version}, which {row.author} applied: {row.message}")
        return ""

    async def serves(self) -> None:
        """Says what this process serves, where that changed. Raises StoreUnavailableError."""
        if self._peers.alone:
            return
        policies = self._policies
        row, file = policies.row, policies.file
        follows = file.path if file is not None and file.follows else ""
        trouble = self._trouble[1]
        known = self._said
        if known is not None and (known.version, known.follows, known.trouble) == (row.version, follows, trouble):
            return
        served = Served(self._peers.me, self._about.name, row.version, row.digest, self._clock.now(), follows, trouble)
        await self._store.put_served(served)
        self._said = served
        self._peers.tell("served", str(row.version))

    async def _prepare(self, body: bytes) -> bytes:
        """Whether this process can serve a policy that another one is about to put in force: why not, as JSON."""
        yaml, file = _decode_prepare(body)
        try:
            loaded = await self._checking.load(yaml, file)
        except CheckingUnavailableError as error:
            return _encode(f"it could not be checked there: {error}")
        if loaded.snapshot is None:
            return _encode(f"its build cannot compile it: {loaded.problems[0].text}")
        if why := self._unservable(loaded.snapshot):
            return _encode(why)
        self._prepared[yaml] = loaded.snapshot
        while len(self._prepared) > PREPARED_MAX:
            del self._prepared[next(iter(self._prepared))]
        return _encode("")

    async def fault(self, yaml: str, file: str) -> Fault | None:
        others = await self._peers.in_reach()
        body = _encode((yaml, file))
        answers = await asyncio.gather(*(self._peers.ask(other, "prepare", body, PREPARED_WITHIN_S) for other in others))
        for other, answer in zip(others, answers, strict=True):
            if answer is not None and (why := _decode_text(answer)):
                name = await self._name(other)
                return Fault("policy_invalid", f"The policy cannot be served by {name}, so nothing was applied: {why}")
        return None

    async def _name(self, process: str) -> str:
        return next((one.name for one in await self._store.served() if one.process == process), process)

    @property
    def there(self) -> bool:
        return not self._peers.alone

    async def follower(self) -> str:
        if self._peers.alone:
            return ""
        living = set(await self._peers.in_reach())
        return next((one.follows for one in await self._store.served() if one.follows and one.process in living), "")

    async def told(self, version: int) -> tuple[Replica, ...]:
        if self._peers.alone:
            return ()
        await self.serves()
        self._peers.tell("policy", str(version))
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
                while True:
                    self._served_more.clear()
                    if all(one.version >= version or one.trouble for one in await self.now()):
                        break
                    await self._served_more.wait()
        except TimeoutError:
            pass
        return await self.now()

    async def now(self) -> tuple[Replica, ...]:
        """All that may serve, those that are silent, too. Raises StoreUnavailableError."""
        rows = await self._store.processes() if not self._peers.alone else ()
        served = {one.process: one for one in await self._store.served()} if rows else {}
        return tuple([_replica(row, served.get(row.process)) for row in rows if row.state != "gone" and row.process != self._peers.me])


def _replica(row: ProcessRow, served: Served | None) -> Replica:
    name = served.name if served is not None else f"{row.host}:{row.pid}"
    silent = f"it has said nothing for {row.silent_ns // 1_000_000_000} s" if row.out_of_reach else ""
    if served is None:
        return Replica(name, 0, "", row.began_at, silent or "it has not said yet what it serves")
    return Replica(name, served.version, served.digest, served.since, silent or served.trouble)
