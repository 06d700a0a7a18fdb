"""Who waits for holds in flight: first come first served on each account, bounded, and woken when something is released."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from orchvynt.decisions.budgets.ledger import AccountKey, Ledger, Line
from orchvynt.decisions.budgets.needs import Short
from orchvynt.lifecycle.commands import Admit
from orchvynt.runtime.life import Life

WAITERS_MAX: Final = 10_000
HEARD_NS: Final = 1_000_000_000
"""So long before its own timeout, at most, a caller that waits is told that it waited in vain."""


def due_at(life: Life, short: Short, since: int) -> int:
    """Until when a life waits there. What it waited for other candidates counts, and the caller must hear the end of it."""
    patience = life.state.invocation.caller_timeout_ns
    heard = life.arrived + patience - min(HEARD_NS, patience // 10)
    return min(since + short.line.terms.wait_for_holds_ns - life.hold_wait_ns, heard)


class Waiter:
    """`retry` weighs the candidate again and says whether it still waits, and on which account: None if it is through.

    `since` and `due` are monotonic instants. `ticket` is its place among all that wait, on whichever account."""

    __slots__ = ("command", "due", "life", "lines", "retry", "short", "since", "ticket")

    def __init__(
        self,
        life: Life,
        command: Admit,
        short: Short,
        lines: tuple[Line, ...],
        since: int,
        due: int,
        retry: Callable[["Waiter"], Short | None],
    ) -> None:
        self.life = life
        self.command = command
        self.short = short
        self.lines = lines
        self.since = since
        self.due = due
        self.retry = retry
        self.ticket = 0

    @property
    def key(self) -> AccountKey:
        """The account that it waits on, by the name that its budget had when it was weighed."""
        return self.short.line.key


class HoldQueue:
    """Waiters by the account that they wait on. While one waits it counts as `waiting` on all its accounts."""

    __slots__ = ("_draining", "_ledger", "_queues", "_tickets", "_touched", "count")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._queues: dict[AccountKey, deque[Waiter]] = {}
        self._touched: list[AccountKey] = []
        self._draining = False
        self._tickets = 0
        self.count = 0

    @property
    def full(self) -> bool:
        return self.count >= WAITERS_MAX

    def blocked(self, lines: Iterable[Line]) -> Line | None:
        """The first of these accounts that others wait on already: a newcomer stands behind them."""
        return next((line for line in lines if self._ledger.key(line) in self._queues), None) if self._queues else None

    def enter(self, waiter: Waiter) -> None:
        """A newcomer stands last; one that comes from another account stands before those who came later than it."""
        queue = self._queues.setdefault(self._ledger.now(waiter.key), deque())
        if not waiter.ticket:
            self._tickets += 1
            waiter.ticket = self._tickets
            queue.append(waiter)
        else:
            queue.insert(next((at for at, other in enumerate(queue) if other.ticket > waiter.ticket), len(queue)), waiter)
        self.count += 1
        self._count(waiter, 1)

    def leave(self, waiter: Waiter) -> None:
        """Takes a waiter out; others may fit in its place."""
        queue = self._queues.get(self._ledger.now(waiter.key))
        if queue is None or waiter not in queue:
            return
        queue.remove(waiter)
        self._left(waiter)
        self.wake([line.key for line in waiter.lines])

    def _left(self, waiter: Waiter) -> None:
        key = self._ledger.now(waiter.key)
        if not self._queues[key]:
            del self._queues[key]
        self.count -= 1
        self._count(waiter, -1)

    def _count(self, waiter: Waiter, by: int) -> None:
        for line in waiter.lines:
            self._ledger.open(line.key).waiting += by

    def wake(self, keys: Iterable[AccountKey]) -> None:
        """Something was released on these accounts: their first waiters are weighed again, until one still has to wait."""
        if not self._queues:
            return
        self._touched.extend(map(self._ledger.now, keys))
        if self._draining:
            return
        self._draining = True
        try:
            while self._touched:
                self._serve(self._touched.pop())
        finally:
            self._draining = False

    def _serve(self, key: AccountKey) -> None:
        while queue := self._queues.get(key):
            waiter = queue.popleft()
            self._left(waiter)
            short = waiter.retry(waiter)
            if short is None:
                continue
            stays = self._ledger.key(short.line) == key
            waiter.short = short
            self.enter(waiter)
            if stays:
                return

    def is_first(self, waiter: Waiter) -> bool:
        """Whether nobody stands before it on the account that it waits on."""
        queue = self._queues.get(self._ledger.now(waiter.key))
        return queue is not None and queue[0] is waiter

    def rolled_over(self, at: int) -> list[AccountKey]:
        """The accounts with waiters whose window has ended, or has rolled far enough: what stood in the way there is over."""
        return [key for key, queue in self._queues.items() if 0 < queue[0].short.line.resets_at <= at]

    def renamed(self) -> None:
        """Budgets have other names now: who waits on an account waits on it still."""
        before, self._queues = self._queues, {}
        for key, queue in before.items():
            self._queues.setdefault(self._ledger.now(key), deque()).extend(queue)

    def waiting_on(self, budget: str, subject: str) -> list[AccountKey]:
        """The accounts of a budget's subject, in whichever window, that somebody waits on."""
        lines = [(key, queue[0].short.line) for key, queue in self._queues.items()]
        return [key for key, line in lines if line.budget == budget and line.subject == subject]

    def overdue(self, now: int) -> list[Waiter]:
        """Those whose time is up; they are still in the queue."""
        return [waiter for queue in self._queues.values() for waiter in queue if waiter.due <= now]
