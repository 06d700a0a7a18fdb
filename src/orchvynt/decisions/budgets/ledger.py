"""The ledger: what is settled and held on every budget, and whether one more hold fits. Integers only, no clock, no world.

Two-phase, after TigerBeetle's pending transfers (https://docs.tigerbeetle.com/coding/two-phase-transfers/): a hold is placed,
then settled or voided. A hold stands on every budget that applies, or on none.
INVARIANT: for every account, settled + held ≤ limit whenever a hold is placed.
"""

from collections.abc import Iterable, Sequence

import msgspec

from orchvynt.model.facts import Reserved

AccountKey = tuple[str, str, int]
"""Budget, subject, start of the window in ns UTC."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One budget that applies to an invocation: its account, its limits (None does not bound) and when it resets (0: never)."""

    budget: str
    scope: str
    subject: str
    window: int
    resets_at: int
    nanos_limit: int | None
    tokens_limit: int | None
    min_output_tokens: int
    wait_ns: int

    @property
    def key(self) -> AccountKey:
        return (self.budget, self.subject, self.window)


class Account(msgspec.Struct, gc=False):
    """What stands on one budget for one subject in one window, which ends at `resets_at` (0: never, or not known).

    `holds` counts the open ones, `waiting` who waits for them.
    """

    settled_nanos: int = 0
    settled_tokens: int = 0
    held_nanos: int = 0
    held_tokens: int = 0
    holds: int = 0
    waiting: int = 0
    resets_at: int = 0


EMPTY = Account()


class Ledger:
    """All accounts and open holds of one process."""

    __slots__ = ("accounts", "holds")

    def __init__(self) -> None:
        self.accounts: dict[AccountKey, Account] = {}
        self.holds: dict[str, tuple[Reserved, ...]] = {}

    def account(self, line: Line) -> Account:
        """The account as it stands; a fresh one reads as empty and is not kept."""
        return self.accounts.get((line.budget, line.subject, line.window), EMPTY)

    def place(self, attempt: str, lines: Sequence[Line], nanos: int, tokens: int) -> tuple[Reserved, ...]:
        """Holds the amounts on every line. The caller has checked that they fit; a line that does not is a defect."""
        assert attempt not in self.holds
        reserved = tuple([Reserved(line.budget, line.subject, line.window, nanos, tokens) for line in lines])
        for line in lines:
            account = self.open(line.key)
            account.resets_at = line.resets_at
            assert line.tokens_limit is None or account.settled_tokens + account.held_tokens + tokens <= line.tokens_limit
            assert line.nanos_limit is None or not nanos or account.settled_nanos + account.held_nanos + nanos <= line.nanos_limit
            account.held_nanos += nanos
            account.held_tokens += tokens
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
            account.holds += 1
        if kept:
            self.holds[attempt] = kept

    def release(self, attempt: str, settled: Iterable[Reserved] = ()) -> tuple[Reserved, ...]:
        """Ends a hold, once: its parts are no longer held, and what was `settled` counts for good. Gives the hold's parts."""
        parts = self.holds.pop(attempt, ())
        for part in parts:
            account = self.accounts[(part.budget, part.subject, part.window)]
            account.held_nanos -= part.nanos
            account.held_tokens -= part.tokens
            account.holds -= 1
            assert account.held_nanos >= 0
            assert account.held_tokens >= 0
        if parts:
            for part in settled:
                account = self.accounts[(part.budget, part.subject, part.window)]
                account.settled_nanos += part.nanos
                account.settled_tokens += part.tokens
        return parts

    def open(self, key: AccountKey) -> Account:
        """The account of `key`, made if it is new."""
        account = self.accounts.get(key)
        if account is None:
            account = self.accounts[key] = Account()
        return account

    def forget_ended(self, now: int) -> None:
        """Drops the accounts of windows that have ended; what was settled in them is in the store."""
        self.forget([key for key, account in self.accounts.items() if 0 < account.resets_at <= now])

    def forget(self, keys: Iterable[AccountKey]) -> None:
        """Drops accounts that nobody will ask for again (ended windows, ended invocations), unless something is still held."""
        for key in keys:
            account = self.accounts.get(key)
            if account is not None and not account.holds and not account.waiting:
                del self.accounts[key]
