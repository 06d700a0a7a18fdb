"""The account of a budget of which this process has a lease: what is known of all processes, and how much of it may be held on here.

`settled` is what all have settled, as the store said last and as this process has added since; `held` what it holds itself, and what is
left of the leases of others. So a hold is weighed as in a process that is alone: what others have waits to come back or to be settled.
"""

from orchvynt.decisions.budgets.accounts import Account
from orchvynt.decisions.budgets.leasing import Given, Slice
from orchvynt.decisions.budgets.portions import NOTHING, Portion, at_most, minus, plus, portion
from orchvynt.language.compiled_budgets import UNLIMITED, Limits

Four = tuple[int, int, int, int]


class LeasedAccount(Account, gc=False):
    """`granted` counts from the beginning of the lease; `limits` are those that the store was asked with last. `known_at` is the monotonic
    instant of its last answer, `used_at` that of the last hold. `short` is the need that the store had too little for, NOTHING while it has
    enough; `closing` is set while the lease is being ended."""

    granted: Portion = NOTHING
    # What was settled before this lease or by others, and what others have left: nano-dollars, tokens, output, invocations.
    before: Four = (0, 0, 0, 0)
    elsewhere: Four = (0, 0, 0, 0)
    slices: tuple[Slice, ...] = ()
    limits: Limits = UNLIMITED
    known_at: int = 0
    used_at: int = 0
    short: Portion = NOTHING
    closing: bool = False

    @property
    def busy(self) -> bool:
        """Only the end of its lease ends it."""
        return True

    @property
    def used(self) -> Portion:
        """What this process holds, and has settled since its lease began."""
        before, others = self.before, self.elsewhere
        return portion(
            self.settled_nanos - before[0] + self.held_nanos - others[0],
            self.settled_tokens - before[1] + self.held_tokens - others[1],
            self.settled_output - before[2] + self.held_output - others[2],
            self.settled_calls - before[3] + self.held_calls - others[3],
        )

    @property
    def idle(self) -> Portion:
        """What is left of the lease to hold on; less than nothing after an overrun."""
        return minus(self.granted, self.used)

    def learn(self, given: Given, limits: Limits | None, at: int) -> None:
        """What the store said; `granted` counts from now on. `limits` are the budget's, if it was asked with them."""
        self.limits = limits if limits is not None else self.limits
        settled = NOTHING
        for one in given.slices:
            settled = plus(settled, one.settled)
        nanos, tokens, _, output, calls = minus(settled, given.filed)
        self._stand((nanos, tokens, output, calls), _as_held(given.elsewhere, self.limits))
        self.granted, self.slices, self.known_at = given.granted, given.slices, at

    def own(self) -> Account:
        """The same with what this process holds alone: what others have leased is not used yet, and nobody is told that it is."""
        nanos, tokens, output, calls = self.elsewhere
        settled = self.settled_nanos, self.settled_tokens, self.settled_output, self.settled_calls
        held = self.held_nanos - nanos, self.held_tokens - tokens, self.held_output - output, self.held_calls - calls
        return Account(*settled, *held, self.holds, self.waiting, self.touched_at)

    def leased_elsewhere(self, unit: str) -> int:
        """What other processes have left of a unit."""
        nanos, tokens, output, calls = self.elsewhere
        return {"nanos": nanos, "tokens": tokens, "input_tokens": tokens - output, "output_tokens": output, "invocations": calls}[unit]

    def give_back(self, keep: Portion) -> None:
        """From now on no more than `keep` is held on beyond what is used."""
        self.granted = at_most(self.granted, plus(self.used, keep))

    def _stand(self, before: Four, elsewhere: Four) -> None:
        was, were = self.before, self.elsewhere
        self.settled_nanos += before[0] - was[0]
        self.settled_tokens += before[1] - was[1]
        self.settled_output += before[2] - was[2]
        self.settled_calls += before[3] - was[3]
        self.held_nanos += elsewhere[0] - were[0]
        self.held_tokens += elsewhere[1] - were[1]
        self.held_output += elsewhere[2] - were[2]
        self.held_calls += elsewhere[3] - were[3]
        self.before, self.elsewhere = before, elsewhere

    def take_over(self, other: "LeasedAccount") -> None:
        """Both are one budget's by now: their leases are one. What stands on them is added by the ledger."""
        self.granted = plus(self.granted, other.granted)
        self.before, self.elsewhere = _both(self.before, other.before), _both(self.elsewhere, other.elsewhere)
        self.slices += other.slices
        self.used_at, self.known_at = max(self.used_at, other.used_at), 0

    def frees_at(self, unit: int, excess: int) -> int:
        """When so much of a unit has rolled out that `excess` is gone, or else when the last slice has; 0 where nothing is settled."""
        for one in sorted(self.slices, key=lambda one: one.ends_at):
            excess -= one.settled[unit]
            if excess <= 0:
                return one.ends_at
        return min((one.ends_at for one in self.slices), default=0)


def _as_held(left: Portion, limits: Limits) -> Four:
    """What others have left, in the units of an account. It is known of the units that are limited; the others follow from those."""
    nanos, tokens, input_tokens, output, calls = left
    if limits.tokens is None and limits.input_tokens is not None:
        tokens = input_tokens + output
    elif limits.output_tokens is None and limits.input_tokens is not None:
        output = max(0, tokens - input_tokens)
    return nanos, tokens, output, calls


def _both(one: Four, other: Four) -> Four:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]
