"""The ledger: what is settled and held on every budget, and whether one more hold fits. Integers only, no clock, no world.

Two-phase, after TigerBeetle's pending transfers (https://docs.tigerbeetle.com/coding/two-phase-transfers/): a hold is placed,
then settled or voided. A hold stands on every budget that applies, or on none.
INVARIANT: for every account, settled + held ≤ limit whenever a hold is placed.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from orchvynt.decisions.budgets.grants import Grants
from orchvynt.language.compiled_budgets import Budget, Limits
from orchvynt.model.facts import Reserved

AccountKey = tuple[str, str, int]
"""Budget, subject, and the window: its start in ns UTC, 0 for a lifetime."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One budget that applies to an attempt: its account, when it resets (ns UTC; 0: never), and what bounds this attempt there.

    `book` is the name that the accounts are kept under: the budget's own, unless it keeps several.
    `limits` are the budget's own and what was granted on top, but for a model that is admitted past them (`past`), and for one that only
    advises."""

    terms: Budget
    book: str
    subject: str
    window: int
    resets_at: int
    limits: Limits
    past: bool = False

    @property
    def budget(self) -> str:
        return self.terms.name

    @property
    def key(self) -> AccountKey:
        return (self.book, self.subject, self.window)


class Account(msgspec.Struct, gc=False):
    """What stands on one budget for one subject in one window, which ends at `resets_at` (0: never, or not known).

    `tokens` are input and output, `output` those of them that are output, `calls` invocations. `holds` counts the open ones, `waiting`
    who waits for them.
    """

    settled_nanos: int = 0
    settled_tokens: int = 0
    settled_output: int = 0
    settled_calls: int = 0
    held_nanos: int = 0
    held_tokens: int = 0
    held_output: int = 0
    held_calls: int = 0
    holds: int = 0
    waiting: int = 0
    resets_at: int = 0


EMPTY = Account()


class Ledger:
    """All accounts and open holds of one process, and the grants that raise their limits."""

    __slots__ = ("_books", "grants", "holds")

    def __init__(self) -> None:
        # By budget and window, then by subject: half the memory of one key for each account, and a window that ended goes as a whole.
        self._books: dict[tuple[str, int], dict[str, Account]] = {}
        self.holds: dict[str, tuple[Reserved, ...]] = {}
        self.grants = Grants()

    def account(self, line: Line) -> Account:
        """The account as it stands; a fresh one reads as empty and is not kept."""
        book = self._books.get((line.book, line.window))
        return EMPTY if book is None else book.get(line.subject, EMPTY)

    def entries(self) -> Iterator[tuple[AccountKey, Account]]:
        """Every account that is known."""
        return (((budget, subject, window), account) for (budget, window), book in self._books.items() for subject, account in book.items())

    def place(self, attempt: str, lines: Sequence[Line], nanos: int, tokens: int, output: int = 0, calls: int = 0) -> tuple[Reserved, ...]:
        """Holds the amounts on every line. The caller has checked that they fit; a line that does not is a defect."""
        assert attempt not in self.holds
        reserved = tuple([Reserved(line.book, line.subject, line.window, nanos, tokens, output, calls) for line in lines])
        for line in lines:
            account, limits = self.open(line.key), line.limits
            account.resets_at = line.resets_at
            assert limits.tokens is None or account.settled_tokens + account.held_tokens + tokens <= limits.tokens
            assert limits.nanos is None or not nanos or account.settled_nanos + account.held_nanos + nanos <= limits.nanos
            account.held_nanos += nanos
            account.held_tokens += tokens
            account.held_output += output
            account.held_calls += calls
            account.holds += 1
        if reserved:
            self.holds[attempt] = reserved
        return reserved

    def restore(self, attempt: str, reserved: Iterable[Reserved]) -> None:
        """Puts back a hold that an earlier process left open. It may exceed a limit that was lowered since."""
        kept = tuple(reserved)
        for part in kept:
            account = self.open((part.budget, part.subject, part.window))
            account.held_nanos += part.nanos
            account.held_tokens += part.tokens
            account.held_output += part.output_tokens
            account.held_calls += part.invocations
            account.holds += 1
        if kept:
            self.holds[attempt] = kept

    def release(self, attempt: str, settled: Iterable[Reserved] = ()) -> tuple[Reserved, ...]:
        """Ends a hold, once: its parts are no longer held, and what was `settled` counts for good. Gives the hold's parts."""
        parts = self.holds.pop(attempt, ())
        for part in parts:
            account = self._known(part)
            account.held_nanos -= part.nanos
            account.held_tokens -= part.tokens
            account.held_output -= part.output_tokens
            account.held_calls -= part.invocations
            account.holds -= 1
            assert account.held_nanos >= 0
            assert account.held_tokens >= 0
        if parts:
            for part in settled:
                self.spend(self._known(part), part)
        return parts

    def spend(self, account: Account, part: Reserved) -> None:
        """What was settled counts for good."""
        account.settled_nanos += part.nanos
        account.settled_tokens += part.tokens
        account.settled_output += part.output_tokens
        account.settled_calls += part.invocations

    def _known(self, part: Reserved) -> Account:
        return self._books[part.budget, part.window][part.subject]

    def open(self, key: AccountKey) -> Account:
        """The account of `key`, made if it is new."""
        budget, subject, window = key
        book = self._books.get((budget, window))
        if book is None:
            book = self._books[budget, window] = {}
        account = book.get(subject)
        if account is None:
            account = book[subject] = Account()
        return account

    def forget_ended(self, now: int) -> None:
        """Drops the accounts of windows that have ended, and the grants for them; what was settled in them is in the store."""
        self.grants.forget_ended(now)
        self.forget([key for key, account in self.entries() if 0 < account.resets_at <= now])

    def forget(self, keys: Iterable[AccountKey]) -> None:
        """Drops accounts that nobody will ask for again (ended windows, ended invocations), unless something is still held."""
        for budget, subject, window in keys:
            book = self._books.get((budget, window), {})
            account = book.get(subject)
            if account is not None and not account.holds and not account.waiting:
                del book[subject]
                if not window and self.grants:
                    self.grants.forget_subject(budget, subject)
                if not book:
                    del self._books[budget, window]
