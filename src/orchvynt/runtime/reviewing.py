"""Parked invocations as callers and reviewers meet them: a caller joins or polls, a reviewer votes, an escalation falls due.

INVARIANT: between the check that a review is open and the step that decides it, nothing is awaited: one decision wins.
"""

import asyncio
from typing import Final

from orchvynt.decisions.reviews.transitions import Choice, check_vote
from orchvynt.lifecycle import events
from orchvynt.lifecycle.parking import pending
from orchvynt.lifecycle.state import State, decode
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.ports.caller import CallerLine
from orchvynt.ports.store import ReviewRow, Store
from orchvynt.runtime import answers
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.life import Caller, Life
from orchvynt.runtime.parked import ParkedOne
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.tasks import Tasks

POLL_WAIT_MAX_S: Final = 60.0


class Reviewing:
    """Loads a parked life from the store when somebody needs it, once at a time."""

    def __init__(self, carrier: Carrier, store: Store, policies: Policies, tasks: Tasks) -> None:
        self.carrier = carrier
        self.store = store
        self.policies = policies
        self.tasks = tasks
        self._loading: dict[str, asyncio.Task[Life | None]] = {}

    async def load(self, one: ParkedOne) -> Life | None:
        """The life of a parked or decided invocation, from memory or from the store."""
        if one.life is not None:
            return one.life
        task = self._loading.get(one.inv)
        if task is None:
            task = self._loading[one.inv] = self.tasks.start(self._load(one), f"load {one.review}")
            task.add_done_callback(lambda _: self._loading.pop(one.inv, None))
        return await asyncio.shield(task)

    async def _load(self, one: ParkedOne) -> Life | None:
        await self.store.settled()
        stored = await self.store.review_state(one.review)
        if stored is None:
            return None
        state: State = decode(stored)
        snapshot = await self.policies.version(state.policy_version)
        if one.life is not None:
            return one.life
        life = Life(snapshot, state, self.carrier.clock.monotonic())
        if one.open:
            one.life = life
            self.carrier.lives[life.id] = life
        return life

    async def vote(self, review: str, choice: Choice, by: str, reason: str, row: ReviewRow) -> Fault | None:
        """One vote. None if it decided the review."""
        one = self.carrier.parked.review(review)
        if one is None:
            # It was decided longer ago than the index remembers.
            return check_vote(review, row.status, row.by, row.require_reason, reason)
        life = await self.load(one) if one.open else None
        if fault := check_vote(review, one.status, one.by or row.by, row.require_reason, reason):
            return fault
        if life is None:
            return Fault("not_found", f"The answer of review {review} is not in the store.", "See `orchvynt doctor`.")
        status = "approved" if choice == "approve" else "rejected"
        clock = self.carrier.clock
        self.carrier.feed(life, events.Voted(clock.now(), clock.monotonic(), choice, by, reason))
        self._decided(one, life, status, by)
        return None

    def _decided(self, one: ParkedOne, life: Life, status: str, by: str) -> None:
        if one.open and (life.state.phase == "done" or life.state.review != one.review):
            self.carrier.parked.decided(one, status, by)
        if life.state.phase == "in_review":
            self.carrier.let_go(life)

    async def escalate(self, one: ParkedOne) -> None:
        life = await self.load(one)
        if life is None or not one.open:
            return
        clock = self.carrier.clock
        self.carrier.feed(life, events.EscalationDue(clock.now(), clock.monotonic()))
        self._decided(one, life, "expired", "escalation")
        self.carrier.let_go(life)

    def join(self, one: ParkedOne, line: CallerLine, request_id: str) -> None:
        """A caller came back: it waits with the invocation, or gets the answer at once."""
        one.claims += 1
        caller = Caller(line, "asked", request_id)
        self.tasks.start(self._joined(one, caller), f"join {one.review}")

    async def _joined(self, one: ParkedOne, caller: Caller) -> None:
        life = await self.load(one)
        if life is None:
            caller.line.abort()
            return
        if caller.line.gone:
            self.carrier.let_go(life)
            return
        if not one.open:
            self.give(life, caller)
            return
        attached = self.carrier.callers.attach(life, caller.line, caller.form, caller.request_id)
        clock = self.carrier.clock
        self.carrier.feed(life, events.CallerJoined(clock.now(), clock.monotonic()))
        gate = next((gate for gate in life.snapshot.gates if gate.name == life.state.review_gate), None)
        self.carrier.callers.hold_one(life, attached, gate.wait_up_to_ns if gate else None)
        if life.state.invocation.ask.stream:
            life.set_timer("stream_open", clock.monotonic() + 25_000_000_000)

    def give(self, life: Life, caller: Caller) -> None:
        """The decided answer, or the verdict: the same however often it is read."""
        state = life.state
        clock = self.carrier.clock
        if state.verdict is not None:
            answers.refuse(life, caller, state.verdict)
            return
        delivered = facts.AnswerDelivered(life.id, clock.now(), 200, state.candidate.model, state.tier, review=state.review)
        self.carrier.journal.append((delivered,))
        answers.deliver(life, caller, clock.monotonic(), self.carrier.callers.remaining(life))

    def poll(self, one: ParkedOne, line: CallerLine, request_id: str, wait_s: float) -> None:
        """`GET …/result`: the answer if it is decided; else it waits so long for the decision."""
        self.tasks.start(self._poll(one, Caller(line, "result", request_id), min(wait_s, POLL_WAIT_MAX_S)), f"poll {one.inv}")

    async def _poll(self, one: ParkedOne, caller: Caller, wait_s: float) -> None:
        if one.open and wait_s > 0:
            decided = asyncio.Event()
            caller.line.on_gone = decided.set
            self.carrier.parked.watch(one.inv, decided.set)
            try:
                async with asyncio.timeout(wait_s):
                    await decided.wait()
            except TimeoutError:
                pass
            finally:
                self.carrier.parked.unwatch(one.inv, decided.set)
                caller.line.on_gone = None
        if caller.line.gone:
            return
        latest = self.carrier.parked.invocation(one.inv) or one
        life = await self.load(latest)
        if life is None:
            caller.line.abort()
        elif latest.open:
            answers.refuse(life, caller, pending(life.id, latest.review, life.state.review_gate))
            self.carrier.let_go(life)
        else:
            self.give(life, caller)
