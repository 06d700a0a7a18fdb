"""Plays a plan: one life of the machine after another on one store, in one virtual time, with the same providers and callers.

A life has an event loop of its own, so that a killed one is simply never run again. It decides nothing about what is right.
"""

import asyncio
import contextlib
import io
import ssl
from collections.abc import Sequence
from typing import Any, Final

from tests.simulation import timeline as seen
from tests.simulation.callers import request_of
from tests.simulation.disk import Disk, disk_of
from tests.simulation.plan import Call, Plan, Policy, Stop
from tests.simulation.ports import Killed, Mortality, MortalJournal, MortalStore, MortalUpstream, SimulatedLine
from tests.simulation.process import About, Bug, Process, Rules
from tests.simulation.providers import Providers

from orchvynt.adapters.upstream.client import HttpUpstream
from orchvynt.assembly.machine import Foundation, Machine, Parts, put_together
from orchvynt.assembly.policy_file import Started
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import events
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import PolicyRow
from orchvynt.rehearsal.ids import SeededIds
from orchvynt.rehearsal.virtual_time import NANOS, VirtualClock, VirtualLoop
from orchvynt.rehearsal.world import NoSecrets
from orchvynt.runtime.changing import Changing
from orchvynt.runtime.control import Applied, Change
from orchvynt.runtime.granting import Granting
from orchvynt.runtime.operations import Operations
from orchvynt.runtime.policies import numbered
from orchvynt.runtime.sweeping import TICK_S
from orchvynt.scripted.ledger import Arrived, Charge

TICK_NS: Final = round(TICK_S * NANOS)
DRAIN_S: Final = 3
LONGEST_S: Final = 200
"""By then the last caller has been told: every limit of the policies is shorter."""


