"""What the ledger keeps of a hold while it is open, and remembers of it when it has ended."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from orchvynt.decisions.budgets.accounts import Account
from orchvynt.model.facts import Reserved

Again = Literal["same", "different"]
"""What is said of an id that is known already: that this is the same hold or the same end of it, or another
(https://docs.tigerbeetle.com/reference/requests/create_transfers/, `exists` and `exists_with_different_flags`)."""


class Hold(msgspec.Struct, frozen=True, gc=False):
    """An open hold: its parts, and the account of each."""

    parts: tuple[Reserved, ...]
    accounts: tuple[Account, ...]


class Ended(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a hold that ended: its accounts, what each part of it took, and what was settled of each; `settled` False is
    a hold that was voided. Its facts are not kept for it: that would cost 4 µs a hold (bench/budgets.py)."""

    accounts: tuple[Account, ...]
    nanos: int
    tokens: int
    output: int
    calls: int
    settled: bool = False
    settled_nanos: int = 0
    settled_tokens: int = 0
    settled_output: int = 0
    settled_calls: int = 0


class Forgotten(msgspec.Struct, frozen=True):
    """A lifetime that is over because its subject was idle; `window` is when it began anew before, 0 if it never did."""

    budget: str
    subject: str
    window: int


def ended(accounts: tuple[Account, ...], part: Reserved, spent: Sequence[Reserved]) -> Ended:
    """What is remembered of a hold: each part of it took as much as `part`, and each part of its receipt is like the first."""
    if not spent:
        return Ended(accounts, part.nanos, part.tokens, part.output_tokens, part.invocations)
    of_it = spent[0]
    return Ended(
        accounts, part.nanos, part.tokens, part.output_tokens, part.invocations,
        True, of_it.nanos, of_it.tokens, of_it.output_tokens, of_it.invocations,
    )  # fmt: skip


def took(known: Ended) -> Reserved:
    """What each part of a hold that has ended took."""
    return Reserved("", "", 0, known.nanos, known.tokens, known.output, known.calls)
