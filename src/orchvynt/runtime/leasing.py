"""Asks the store for leases, off the loop: one turn at a time, in which all that is asked meanwhile waits for the next one together.

Who asks for an account that is being asked for already shares the answer. It decides nothing: what is asked and given is `decisions`'.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Final

from orchvynt.decisions.budgets.accounts import AccountKey, Line
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger, is_leased
from orchvynt.decisions.budgets.leasing import Given, given_back
from orchvynt.decisions.budgets.portions import NOTHING, Portion, at_least
from orchvynt.decisions.budgets.questions import Wanted, hear, question
from orchvynt.decisions.budgets.windows import SECOND_NS
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime.store_clock import StoreClock
from orchvynt.runtime.tasks import Tasks

ACCOUNTS_A_TURN: Final = 256
RENAMED_S: Final = 0.05
PEERS_COUNTED_NS: Final = SECOND_NS
WAITS_SAID_NS: Final = 200_000_000

Heard = Callable[[StoreUnavailableError | None], None]
"""Called when the store has answered, or could not."""


class Turn:
    """What is asked at once, and who waits for it."""

    def __init__(self) -> None:
        self.wanted: dict[AccountKey, Wanted] = {}
        self.heard: list[Heard] = []
        # Others have to look when it is over.
        self.frees = False


class Leasing:
    """The questions of one process, whose id is `process`.

    `answered` is called with the accounts that an answer was for, `told` with an account, the threshold that this process asked for, and
    the one that was told before; `changed` where the others have to look: something was given back (True), or somebody waits. `problem` is
    why the store gives nothing at present, empty while it does. `wants` are the accounts on which somebody waits here, as it knows."""

    def __init__(self, store: Store, process: str, ledger: LeasedLedger, clock: StoreClock, tasks: Tasks) -> None:
        self._store = store
        self.process = process
        self._ledger = ledger
        self._clock = clock
        self._tasks = tasks
        self._peers_counted_at = 0
        self._under_way: Turn | None = None
        self._next = Turn()
        self._looking = False
        self.peers = 1
        self.turns = 0
        self.problem = ""
        self.wants: set[AccountKey] = set()
        self.answered: Callable[[Sequence[AccountKey]], None] = lambda _keys: None
        self.told: Callable[[AccountKey, int, int], None] = lambda _key, _share, _before: None
        self.changed: Callable[[bool], None] = lambda _frees: None
        self._waits_said_at = 0

    async def begin(self) -> None:
        """Learns the store's clock and who else is there, and ends what an earlier life of this process had leased. What that had open is
        settled in the journal by now. Raises StoreUnavailableError."""
        await self._store.settled()
        await self._store.end_leases(self.process)
        await self._count_peers()
        asked_at = self._clock.monotonic()
        answer = await self._store.lease(self.process, ())
        self._clock.learn(answer.now, asked_at, self._clock.monotonic())

    def ask(self, lines: Iterable[Line], need: Portion, heard: Heard | None = None, waits: bool = False) -> None:
        """Asks for a hold's need on each of the lines; `waits` where somebody goes on waiting if it is not granted."""
        asked, turn = [line for line in lines if is_leased(line)], self._under_way
        keys = {self._ledger.key(line) for line in asked}
        if turn is not None and heard is not None and keys <= turn.wanted.keys():
            turn.heard.append(heard)
            return
        for line in asked:
            key = self._ledger.key(line)
            known = self._next.wanted.setdefault(key, Wanted())
            if known.need == NOTHING:
                # The first that came; whoever came after it asks again if that is not enough.
                known.limits, known.past, known.idle_ns, known.need = line.limits, line.past, _idle_ns(line), need
            known.waits = known.waits or waits
        if heard is not None:
            self._next.heard.append(heard)
        self._go()

    def tell(self, key: AccountKey, share: int) -> None:
        """A threshold of a budget was reached here: whoever says so first over all processes tells of it."""
        known = self._next.wanted.setdefault(key, Wanted())
        known.share = max(known.share, share)
        self._go()

    def give_back(self, key: AccountKey, keep: Portion, closes: bool = False) -> None:
        """Keeps so much of what is not used there, and gives back the rest. `closes`: nobody uses the account any more."""
        known = self._next.wanted.setdefault(key, Wanted())
        known.keep, known.closes = keep, closes
        self._next.frees = True
        self._go()

    def withdraw(self, waited_on: Set[AccountKey]) -> None:
        """Nobody waits here but on these accounts: what the store still keeps free for this process, others may have."""
        for key in self.wants - waited_on:
            self.wants.remove(key)
            # Where the window is over, or the lease has ended, nothing is kept free.
            if key in self._ledger.leased:
                self._next.wanted.setdefault(key, Wanted())
                self._next.frees = True
        self._go()

    def _go(self) -> None:
        if self._under_way is None and (self._next.wanted or self._next.heard):
            turn = self._under_way = self._next
            self._next = Turn()
            for key in list(turn.wanted)[ACCOUNTS_A_TURN:]:
                self._next.wanted[key] = turn.wanted.pop(key)
            self._tasks.start(self._ask(turn), "ask for leases")

    async def _ask(self, turn: Turn) -> None:
        asked = [question(key, wanted, self._ledger, self.peers) for key, wanted in turn.wanted.items()]
        error: StoreUnavailableError | None = None
        began, self.turns = self._clock.monotonic(), self.turns + 1
        try:
            answer = await self._store.lease(self.process, asked)
        except StoreUnavailableError as unavailable:
            error, self.problem = unavailable, str(unavailable)
        else:
            self.problem = ""
            now = self._clock.monotonic()
            self._clock.learn(answer.now, began, now)
            for one, given in zip(turn.wanted.values(), answer.given, strict=True):
                hear(one, given, self._ledger, now)
                self._note(one, given)
                if one.share and given.refused != "renamed":
                    self.told(given.key, one.share, given.told)
            if any(given.refused == "renamed" for given in answer.given):
                # This process has yet to hear of the policy that says so.
                await asyncio.sleep(RENAMED_S)
        finally:
            self._under_way = None
        if error is None:
            self.answered([one.key for one in asked])
            self._say_what_changed(turn)
        for heard in turn.heard:
            heard(error)
        self._go()

    def _note(self, wanted: Wanted, given: Given) -> None:
        """Whether the store keeps something free for who waits here."""
        if wanted.waits and given.refused == "short":
            self.wants.add(given.key)
        else:
            self.wants.discard(given.key)

    def _say_what_changed(self, turn: Turn) -> None:
        """Two who wait for each other must not wake each other for ever: that somebody waits is said now and then."""
        now = self._clock.monotonic()
        says = any(wanted.waits for wanted in turn.wanted.values()) and now - self._waits_said_at >= WAITS_SAID_NS
        if says:
            self._waits_said_at = now
        if says or turn.frees:
            self.changed(turn.frees)

    def look(self, waiting: Iterable[tuple[Line, Portion]]) -> None:
        """What is to be done about once a second, and at once where somebody says that others wait: asks again for who waits here, and
        gives back what others wait for."""
        for line, need in waiting:
            self.ask((line,), need, waits=True)
        counts = self._clock.monotonic() - self._peers_counted_at >= PEERS_COUNTED_NS
        if (counts or self._ledger.leased) and not self._looking:
            self._looking = True
            self._tasks.start(self._look(counts), "look for recalled leases")

    async def _look(self, counts: bool) -> None:
        try:
            if counts:
                # Before anybody asks: a share that is too large leaves those that came later with nothing until it is recalled.
                await self._count_peers()
            recalls = await self._store.recalls(self.process) if self._ledger.leased else []
        except StoreUnavailableError:
            return
        finally:
            self._looking = False
        for one in recalls:
            account = self._ledger.leased.get(one.key)
            idle = at_least(account.idle, NOTHING) if account is not None else NOTHING
            keep = given_back(idle, one.wanted)
            if account is None or keep != idle:
                self.give_back(one.key, keep)

    async def _count_peers(self) -> None:
        """How many share the store, with this process."""
        rows, self._peers_counted_at = await self._store.processes(), self._clock.monotonic()
        self.peers = max(1, sum(row.state == "serving" and not row.out_of_reach for row in rows))

    def tidy(self, now: int, idle_ns: dict[str, int]) -> None:
        """Gives back what nothing was held on for long, and ends what nobody will ask for again."""
        mono, ledger = self._clock.monotonic(), self._ledger
        for key in ledger.look_at_some():
            if ledger.is_over(key, now, mono, idle_ns):
                if key[2]:
                    ledger.drop_leases((key,))
                else:
                    self.give_back(key, NOTHING, closes=True)
            elif ledger.is_idle(key, mono):
                self.give_back(key, NOTHING)


def _idle_ns(line: Line) -> int:
    return line.terms.idle_ns if line.terms.window == "lifetime" else 0
