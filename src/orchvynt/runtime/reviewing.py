"""Parked invocations as callers meet them: joined, polled, and read from the store when somebody needs them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from orchvynt.dialects import registry
from orchvynt.lifecycle import events
from orchvynt.lifecycle.asked_gates import asked_gate
from orchvynt.lifecycle.state import State, decode
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.lifecycle.waiting_callers import pending
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.ports.caller import CallerLine
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime import answers
from orchvynt.runtime.callers import KEEP_ALIVE_NS
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.life import NEVER, Caller, Life
from orchvynt.runtime.parked_one import ParkedOne
from orchvynt.runtime.parking_lives import STREAM_OPEN_NS
from orchvynt.runtime.policies import Policies, PolicyMissingError
from orchvynt.runtime.tasks import Tasks

POLL_WAIT_MAX_S: Final = 60.0
# The store bounds its own waiting reads; what comes in a crowd (a restart, a thousand polls) stands in line here.
LOADS_AT_ONCE: Final = 32


class StateGoneError(Exception):
    """The review was decided, and what was parked is not kept any more: its person was forgotten."""


UNAVAILABLE: Final = (StoreUnavailableError, JournalUnavailableError, PolicyMissingError)


class Reviewing:
    """Loads a parked life from the store when somebody needs it, once at a time."""

    def __init__(self, carrier: Carrier, store: Store, policies: Policies, tasks: Tasks) -> None:
        self.carrier = carrier
        self.store = store
        self.policies = policies
        self.tasks = tasks
        self._loading: dict[str, asyncio.Task[Life]] = {}
        self._polls: set[asyncio.Event] = set()
        self._ending = False
        self._places = asyncio.Semaphore(LOADS_AT_ONCE)

    async def current(self, one: ParkedOne) -> tuple[ParkedOne, Life]:
        """The newest review of an invocation and its life, from memory or from the store. Raises one of UNAVAILABLE.

        A further review may open while an earlier one's state is read: then that one is read too.
        """
        while True:
            life = one.life if one.life is not None else await self._load(one)
            # A copy that only reviewers wait for is its own newest.
            newest = one if one.after_delivery else self.carrier.parked.invocation(one.inv) or one
            if newest is not one:
                one = newest
            elif one.open and life.state.phase == "done" and not one.elsewhere:
                await self._follow_record(one)
            else:
                return one, self._adopted(one, life)

    async def _follow_record(self, one: ParkedOne) -> None:
        """A step of it failed, and its life with it, while others waited for the same reading. Mostly nothing of the step could be
        written: then it is read anew, and still open. A decision that is on record stands, whatever failed after it."""
        row = await self.store.review(one.review)
        if one.open and row is not None and row.status != "open":
            self.carrier.parked.decided(one, row.status, row.by, row.decided_at)

    async def read(self, one: ParkedOne) -> Life:
        """Its life as the store has it, for whoever only looks. Raises one of UNAVAILABLE."""
        return await self._load(one)

    def _adopted(self, one: ParkedOne, life: Life) -> Life:
        """While a review is open its invocation has one life in this process, whoever loaded it."""
        if not one.open or one.after_delivery or one.elsewhere:
            return life
        if one.life is None:
            one.life = life
            self.carrier.lives[life.id] = life
        return one.life

    async def _load(self, one: ParkedOne) -> Life:
        task = self._loading.get(one.review)
        if task is None:
            task = self._loading[one.review] = self.tasks.start(self._read(one), f"load {one.review}")
            task.add_done_callback(lambda _: self._loading.pop(one.review, None))
        return await asyncio.shield(task)

    async def _read(self, one: ParkedOne) -> Life:
        async with self._places:
            await self.store.settled()
            stored = await self.store.review_state(one.review)
        if stored is None:
            raise StateGoneError(one.review)
        state: State = decode(stored)
        # Whoever waited when this was stored is gone; who comes now joins.
        state.caller_present = False
        state.escalations = one.escalations
        return Life(await self.policies.version(state.policy_version), state, self.carrier.clock.monotonic())

    def join(self, one: ParkedOne, line: CallerLine, request_id: str) -> None:
        """A caller came back: it waits with the invocation, or gets the answer at once."""
        one.claims += 1
        caller = Caller(line, "asked", request_id, self.carrier.clock.monotonic())
        self.tasks.start(self._told_if_unavailable(caller, one.inv, lambda: self._join(one, caller)), f"join {one.review}")

    async def _join(self, one: ParkedOne, caller: Caller) -> None:
        one, life = await self.current(one)
        if caller.line.gone:
            self.carrier.parking.let_go(life)
        elif not _is_pending(one, life):
            self._give(life, caller)
        elif one.elsewhere:
            await self._wait_here(one, life, caller)
        else:
            self._attach(life, caller)

    def _attach(self, life: Life, caller: Caller) -> None:
        clock = self.carrier.clock
        self.carrier.catch_up(life)
        if life.state.phase == "done":
            self._give(life, caller)
            return
        self.carrier.callers.attach(life, caller)
        if not self.carrier.feed(life, events.CallerJoined(clock.now(), clock.monotonic())) or caller not in life.callers:
            return
        gate = asked_gate(life.snapshot, life.state)
        self.carrier.callers.hold_one(life, caller, gate.wait_up_to_ns if gate else None)
        if life.state.invocation.ask.stream:
            life.set_timer("stream_open", clock.monotonic() + STREAM_OPEN_NS)

    def _give(self, life: Life, caller: Caller) -> None:
        """The decided answer, or the verdict: the same however often it is read. Raises JournalUnavailableError."""
        state = life.state
        clock = self.carrier.clock
        if state.verdict is not None:
            answers.refuse(life, caller, state.verdict)
            return
        if state.phase != "done" or state.gates_matched:
            answers.refuse(life, caller, pending(state))
            return
        delivered = facts.AnswerDelivered(life.id, clock.now(), 200, candidate_of(state).model, state.tier, review=state.review)
        self.carrier.journal.append((delivered,))
        answers.deliver(life, caller, clock.monotonic(), self.carrier.callers.remaining(life))

    def poll(self, one: ParkedOne, line: CallerLine, request_id: str, wait_s: float) -> None:
        """`GET …/result`: the answer if it is decided; else it waits so long for the decision."""
        caller = Caller(line, "result", request_id, self.carrier.clock.monotonic())
        wait_s = min(wait_s, POLL_WAIT_MAX_S)
        self.tasks.start(self._told_if_unavailable(caller, one.inv, lambda: self._poll(one, caller, wait_s)), f"poll {one.inv}")

    async def _poll(self, one: ParkedOne, caller: Caller, wait_s: float) -> None:
        clock = self.carrier.clock
        until = clock.monotonic() + int(wait_s * 1_000_000_000)
        if (one.open or one.under_way) and wait_s > 0:
            await self._heard_of(one, caller, until)
        if caller.line.gone:
            return
        one, life = await self.current(one)
        while one.elsewhere and _is_pending(one, life) and clock.monotonic() < until and not caller.line.gone:
            await self._heard_of(one, caller, until)
            one, life = await self.current(one)
        if _is_pending(one, life):
            answers.refuse(life, caller, pending(life.state))
            self.carrier.parking.let_go(life)
        else:
            self._give(life, caller)

    async def _heard_of(self, one: ParkedOne, caller: Caller, until: int) -> None:
        """Returns when something became of an invocation, its caller is gone, or it is `until` (monotonic ns)."""
        heard = asyncio.Event()
        self._polls.add(heard)
        caller.line.on_gone = heard.set
        self.carrier.parked.watchers.watch(one.inv, heard.set)
        try:
            async with asyncio.timeout(max(0, until - self.carrier.clock.monotonic()) / 1_000_000_000):
                await heard.wait()
        except TimeoutError:
            pass
        finally:
            self._polls.discard(heard)
            self.carrier.parked.watchers.unwatch(one.inv, heard.set)
            caller.line.on_gone = None

    async def _wait_here(self, one: ParkedOne, life: Life, caller: Caller) -> None:
        """Another process decides about what this caller waits for: `life` is a copy, and no step of it is taken here."""
        one.waiting += 1
        try:
            self._note_waits(one, "joined")
            how = await self._until_told(one, life, caller)
            self._note_waits(one, how)
        finally:
            one.waiting -= 1

    async def _until_told(self, one: ParkedOne, life: Life, caller: Caller) -> Literal["held", "pending", "gone"]:
        """How that ended: it is held no more, for it has its answer, or was told to come back, or went away."""
        clock, callers = self.carrier.clock, self.carrier.callers
        gate = asked_gate(life.snapshot, life.state)
        life.callers = [caller]
        callers.hold_one(life, caller, gate.wait_up_to_ns if gate else None)
        pulse = clock.monotonic() + STREAM_OPEN_NS if life.state.invocation.ask.stream else NEVER
        while True:
            await self._heard_of(one, caller, min(caller.due, pulse))
            if caller.line.gone:
                return "gone"
            one, now = await self.current(one)
            if not _is_pending(one, now):
                now.callers = [caller]
                self._give(now, caller)
                return "held"
            if clock.monotonic() >= caller.due or self._ending:
                answers.refuse(life, caller, pending(life.state))
                return "pending"
            if clock.monotonic() >= pulse:
                callers.open_held(life)
                pulse = clock.monotonic() + KEEP_ALIVE_NS

    def _note_waits(self, one: ParkedOne, how: Literal["joined", "held", "pending", "gone"]) -> None:
        """Goes on record, so that nobody else joins it meanwhile, or somebody may. Raises JournalUnavailableError."""
        now = self.carrier.clock.now()
        if how != "held":
            self.carrier.journal.append((facts.CallerWaits(one.inv, now, how),))
        if how == "joined":
            self.carrier.parked.changed(False)
        elif how != "held":
            self.carrier.parked.left(one.inv, now)

    def end_polls(self) -> None:
        """Whoever polls is answered at once: the process stops, and the next one is asked again."""
        self._ending = True
        for decided in self._polls:
            decided.set()

    async def _told_if_unavailable(self, caller: Caller, inv: str, work: Callable[[], Awaitable[None]]) -> None:
        """No caller is left without a word because the store is away."""
        try:
            await work()
        except UNAVAILABLE as error:
            fault = Fault(
                "store_unavailable",
                f"The parked answer cannot be read: {error}.",
                "It is not lost; ask again.",
                retry_after_seconds=5,
            )
            # Which dialect it is stands in what cannot be read; Anthropic's error holds all that OpenAI's does.
            said = registry.caller("anthropic_messages").error(fault, inv)
            answers.answer_fault(caller.line, fault, said, [("x-orchvynt-invocation", inv)])
        except StateGoneError:
            fault = Fault("not_found", f"What was parked as {inv} is not kept any more.", "Send the request again, changed.")
            said = registry.caller("anthropic_messages").error(fault, inv)
            answers.answer_fault(caller.line, fault, said, [("x-orchvynt-invocation", inv)])


def _is_pending(one: ParkedOne, life: Life) -> bool:
    """Whether there is still to be decided about it, or what was decided has not come to its end. Of what another process decides, the
    store knows it first: `life` was read from there."""
    return life.state.phase != "done" if one.elsewhere else one.open or one.under_way
