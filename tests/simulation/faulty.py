"""Production parts with a bug in them: carriers, ledgers and admitting of another class, and what stands in front of a port."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from orchvynt.decisions.budgets.accounts import Line, key_of
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import commands, events
from orchvynt.lifecycle.events import NotAdmitted
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.lifecycle.weighed import Weighed
from orchvynt.model import facts as f
from orchvynt.model.facts import AnyFact, Reserved
from orchvynt.model.money import Price, cost_nanos
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.exchange import Exchange
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import Waiter

HOUR_NS: Final = 3_600_000_000_000
Change = Callable[[AnyFact, Life], Sequence[AnyFact]]


# What is written in place of the facts.


def rewriting(change: Change) -> type[Carrier]:
    class Rewriting(Carrier):
        def _perform(self, life: Life, following: list[commands.AnyCommand], may_wait: bool = False) -> None:
            def changed(command: commands.AnyCommand) -> commands.AnyCommand:
                if not isinstance(command, commands.Record):
                    return command
                return commands.Record(tuple(new for fact in command.facts for new in change(fact, life)))

            super()._perform(life, [changed(command) for command in following], may_wait)

    return Rewriting


def _charged(receipt: f.AttemptSettled, nanos: int, tokens: int) -> f.AttemptSettled:
    usage = msgspec.structs.replace(receipt.usage, input_tokens=tokens, output_tokens=0)
    parts = tuple(msgspec.structs.replace(part, nanos=nanos, tokens=tokens) for part in receipt.reserved)
    return msgspec.structs.replace(receipt, nanos=nanos, usage=usage, reserved=parts)


def refund_on_disconnect(fact: AnyFact, life: Life) -> Sequence[AnyFact]:
    return (_charged(fact, 0, 0),) if isinstance(fact, f.AttemptSettled) and "the caller left" in fact.why else (fact,)


def unknown_at_zero(fact: AnyFact, life: Life) -> Sequence[AnyFact]:
    return (_charged(fact, 0, 0),) if isinstance(fact, f.AttemptSettled) and fact.usage.estimated else (fact,)


def settle_twice(fact: AnyFact, life: Life) -> Sequence[AnyFact]:
    return (fact, fact) if isinstance(fact, f.AttemptSettled) else (fact,)


def stale_price() -> Change:
    """The price that a model had when it was first asked."""
    first: dict[str, Price] = {}

    def change(fact: AnyFact, life: Life) -> Sequence[AnyFact]:
        if isinstance(fact, f.HoldPlaced):
            first.setdefault(fact.model, life.snapshot.models[fact.model].price or Price(0, 0, 0, ""))
        if not isinstance(fact, f.AttemptSettled) or fact.usage.estimated:
            return (fact,)
        price = first[candidate_of(life.state).model]
        nanos = cost_nanos(price, fact.usage.input_tokens, fact.usage.output_tokens)
        parts = tuple(msgspec.structs.replace(part, nanos=nanos) for part in fact.reserved)
        return (msgspec.structs.replace(fact, nanos=nanos, reserved=parts),)

    return change


class VoidsWhatWasSent(Carrier):
    def feed(self, life: Life, event: events.AnyEvent) -> bool:
        if isinstance(event, events.AttemptFailed):
            event = msgspec.structs.replace(event, may_have_run=False)
        return super().feed(life, event)


class CutsLookWhole(Carrier):
    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        self._performers[commands.BreakStream] = self._end_as_if_whole

    def _end_as_if_whole(self, life: Life, command: commands.BreakStream) -> None:
        exchange = life.exchange
        if isinstance(exchange, Exchange) and exchange.relay is not None:
            self.callers.end_stream(life, exchange.relay.finish)
        else:
            self.callers.refuse(life, command.fault)


# The ledger.


class CountsTwice(Ledger):
    def release(self, attempt: str, settled: Iterable[Reserved] = (), at: int = 0) -> Any:
        spent = tuple(settled)
        parts = super().release(attempt, spent, at)
        for part in spent if isinstance(parts, tuple) else ():
            self.open(key_of(part)).put_back(part)
        return parts


class FirstBudgetOnly(Ledger):
    def place(self, attempt: str, lines: Sequence[Line], nanos: int, tokens: int, output: int = 0, calls: int = 0) -> Any:
        return super().place(attempt, lines[:1], nanos, tokens, output, calls)


class KeepsEveryFifth(Ledger):
    def release(self, attempt: str, settled: Iterable[Reserved] = (), at: int = 0) -> Any:
        return "unknown" if int(attempt.split(".")[0][-2:]) % 5 == 0 else super().release(attempt, settled, at)


class RollsOutEarly(Ledger):
    """What was spent in a window that rolls counts for half of it."""

    def account(self, line: Line) -> Any:
        return super().account(msgspec.structs.replace(line, at=line.at + line.terms.rolls_ns // 2))


class Unchecked(Ledger):
    """Without the assertions that would stop what does not fit."""

    def place(self, attempt: str, lines: Sequence[Line], nanos: int, tokens: int, output: int = 0, calls: int = 0) -> Any:
        reserved = tuple(
            Reserved(line.book, line.subject, line.window, nanos, tokens, output, calls, line.terms.rolls_ns, line.resets_at)
            for line in lines
        )
        self.restore(attempt, reserved)
        return reserved


# Who is let in.


class UnderAnotherPolicy(Admitting):
    """Holds are weighed under another snapshot than the invocation's."""

    def seen(self, snapshot: Snapshot) -> Snapshot:
        raise NotImplementedError

    def admit(self, life: Life, command: commands.Admit) -> None:
        real, life.snapshot = life.snapshot, self.seen(life.snapshot)
        super().admit(life, command)
        life.snapshot = real

    def _weigh_again(self, life: Life, waiter: Waiter) -> Short | None:
        real, life.snapshot = life.snapshot, self.seen(life.snapshot)
        short = super()._weigh_again(life, waiter)
        life.snapshot = real
        return short


