"""What stands on a budget for one subject in one window: the account, its key, and the account of a window that rolls."""

import msgspec

from orchvynt.decisions.budgets.windows import slice_length
from orchvynt.language.compiled_budgets import Budget, Limits
from orchvynt.model.facts import Reserved

AccountKey = tuple[str, str, int, int]
"""Budget, subject, and the window: its start and its end in ns UTC. 0 and 0 for a lifetime; 0 and its length for one that rolls."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One budget that applies to an attempt: its account, when it resets (ns UTC; 0: never), and what bounds this attempt there.

    `book` is the name that the accounts are kept under: the budget's own, unless it keeps several. Of a window that rolls, `window` is the
    slice that a hold belongs to and `resets_at` when that has rolled out. `at` is the instant that the line was made for.
    `limits` are the budget's own and what was granted on top, but for a model that is admitted past them (`past`), and for one that only
    advises."""

    terms: Budget
    book: str
    subject: str
    window: int
    resets_at: int
    limits: Limits
    at: int = 0
    past: bool = False

    @property
    def budget(self) -> str:
        return self.terms.name

    @property
    def key(self) -> AccountKey:
        rolls_ns = self.terms.rolls_ns
        return (self.book, self.subject, 0, rolls_ns) if rolls_ns else (self.book, self.subject, self.window, self.resets_at)


def key_of(part: Reserved) -> AccountKey:
    """The account that a part of a hold stands on. Of a lifetime, `window` only says when it began anew."""
    if part.rolls_ns:
        return part.budget, part.subject, 0, part.rolls_ns
    return part.budget, part.subject, part.window if part.ends_at else 0, part.ends_at


class Account(msgspec.Struct, gc=False):
    """What stands on one budget for one subject in one window.

    `tokens` are input and output, `output` those of them that are output, `calls` invocations. `holds` counts the open ones, `waiting`
    who waits for them. `touched_at` is when something was last held or settled, in ns UTC.
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
    touched_at: int = 0

    @property
    def busy(self) -> bool:
        """Whether something is held, or somebody waits."""
        return self.holds > 0 or self.waiting > 0

    def hold(self, part: Reserved) -> None:
        self.held_nanos += part.nanos
        self.held_tokens += part.tokens
        self.held_output += part.output_tokens
        self.held_calls += part.invocations
        self.holds += 1

    def end(self, part: Reserved, spent: Reserved | None) -> None:
        """A hold ends, and what was settled of it counts for good."""
        self.held_nanos -= part.nanos
        self.held_tokens -= part.tokens
        self.held_output -= part.output_tokens
        self.held_calls -= part.invocations
        self.holds -= 1
        assert self.held_nanos >= 0
        assert self.held_tokens >= 0
        if spent is not None:
            self.settled_nanos += spent.nanos
            self.settled_tokens += spent.tokens
            self.settled_output += spent.output_tokens
            self.settled_calls += spent.invocations

    def put_back(self, part: Reserved) -> None:
        """What an earlier process settled counts again."""
        self.settled_nanos += part.nanos
        self.settled_tokens += part.tokens
        self.settled_output += part.output_tokens
        self.settled_calls += part.invocations

    def begin_anew(self) -> None:
        """What was settled counts no more; who waits still waits."""
        self.settled_nanos = self.settled_tokens = self.settled_output = self.settled_calls = 0

    def add(self, other: "Account", sign: int = 1) -> None:
        """All that stands on another account stands here too; with -1 no more. Who waits is not moved."""
        self.settled_nanos += sign * other.settled_nanos
        self.settled_tokens += sign * other.settled_tokens
        self.settled_output += sign * other.settled_output
        self.settled_calls += sign * other.settled_calls
        self.held_nanos += sign * other.held_nanos
        self.held_tokens += sign * other.held_tokens
        self.held_output += sign * other.held_output
        self.held_calls += sign * other.held_calls
        self.holds += sign * other.holds


class RollingAccount(Account, gc=False):
    """The account of a window that rolls: its own figures are the sums of its `slices`, which are kept by their starts.

    INVARIANT: what belongs to a slice that has rolled out is in no sum, held or settled. So a sum is never counted again call by call.
    """

    rolls_ns: int = 0
    slices: dict[int, Account] = {}

    def hold(self, part: Reserved) -> None:
        Account.hold(self, part)
        self._slice(part.window).hold(part)

    def end(self, part: Reserved, spent: Reserved | None) -> None:
        one = self.slices.get(part.window)
        if one is not None:
            Account.end(self, part, spent)
            one.end(part, spent)

    def put_back(self, part: Reserved) -> None:
        Account.put_back(self, part)
        self._slice(part.window).put_back(part)

    def roll(self, now: int) -> None:
        """Lets go of the slices that are older than the window."""
        slices, out = self.slices, now - self.rolls_ns - slice_length(self.rolls_ns)
        while slices:
            oldest = next(iter(slices))
            if oldest > out:
                return
            self.add(slices.pop(oldest), -1)

    def frees_at(self, unit: str, excess: int) -> int:
        """When so much of a unit has rolled out that `excess` is gone, or else when the oldest slice has; 0 where there is none."""
        after = self.rolls_ns + slice_length(self.rolls_ns)
        for start, one in self.slices.items():
            excess -= used(one, unit)
            if excess <= 0:
                return start + after
        return next(iter(self.slices)) + after if self.slices else 0

    def take_slices(self, other: "RollingAccount") -> None:
        """All that stands on the other account stands here too, slice by slice."""
        self.add(other)
        for start, one in other.slices.items():
            self._slice(start).add(one)

    def _slice(self, start: int) -> Account:
        one = self.slices.get(start)
        if one is None:
            late = bool(self.slices) and start < next(reversed(self.slices))
            one = self.slices[start] = Account()
            if late:
                # The clock went back: the oldest comes first all the same.
                self.slices = dict(sorted(self.slices.items()))
        return one


def used(account: Account, unit: str) -> int:
    """What is settled and held of a unit."""
    match unit:
        case "nanos":
            return account.settled_nanos + account.held_nanos
        case "tokens":
            return account.settled_tokens + account.held_tokens
        case "output_tokens":
            return account.settled_output + account.held_output
        case "input_tokens":
            return account.settled_tokens + account.held_tokens - account.settled_output - account.held_output
        case _:
            return account.settled_calls + account.held_calls
