"""Requests that carry an idempotency key: the first of a key begins an invocation, all others are given what that one is given.

Under way they share its tape; ended, they get the kept answer, from a bounded cache or from the store. A request without a key never
comes here.

INVARIANT: between the look into the store and the tape that follows from it, nothing is awaited: of two requests one begins.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from orchvynt.decisions.identity import idempotency as rules
from orchvynt.model.facts import CallerWaits
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Idempotency
from orchvynt.model.repeats import AnswerKept, AnswerRepeated
from orchvynt.ports.caller import CallerLine
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.key_tenures import KeyTenures, UnderWay
from orchvynt.runtime.parked_one import digest
from orchvynt.runtime.recent_answers import Recent
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.tape import Room, Tape
from orchvynt.runtime.tasks import Tasks

# The store bounds its own waiting reads; what comes in a crowd stands in line here.
LOOKS_AT_ONCE: Final = 32


class Limits(msgspec.Struct, frozen=True):
    """What the keys of a process may take up: answers under way (with or without a caller that waits), the bytes of one answer that is
    kept, of all streams under way, and of the cache of kept answers."""

    under_way: int = 16_384
    answer_bytes: int = rules.ANSWER_BYTES_MAX
    stream_bytes: int = 256 * 1024 * 1024
    cache_bytes: int = 4 * 1024 * 1024


USUAL: Final = Limits()


class Asked(msgspec.Struct, frozen=True):
    """One request. `begin` makes it an invocation whose answer goes to the line it is given; `refuse` tells its caller. `until` is how long
    that may be made to wait for an answer of another process (monotonic ns)."""

    key: Idempotency
    inv: str
    line: CallerLine
    request_id: str
    begin: Callable[[CallerLine], None]
    refuse: Callable[[Fault], None]
    until: int


class Repeating:
    """The keys of one process. Implements runtime.tape.Keeper."""

    def __init__(
        self,
        carrier: Carrier,
        reviewing: Reviewing,
        store: Store,
        tasks: Tasks,
        soon: Callable[[Callable[[], None]], object],
        tenures: KeyTenures,
        limits: Limits = USUAL,
    ) -> None:
        self._carrier = carrier
        self._reviewing = reviewing
        self._store = store
        self._tasks = tasks
        self._soon = soon
        self._tenures = tenures
        self._under_way_max = limits.under_way
        self._room = Room(limits.answer_bytes, limits.stream_bytes)
        # All by scope: what is under way, who waits for a look into the store, what was kept lately.
        self._tapes: dict[str, Tape] = {}
        self._looking: dict[str, list[Asked]] = {}
        self._recent = Recent(limits.cache_bytes)
        self._places = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._settled = 0

    def knows(self, scope: str) -> bool:
        """Whether what a key asks for is under way, waits for people, or was kept lately: a request under it makes no new work."""
        now = self._carrier.clock.now()
        under_way = scope in self._tapes or scope in self._looking
        return under_way or self._recent.get(scope, now) is not None or self._carrier.parked.keyed(scope, now) is not None

    def ask(self, asked: Asked) -> None:
        """A request with an idempotency key."""
        scope = asked.key.scope
        tape = self._tapes.get(scope)
        looking = self._looking.get(scope)
        if tape is not None:
            self._attach(tape, asked)
        elif looking is not None:
            looking.append(asked)
        elif (kept := self._recent.get(scope, self._carrier.clock.now())) is not None:
            self._tell_again(kept, asked)
        else:
            self._looking[scope] = [asked]
            self._tasks.start(self._look(scope), f"idempotency key of {asked.inv}")

    async def _look(self, scope: str) -> None:
        """What the store knows of a key decides for all who came meanwhile."""
        try:
            found = await self._found(scope)
        except StoreUnavailableError as error:
            fault = Fault(
                "store_unavailable",
                f"Whether this idempotency key was used before cannot be looked up ({error}), so nothing is sent.",
                "Send the same request again.",
                retry_after_seconds=5,
            )
            for asked in self._looking.pop(scope):
                asked.refuse(fault)
            self._tenures.end(scope)
            return
        # Who left before anything was sent asked for nothing.
        waiting = [asked for asked in self._looking.pop(scope) if not asked.line.gone]
        if found is not None:
            for asked in waiting:
                self._tell_again(found, asked)
        elif waiting:
            self._open(waiting[0])
            for asked in waiting[1:]:
                self.ask(asked)
        if scope not in self._tapes:
            self._tenures.end(scope)

    async def _found(self, scope: str) -> AnswerKept | None:
        """The kept answer. Without one, and without a review of it, this process alone begins an invocation for the key when this returns.
        Raises StoreUnavailableError."""
        while True:
            async with self._places:
                found = await self._kept(scope)
                if found is not None or not self._tenures.needed or self._in_review(scope) or not self._looking[scope]:
                    return found
                first = self._looking[scope][0]
                under_way = await self._tenures.take(first.key, first.inv)
                if under_way is None:
                    # Another process may have kept it in between.
                    return await self._kept(scope)
            self._looking[scope] = self._still_waiting(scope, under_way)
            await self._tenures.wait(scope)

    def _in_review(self, scope: str) -> bool:
        return self._carrier.parked.keyed(scope, self._carrier.clock.now()) is not None

    def _still_waiting(self, scope: str, under_way: UnderWay) -> list[Asked]:
        """Those who may get the answer that is under way at another process; the others are told why not."""
        waiting: list[Asked] = []
        for asked in self._looking[scope]:
            if asked.line.gone:
                continue
            if asked.key.request != under_way.request:
                asked.refuse(rules.mismatch(under_way.inv))
            elif self._carrier.clock.monotonic() >= asked.until:
                asked.refuse(rules.elsewhere(under_way.inv))
            else:
                waiting.append(asked)
        return waiting

    async def _kept(self, scope: str) -> AnswerKept | None:
        """Raises StoreUnavailableError."""
        # What the cache has dropped may not be in the store yet. Once all that was added is, that holds for as many more as it keeps.
        if self._recent.dropped > self._settled:
            added = self._recent.added
            await self._store.settled()
            self._settled = max(self._settled, added)
        found = await self._store.kept_answer(scope)
        return found if found is not None and found.until > self._carrier.clock.now() else None

    def _open(self, asked: Asked) -> None:
        """Nothing is under way and nothing is kept: the key's invocation is in review, or this request begins one."""
        scope = asked.key.scope
        one = self._carrier.parked.keyed(scope, self._carrier.clock.now())
        if one is not None and one.asks != digest(asked.key.request):
            asked.refuse(rules.mismatch(one.inv))
            return
        if len(self._tapes) >= self._under_way_max:
            said = "Too many answers are under way for callers with idempotency keys."
            asked.refuse(Fault("overloaded", said, "Send the same request again.", retry_after_seconds=1))
            return
        inv = one.inv if one is not None else asked.inv
        tape = self._tapes[scope] = Tape(asked.key, inv, self._room, self._soon, self)
        tape.listen(asked.line, asked.request_id)
        if one is not None:
            self._carrier.counting.repeated("joined")
            self._reviewing.join(one, tape, "")
        else:
            asked.begin(tape)

    def _attach(self, tape: Tape, asked: Asked) -> None:
        if tape.key.request != asked.key.request:
            asked.refuse(rules.mismatch(tape.inv))
        elif not tape.replayable:
            asked.refuse(rules.not_replayable(tape.inv))
        else:
            self._carrier.counting.repeated("attached")
            if tape.deserted:
                self._note(tape, "joined")
            tape.listen(asked.line, asked.request_id)

    def _tell_again(self, kept: AnswerKept, asked: Asked) -> None:
        """On record, then word for word."""
        if kept.request != asked.key.request:
            asked.refuse(rules.mismatch(kept.inv))
            return
        try:
            self._carrier.journal.append((AnswerRepeated(kept.inv, self._carrier.clock.now(), kept.status),))
        except JournalUnavailableError as error:
            self._carrier.counting.not_written()
            asked.refuse(Fault("store_unavailable", f"The record cannot be written ({error}).", "Send it again.", retry_after_seconds=5))
            return
        self._carrier.counting.repeated("kept")
        headers = (*kept.headers, ("x-request-id", asked.request_id)) if asked.request_id else kept.headers
        line = asked.line
        if kept.streamed:
            line.start(kept.status, headers, kept.content_type)
            line.write(kept.body)
            line.end()
        else:
            line.answer(kept.status, headers, kept.body, kept.content_type)

    def ended(self, tape: Tape) -> None:
        """See runtime.tape.Keeper: what may be told again is kept; every other end releases the key."""
        self._drop(tape)
        if tape.end_of not in ("answered", "ended") or not tape.replayable or not rules.is_kept(tape.status):
            return
        now = self._carrier.clock.now()
        key, body = tape.key, b"".join(tape.parts)
        kept = AnswerKept(
            tape.inv, now, key.scope, key.request, now + rules.KEPT_NS, tape.status, tape.content_type, tape.headers, body, tape.streamed
        )
        try:
            self._carrier.journal.append((kept,))
        except JournalUnavailableError:
            # The answer itself is on record, and who waits for it gets it; the key is released.
            self._carrier.counting.not_written()
            return
        self._recent.add(kept)

    def deserted(self, tape: Tape) -> None:
        """See runtime.tape.Keeper. What can be told later runs to its end; a review waits without anybody, and what cannot be kept is
        for nobody."""
        one = self._carrier.parked.keyed(tape.key.scope, self._carrier.clock.now())
        if not tape.replayable or (one is not None and one.open):
            self._drop(tape)
            tape.lose()
        else:
            self._note(tape, "gone")

    def _note(self, tape: Tape, how: Literal["gone", "joined"]) -> None:
        """Goes on record with what its life writes next; a life that has not taken its first step has no record yet."""
        life = self._carrier.lives.get(tape.inv)
        if life is not None and life.ahead is None:
            life.unwritten.append(CallerWaits(life.id, self._carrier.clock.now(), how))

    def _drop(self, tape: Tape) -> None:
        if self._tapes.get(tape.key.scope) is tape:
            del self._tapes[tape.key.scope]
            self._tenures.end(tape.key.scope)

    async def forget(self) -> None:
        """Drops what has expired. What the store cannot do now it does the next time."""
        now = self._carrier.clock.now()
        self._recent.forget(now)
        try:
            await self._store.forget_answers(now)
        except StoreUnavailableError:
            return
