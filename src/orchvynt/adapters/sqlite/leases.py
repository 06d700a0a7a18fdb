"""Leases of budgets in a SQL database: questions are decided within the caller's transaction, and filing takes from leases what it
settles."""

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from orchvynt.adapters.leases import account_of, body_of, lease_of, rolls_of, slices_of, told_of, with_grants
from orchvynt.adapters.projection import Batch
from orchvynt.adapters.receipts import bounded
from orchvynt.adapters.spending import book_renamed, spent_by
from orchvynt.adapters.sql import Connection, Row, Value
from orchvynt.adapters.sqlite.grants import grant_row
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.registering import Process
from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leasing import Asked, Given, Lease, Standing, joined, lease
from orchvynt.decisions.budgets.portions import portion
from orchvynt.ports.carried import Carried
from orchvynt.ports.leases import LeaseAnswer
from orchvynt.ports.store import SpendRow

_LOCK_BYTES: Final = 8


def decide_leases(connection: Connection, process: str, asked: Sequence[Asked]) -> LeaseAnswer:
    # In one order for all, so that no two wait for each other.
    for number in sorted({_number(one.key) for one in asked}):
        connection.execute(QUERIES["lock_account"], (number,)).fetchone()
    (now,) = connection.execute(QUERIES["store_now"]).fetchone()
    moved = {str(was) for was, _ in connection.execute(QUERIES["renamed"]).fetchall()}
    return LeaseAnswer(now, tuple([_decided(connection, process, one, now, one.key[0] in moved) for one in asked]))


def _decided(connection: Connection, process: str, asked: Asked, now: int, moved: bool) -> Given:
    standing = account_standing(connection, asked.key, now, moved, asked if asked.share else None)
    leased = lease(asked, process, standing)
    budget, subject, *_ = asked.key
    if leased.forgets:
        connection.execute(QUERIES["forget_lifetimes"], (budget, subject))
        connection.execute(QUERIES["forget_told"], (budget, subject))
    if leased.lease is None:
        connection.execute(QUERIES["end_lease"], (*asked.key, process))
    elif not moved:
        kept = leased.lease
        connection.execute(QUERIES["put_lease"], (*asked.key, process, kept.wanted_since, kept.wanted_at, body_of(kept)))
    if asked.share > standing.told:
        connection.execute(QUERIES["tell_share"], (*told_of(asked, now), asked.share))
    if leased.given.refused == "short":
        grants = [grant_row(row) for row in connection.execute(QUERIES["grants_of"], (budget, subject)).fetchall()]
        leased = with_grants(leased, grants, asked, now)
    return leased.given


def account_standing(connection: Connection, key: AccountKey, now: int, moved: bool, telling: Asked | None = None) -> Standing:
    """Spend and leases by one statement: what is filed between two would be counted in neither, or in both."""
    budget, subject, start, end = key
    rolls_ns = rolls_of(key)
    ends = 0 if rolls_ns else end
    asked = {"budget": budget, "subject": subject, "start": start, "ends": ends, "until": end, "rolls": rolls_ns, "now": now}
    settled: list[SpendRow] = []
    leases: list[Lease] = []
    for process, window, ends_at, nanos, tokens, output, calls, first, second, body in connection.execute(
        QUERIES["account"], asked
    ).fetchall():
        if process:
            leases.append(stored_lease((process, nanos, tokens, output, calls, first, second, body)))
        else:
            settled.append(SpendRow(budget, subject, window, rolls_ns, nanos, tokens, output, calls, first, ends_at))
    told = None if telling is None else connection.execute(QUERIES["told_share"], told_of(telling, now)).fetchone()
    return Standing(now, slices_of(settled, key), leases, moved, int(told[0]) if told is not None else 0)


def stored_lease(values: Sequence[Value]) -> Lease:
    process, nanos, tokens, output, calls, wanted_since, wanted_at, body = values
    filed = portion(int(nanos), int(tokens), int(output), int(calls))
    assert isinstance(body, bytes)
    return lease_of(str(process), filed, int(wanted_since), int(wanted_at), body)


def _number(key: AccountKey) -> int:
    """Of the account's lock: two of the same number wait for each other without need."""
    text = "\0".join(map(str, key)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=_LOCK_BYTES).digest(), "big", signed=True)


def file_leases(connection: Connection, batch: Batch, process: Process) -> None:
    """What the process has settled is no longer left of its leases; what it settled for one that died, of that one's. One that is alone has
    none. To be called before the holds are given back."""
    if connection.execute(QUERIES["has_leases"], (process.id,)).fetchone() is None:
        return
    asked = {"process": process.number, "attempts": json.dumps(sorted(batch.released))}
    # INVARIANT: a lease knows of nothing that its process did not spend, or others would be granted what that may still spend.
    holders = dict(connection.execute(QUERIES["holders"], asked).fetchall()) if batch.released else {}
    rows: list[Row] = []
    for by, spend in spent_by(batch.spend, batch.receipts, process.id, holders).items():
        for key, (nanos, tokens, output_tokens, calls, *_) in spend.items():
            rows.append((*map(bounded, (nanos, tokens, output_tokens, calls)), *account_of(*key), by))
    connection.executemany(QUERIES["file_lease"], rows)


def forget_ended(connection: Connection, ended_before: int) -> None:
    """Leases of windows that were over then, and what was told of them."""
    connection.execute(QUERIES["forget_ended_leases"], (ended_before,))
    connection.execute(QUERIES["forget_ended_told"], (ended_before,))


def carry_leases(connection: Connection, carried: Carried) -> None:
    """Leases go with the spend of their budget to its new name. Where a process has one there already, the two are one."""
    for (book,) in connection.execute(QUERIES["lease_books"]).fetchall():
        now = book_renamed(str(book), carried)
        if now == book:
            continue
        for values in connection.execute(QUERIES["leases_of"], (book,)).fetchall():
            subject, start, end, *rest = values
            _join(connection, (now, str(subject), int(start), int(end)), stored_lease(rest))
        connection.execute(QUERIES["remove_leases_of"], (book,))


def _join(connection: Connection, key: AccountKey, moved: Lease) -> None:
    there = next((one for one in account_standing(connection, key, 0, False).leases if one.process == moved.process), None)
    both = moved if there is None else joined(there, moved)
    connection.execute(QUERIES["put_lease"], (*key, both.process, both.wanted_since, both.wanted_at, body_of(both)))
    settled = (moved.settled[0], moved.settled[1], moved.settled[3], moved.settled[4])
    connection.execute(QUERIES["file_lease"], (*settled, *key, both.process))
