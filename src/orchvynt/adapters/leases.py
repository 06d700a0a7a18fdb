"""Leases as every store keeps them: which account a row of spend stands on, and what a lease is stored as."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from orchvynt.adapters.receipts import bounded
from orchvynt.adapters.spending import ENDS_UNKNOWN
from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leasing import Asked, Lease, Leased, Slice, in_force
from orchvynt.decisions.budgets.portions import Portion, portion
from orchvynt.model.facts import BudgetGranted
from orchvynt.ports.store import SpendRow


class _Body(msgspec.Struct, frozen=True, array_like=True):
    """What of a lease only its decisions read. Stored: fields are only added, at the end, with defaults."""

    granted: Portion
    used: Portion
    wanted: Portion
    asked_at: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Body).decode


def body_of(lease: Lease) -> bytes:
    return _encode(_Body(_bounded(lease.granted), _bounded(lease.used), _bounded(lease.wanted), lease.asked_at))


def lease_of(process: str, settled: Portion, wanted_since: int, wanted_at: int, body: bytes) -> Lease:
    kept = _decode(body)
    return Lease(process, kept.granted, kept.used, settled, kept.wanted, wanted_since, wanted_at, kept.asked_at)


def account_of(budget: str, subject: str, window: int, rolls_ns: int, ends_at: int) -> AccountKey:
    """The account that a row of spend, or a part of a receipt, stands on."""
    if rolls_ns:
        return budget, subject, 0, rolls_ns
    return budget, subject, window if ends_at else 0, ends_at


def rolls_of(key: AccountKey) -> int:
    """The length of the account's window, if it rolls; else 0."""
    return key[3] if not key[2] else 0


def stands_on(row: SpendRow, key: AccountKey, now: int) -> bool:
    """Whether a row of the account's subject counts on it; `account_spend` of the SQL stores says the same."""
    rolls_ns, start, end = rolls_of(key), key[2], key[3]
    if row.rolls_ns != rolls_ns:
        return False
    if rolls_ns:
        return row.ends_at > now
    return (row.ends_at == end and (not end or row.window == start)) or (row.ends_at == ENDS_UNKNOWN and end > 0 and row.window == start)


def slices_of(rows: Iterable[SpendRow], key: AccountKey) -> list[Slice]:
    """What is settled on an account, the oldest first. Of lifetimes that began anew, the last alone."""
    found = sorted(rows, key=lambda row: row.window)
    if not key[3] and found:
        found = [row for row in found if row.window == found[-1].window]
    return [
        Slice(row.ends_at if rolls_of(key) else key[3], portion(row.nanos, row.tokens, row.output_tokens, row.invocations), row.touched_at)
        for row in found
    ]


def told_of(asked: Asked, now: int) -> tuple[str, str, int, int]:
    """Where it stands what was told of an account: budget, subject, window and its end. A window that rolls is told of once in its
    length."""
    budget, subject, start, end = asked.key
    rolls_ns = rolls_of(asked.key)
    if rolls_ns:
        start = now - now % rolls_ns
        end = start + rolls_ns
    return budget, subject, start, end


def with_grants(leased: Leased, grants: Sequence[BudgetGranted], asked: Asked, now: int) -> Leased:
    """The answer to a question that found too little, with what people gave on top: its process may not know of it yet."""
    touched = max((one.touched_at for one in leased.given.slices), default=0)
    found = tuple(given for given in grants if in_force(given, now, touched, asked.idle_ns))
    return msgspec.structs.replace(leased, given=msgspec.structs.replace(leased.given, grants=found)) if found else leased


def _bounded(amounts: Portion) -> Portion:
    nanos, tokens, input_tokens, output, calls = map(bounded, amounts)
    return nanos, tokens, input_tokens, output, calls
