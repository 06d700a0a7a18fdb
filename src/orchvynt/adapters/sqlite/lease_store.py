"""The store's leases in SQLite: questions go through the writer, each in a transaction of its own that survives a loss of power."""

import asyncio
from collections.abc import Sequence

from orchvynt.adapters.leases import lease_of
from orchvynt.adapters.sql import Connection, Reading
from orchvynt.adapters.sqlite.leases import account_standing, decide_leases, stored_lease
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leasing import WANTED_NS, Asked, Lease
from orchvynt.decisions.budgets.portions import NOTHING, Portion, plus
from orchvynt.ports.leases import LeaseAnswer, LeaseRow, Recall


class SqliteLeases:
    """Implements ports.leases.LeaseStore; the store is made of it."""

    _writer: Writer
    _reader: Reading

    async def lease(self, process: str, asked: Sequence[Asked]) -> LeaseAnswer:
        return await asyncio.wrap_future(self._writer.submit(lambda connection: decide_leases(connection, process, asked)))

    async def recalls(self, process: str) -> list[Recall]:
        rows = await self._reader.rows("recalls", process, WANTED_NS)
        found: dict[AccountKey, Portion] = {}
        for budget, subject, start, end, body in rows:
            key = (budget, subject, start, end)
            wanted = lease_of("", NOTHING, 0, 0, bytes(body)).wanted
            found[key] = plus(found.get(key, NOTHING), wanted)
        return [Recall(key, wanted) for key, wanted in found.items()]

    async def leases(self, now: int) -> list[LeaseRow]:
        def look(connection: Connection) -> list[LeaseRow]:
            found: dict[AccountKey, list[Lease]] = {}
            # Of one moment: what is filed in between would be left of a lease, and settled.
            with connection.moment():
                for budget, subject, start, end, *rest in connection.execute(QUERIES["leases"], (now,)).fetchall():
                    found.setdefault((budget, subject, start, end), []).append(stored_lease(rest))
                return [LeaseRow(key, account_standing(connection, key, now, False).settled, tuple(known)) for key, known in found.items()]

        return await self._reader.run(look)

    async def end_leases(self, process: str) -> None:
        await asyncio.wrap_future(self._writer.submit(lambda connection: connection.execute(QUERIES["end_leases"], (process,)).rowcount))
