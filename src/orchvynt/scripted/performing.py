"""Carries the steps of one exchange out on its connection, and keeps its bill, whatever ends it.

Steps that need no waiting run at once, without a task; the first wait moves the rest into one.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from orchvynt.scripted.ledger import Billed, Books, Charge
from orchvynt.scripted.steps import End, Hang, Send, Settle, Step, Wait


class Line(Protocol):
    """The connection, as far as an exchange may touch it."""

    def write(self, data: bytes) -> None: ...

    @property
    def congested(self) -> bool: ...

    async def drained(self) -> None: ...

    def finish(self, end: End) -> None: ...


class Bill:
    """What one arrival costs. Written once, at the first reason to write it. `now` gives nanoseconds UTC."""

    def __init__(self, books: Books, now: Callable[[], int], n: int, input_tokens: int, output_tokens: int, *, by_frame: bool) -> None:
        self._books = books
        self._now = now
        self._n = n
        self._input = input_tokens
        self._output = output_tokens
        self._by_frame = by_frame
        self._written = False
        self.generated = 0

    def settle(self, how: str, *, everything: bool) -> None:
        if self._written:
            return
        self._written = True
        output = self._output if everything else min(self.generated, self._output)
        self._books.append(Charge(self._n, self._now(), Billed(self._input, output), how))

    def gone(self, how: str) -> None:
        """The caller left. A stream stops there and then; an answer in one body is generated to its end all the same."""
        self.settle(how, everything=not self._by_frame)


class Performance:
    """One exchange under way. `bill` is None where nothing is ever billed."""

    def __init__(self, steps: Iterator[Step], line: Line, bill: Bill | None) -> None:
        self._steps = steps
        self._line = line
        self._bill = bill
        self._hanging: str | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Goes as far as it can without waiting. May finish the exchange before it returns."""
        stop = self._go()
        if isinstance(stop, End):
            self._line.finish(stop)
        else:
            self._task = asyncio.get_running_loop().create_task(self._run(stop))

    def lost(self) -> None:
        """The connection is gone: bill what is due, and stop."""
        if self._bill is not None:
            if self._hanging is not None:
                self._bill.settle(self._hanging, everything=False)
            else:
                self._bill.gone("gone")
        if self._task is not None:
            self._task.cancel()

    def _go(self) -> Wait | Hang | End | None:
        """Does steps until one needs time (`None`: the connection has to drain first)."""
        for step in self._steps:
            if isinstance(step, Send):
                if step.data:
                    self._line.write(step.data)
                if self._bill is not None:
                    self._bill.generated += step.tokens
                if self._line.congested:
                    return None
            elif isinstance(step, Settle):
                if self._bill is not None:
                    self._bill.settle(step.how, everything=step.everything)
            else:
                return step
        return End("close")

    async def _run(self, stop: Wait | Hang | End | None) -> None:
        while not isinstance(stop, End):
            if stop is None:
                await self._line.drained()
            elif isinstance(stop, Hang):
                self._hanging = stop.how
                await asyncio.Event().wait()
            else:
                await asyncio.sleep(stop.seconds)
            stop = self._go()
        self._line.finish(stop)