class HoldsAtTheCheapestPrice(UnderAnotherPolicy):
    def seen(self, snapshot: Snapshot) -> Snapshot:
        prices = [model.price for model in snapshot.models.values() if model.price is not None and not model.price.is_free]
        cheapest = min(prices, key=lambda price: price.output, default=None)
        models = {
            name: model if model.price is None or model.price.is_free else msgspec.structs.replace(model, price=cheapest)
            for name, model in snapshot.models.items()
        }
        return msgspec.structs.replace(snapshot, models=models)


class HoldsInOtherWindows(Admitting):
    """The clock that windows are found by is an hour ahead."""

    def __init__(self, ledger: Any, health: Any, sizes: Any, statistics: Any, clock: Any, *rest: Any) -> None:
        class Ahead:
            def now(self) -> int:
                return int(clock.now()) + HOUR_NS

            def monotonic(self) -> int:
                return int(clock.monotonic())

        super().__init__(ledger, health, sizes, statistics, Ahead(), *rest)


class SkipsNobody(Admitting):
    """Who does not say whose money it is spends nobody's."""

    def admit(self, life: Life, command: commands.Admit) -> None:
        life.state.applied = [one for one in life.state.applied if one.subject != "(none)"]
        super().admit(life, command)


class ReleasesBeforeItSettles(Admitting):
    def release(self, attempt: str, settled: tuple[Reserved, ...] = ()) -> Any:
        parts = self.ledger.release(attempt, (), self.clock.now())
        if isinstance(parts, tuple):
            self.queue.wake(map(key_of, parts))
            for part in settled:
                self.ledger.open(key_of(part)).put_back(part)
        return ()


class LetsWaitersIn(Admitting):
    """Whoever waited is let in at the next release, whatever is left."""

    def _weigh_again(self, life: Life, waiter: Waiter) -> Short | None:
        at, mono = self.clock.now(), self.clock.monotonic()
        found = self._passage(life, waiter.command, at, mono)
        real, self.ledger = self.ledger, Ledger()
        weighed = self._weighed(life, at, mono)
        self.ledger = real
        if isinstance(found, NotAdmitted) or not isinstance(weighed, Weighed) or not isinstance(weighed.result, Fits):
            return super()._weigh_again(life, waiter)
        life.queued = None
        self._place(life, waiter.command.attempt, weighed, weighed.result, found, at, mono)
        return None


class NeverWaits(Admitting):
    def _wait(self, life: Life, command: commands.Admit, weighed: Weighed, short: Short, at: int, mono: int) -> None:
        self._feed(life, NotAdmitted(at, mono, "budget", short))


# What stands in front of a port.


class Before:
    """Whatever is not overridden goes on to the port behind it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class WritesLater(Before):
    def append(self, facts: Sequence[AnyFact]) -> None:
        asyncio.get_running_loop().call_later(0.01, self.inner.append, facts)

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        asyncio.get_running_loop().call_later(0.01, self.inner.append_all, records)


class DeafToErrors(Before):
    def append(self, facts: Sequence[AnyFact]) -> None:
        self.append_all((facts,))

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        try:
            self.inner.append_all(records)
        except JournalUnavailableError:
            return


class ForgetsHolds(Before):
    async def open_holds(self, *given: Any) -> list[Any]:
        await self.inner.open_holds(*given)
        return []


class LosesTheLastSpend(Before):
    async def spend(self, *given: Any) -> list[Any]:
        rows = await self.inner.spend(*given)
        last = max((row.touched_at for row in rows), default=0)
        return [row for row in rows if row.touched_at < last]


class SendsNoLimit(Before):
    def send(self, address: Any, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
        said = json.loads(body)
        for name in ("max_tokens", "max_completion_tokens", "options"):
            said.pop(name, None)
        return self.inner.send(address, path, headers, json.dumps(said).encode(), *rest)