class World:
    """One seed from its beginning to its end; `timeline` is what came of it."""

    def __init__(self, plan: Plan, rules: Rules, bug: Bug, parts: Parts) -> None:
        self.plan = plan
        self.bug = bug
        self.parts = parts
        self.rules = rules
        self.clock = VirtualClock(plan.start)
        self.ids = SeededIds(plan.seed)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.timeline = seen.Timeline(plan.start)
        self.providers = Providers(plan, self.clock.now, self._in_the_books)
        self.calls = list(plan.calls)
        self.applies = list(plan.applies)
        self.lines: dict[int, SimulatedLine] = {}
        self.process: Process | None = None
        self.mortality: Mortality | None = None
        self.policy = 0

    @property
    def since(self) -> int:
        """Virtual ns since the beginning."""
        return self.clock.monotonic()

    def run(self) -> seen.Timeline:
        complaints = io.StringIO()
        with disk_of(self.plan) as disk, contextlib.redirect_stderr(complaints):
            for stop in (*self.plan.stops, None):
                self._life(disk, stop)
                if stop is not None:
                    self.clock.forward_to(self.since + stop.away_ns)
        if (said := complaints.getvalue()) and "Traceback" in said:
            self.timeline.add(seen.Defect(self.clock.now(), said))
        return self.timeline

    # One life.

    def _life(self, disk: Disk, stop: Stop | None) -> None:
        loop = VirtualLoop(self.clock, self.providers)
        loop.set_exception_handler(self._broken)
        mortality = self.mortality = Mortality(stop.boundary if stop else "", stop.nth if stop else 0, loop.stop)
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._serve(disk, stop, mortality))
        except (Killed, RuntimeError):
            # A loop that is stopped says so with a RuntimeError.
            if not mortality.dead:
                raise
        finally:
            self.process = None
            if mortality.dead:
                self._die(disk, mortality.where)
            asyncio.set_event_loop(None)
            _discard(loop)

    def _die(self, disk: Disk, where: str) -> None:
        self.timeline.add(seen.Ended(self.clock.now(), "kill", where))
        for line in list(self.lines.values()):
            line.lose()
        loop = VirtualLoop(self.clock, self.providers)
        asyncio.set_event_loop(loop)

        async def cut_off() -> None:
            self.providers.cut_off()

        loop.run_until_complete(cut_off())
        _discard(loop)
        disk.killed(where)

    async def _serve(self, disk: Disk, stop: Stop | None, mortality: Mortality) -> None:
        loop = asyncio.get_running_loop()
        process = await self._build(disk, mortality)
        self._schedule(loop, stop)
        if stop is None:
            end = max((one.at for one in self.calls), default=self.since) + LONGEST_S * NANOS
            await self._until(end)
            await self._at_rest()
            await self._leave(disk, process, "end")
        elif stop.how == "kill":
            await self._until(stop.at)
            mortality.kill(stop.boundary if stop.boundary == "time" else "late")
        else:
            await self._until(stop.at)
            await self._drain(process)
            await self._at_rest()
            await self._leave(disk, process, "drain")

    async def _build(self, disk: Disk, mortality: Mortality) -> Process:
        store, journal, through = disk.open()
        mortal_journal = MortalJournal(journal, mortality, self._disk_is_full, self._written)
        mortal_store: Any = MortalStore(store, mortality, through)
        upstream = HttpUpstream(self.clock, tls=self.tls)
        on = Foundation(mortal_store, mortal_journal, self.clock, self.ids, NoSecrets(), MortalUpstream(upstream, mortality), self.rules)
        on = self.bug.foundation(on)
        started = await self._starting(on)
        self._applied(started.row)
        machine = await self._put_together(on, started)
        changing = Changing(machine.policies, on.store, self.rules, NoSecrets(), self.clock, About(self.clock.now()), self.ids)
        granting = Granting(machine.carrier, on.store, self.ids)
        operations = Operations(machine.carrier, machine.deciding, changing, machine.alerting, granting, machine.shedding)
        process = self.process = Process(machine, operations, changing, upstream, mortality)
        self._sweep(machine)
        found = machine.recovered
        self.timeline.add(seen.Began(self.clock.now(), self.policy, found.settled_at_bound, found.voided, found.interrupted))
        return process

    async def _put_together(self, on: Foundation, started: Started) -> Machine:
        """A server that cannot write at its start ends at once; whatever looks after it starts another one."""
        while True:
            try:
                return await put_together(on, started.snapshot, started.row, self.parts)
            except JournalUnavailableError:
                await asyncio.sleep(1)

    async def _starting(self, on: Foundation) -> Started:
        """The store's policy; an empty store gets the plan's first."""
        rows = await on.store.policies()
        row = await on.store.policy(rows[0].version) if rows else None
        if row is None:
            text = self.plan.policies[0].yaml
            snapshot = self.rules.loaded(text).snapshot
            assert snapshot is not None
            row = await on.store.add_policy(text, snapshot.digest, "the first", "simulation", self.clock.now(), 0, "")
            assert row is not None
        compiled = numbered(self.rules.loaded(row.yaml), row)
        assert isinstance(compiled, Snapshot)
        return Started(compiled, row)

    def _sweep(self, machine: Machine) -> None:
        """Ticks where the production sweep would, but leaves out those at which nothing can be due."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        lives = machine.carrier.lives

        def next_look() -> int:
            now = self.clock.monotonic()
            due = min((life.due for life in lives.values()), default=now + NANOS)
            latest = (now // NANOS + 1) * NANOS
            return min(max(-(-due // TICK_NS), now // TICK_NS + 1) * TICK_NS, latest)

        loop.watch(next_look, lambda: machine.sweeping.tick(self.clock.monotonic() // TICK_NS))

    # What happens in it.

    def _schedule(self, loop: asyncio.AbstractEventLoop, stop: Stop | None) -> None:
        """Callers and changes that come before the process ends; whose process is away meanwhile is refused a connection."""
        for call in self.calls:
            if stop is None or call.at < stop.at:
                loop.call_at(max(call.at, self.since) / NANOS, self._ask, call)
        for change in self.applies:
            if stop is None or change.at < stop.at:
                loop.call_at(max(change.at, self.since) / NANOS, self._apply, change.policy)
        self.applies = [change for change in self.applies if stop is not None and change.at >= stop.at]

    def _ask(self, call: Call) -> None:
        process = self.process
        assert process is not None
        self.calls.remove(call)
        self.timeline.add(seen.Asked(self.clock.now(), call.number, self.policy))
        line = self.lines[call.number] = SimulatedLine(process.mortality, lambda line, how: self._heard(call, line, how))
        process.machine.data_plane.handle(request_of(call), line)
        if call.leaves_ns is not None:
            asyncio.get_running_loop().call_later(call.leaves_ns / NANOS, line.leave)

    def _apply(self, policy: Policy) -> None:
        process = self.process
        assert process is not None
        process.machine.tasks.start(self._change(process, policy), "apply")

    async def _change(self, process: Process, policy: Policy) -> None:
        done = await process.changing.apply(Change(policy.yaml, "a change", "simulation", True))
        assert isinstance(done, Applied), done
        self._applied(done.row)

    def _applied(self, row: PolicyRow) -> None:
        self.policy = next(number for number, policy in enumerate(self.plan.policies) if policy.yaml == row.yaml)
        self.timeline.add(seen.Applied(self.clock.now(), row.version, self.policy))

    async def _until(self, at: int) -> None:
        if at > self.since:
            await asyncio.sleep((at - self.since) / NANOS)

    async def _drain(self, process: Process) -> None:
        """As `assembly.serve` stops: finish what is open, bounded; cut what is left, visibly; settle."""
        machine = process.machine
        machine.data_plane.ready = False
        machine.data_plane.draining = True
        carrier = machine.carrier
        until = self.since + DRAIN_S * NANOS
        while self.since < until and any(life.state.phase not in ("in_review", "done") for life in carrier.lives.values()):
            await asyncio.sleep(0.05)
        for life in list(carrier.lives.values()):
            exchange = life.exchange
            seen_of, delivered = (exchange.seen, exchange.delivered_bytes) if exchange else (None, 0)
            carrier.feed(life, events.ShutDown(self.clock.now(), self.clock.monotonic(), seen_of, delivered))
        await asyncio.sleep(1.1)  # What a full disk kept back is written within a second.

    async def _at_rest(self) -> None:
        process = self.process
        assert process is not None
        store = process.operations.store
        await store.settled()
        holds = tuple(hold.attempt for hold in await store.open_holds())
        self.timeline.add(seen.Rest(self.clock.now(), tuple(process.operations.budgets()), holds, tuple(await store.unfinished())))

    async def _leave(self, disk: Disk, process: Process, how: str) -> None:
        await process.machine.tasks.stop()
        await process.upstream.close()
        disk.closed()
        self.timeline.add(seen.Ended(self.clock.now(), how, ""))
        for line in list(self.lines.values()):
            line.lose()
        await asyncio.sleep(0)

    # What is seen of it.

    def _disk_is_full(self) -> bool:
        return any(since <= self.since < until for since, until in self.plan.disk_full)

    def _written(self, facts: Sequence[AnyFact]) -> None:
        self.timeline.add(seen.Written(self.clock.now(), tuple(facts)))

    def _in_the_books(self, entry: Arrived | Charge) -> None:
        at, process = self.clock.now(), self.process
        if isinstance(entry, Charge):
            self.timeline.add(seen.Bill(at, entry, process is None))
            return
        told = tuple(process.operations.budgets()) if process is not None else ()
        self.timeline.add(seen.Arrival(at, entry, told))

    def _heard(self, call: Call, line: SimulatedLine, how: str) -> None:
        self.lines.pop(call.number, None)
        self.timeline.add(seen.Heard(self.clock.now(), call.number, how, line.status, line.headers, line.body))

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Killed) and not (self.mortality is not None and self.mortality.dead):
            self.timeline.add(seen.Defect(self.clock.now(), f"{context.get('message')}: {error!r}"))


def _discard(loop: asyncio.AbstractEventLoop) -> None:
    """Nothing of it runs any more. What is pending is closed here, where every port is dead, and not whenever it is collected."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # as asyncio.gather does
        with contextlib.suppress(BaseException):
            task.get_coro().close()
    loop.close()
