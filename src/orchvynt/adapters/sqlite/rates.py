"""Rate limits that several processes share, in a SQL database: a turn is one transaction of the writer."""

import asyncio
from collections.abc import Sequence
from typing import Final

from orchvynt.adapters.rates import body_of, bucket_of, empty_at
from orchvynt.adapters.sql import Connection, Reading
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.joint_bucket import SharedBucket
from orchvynt.decisions.limits.turns import BucketKey, RateTurn, decided
from orchvynt.language.compiled_budgets import RateLimit
from orchvynt.ports.processes import SILENT_NS
from orchvynt.ports.rates import RateAnswer

# One for all turns: they are short, and two that took several in different orders would wait for each other.
_LOCK: Final = int.from_bytes(b"rates", "big")
_FORGOTTEN_FOR_EACH: Final = 2


class SqliteRates:
    """Implements ports.rates.RateStore; the store is made of it."""

    _writer: Writer
    _reader: Reading

    async def take_rate_turn(self, process: str, turn: RateTurn) -> RateAnswer:
        return await asyncio.wrap_future(self._writer.submit(lambda connection: _taken(connection, process, turn), durable=False))

    async def rate_buckets(self, limits: Sequence[RateLimit]) -> list[tuple[RateLimit, str, Bucket]]:
        def look(connection: Connection) -> list[tuple[RateLimit, str, Bucket]]:
            found: list[tuple[RateLimit, str, Bucket]] = []
            (now,) = connection.execute(QUERIES["store_now"]).fetchone()
            for limit in sorted(limits, key=lambda one: one.name):
                for subject, body, running in connection.execute(QUERIES["rates_of"], (limit.name, SILENT_NS)).fetchall():
                    bucket = bucket_of(limit.name, body, int(running), now)
                    bucket.take_form(limit, now)
                    if not bucket.is_idle(limit, now):
                        found.append((limit, str(subject), bucket))
            return found

        return await self._reader.run(look)

    async def end_rates(self, process: str) -> None:
        work = self._writer.submit(lambda connection: connection.execute(QUERIES["end_rates"], (process,)).rowcount, durable=False)
        await asyncio.wrap_future(work)


def _taken(connection: Connection, process: str, turn: RateTurn) -> RateAnswer:
    connection.execute(QUERIES["lock_account"], (_LOCK,)).fetchone()
    (now,) = connection.execute(QUERIES["store_now"]).fetchone()
    buckets = {key: _read(connection, key, process, now) for key in turn.buckets()}
    answers = decided(turn, buckets, now)
    kept = [(*key, empty_at(bucket), body_of(bucket)) for key, bucket in buckets.items() if bucket.form is not None]
    connection.executemany(QUERIES["put_rate"], kept)
    connection.executemany(QUERIES["put_running"], [(*key, process, bucket.mine) for key, bucket in buckets.items() if bucket.mine])
    connection.executemany(QUERIES["end_running"], [(*key, process) for key, bucket in buckets.items() if not bucket.mine])
    connection.execute(QUERIES["forget_rates"], (now, _FORGOTTEN_FOR_EACH * len(buckets)))
    return RateAnswer(now, answers)


def _read(connection: Connection, key: BucketKey, process: str, now: int) -> SharedBucket:
    body, elsewhere = connection.execute(QUERIES["rate"], (*key, process, SILENT_NS)).fetchone()
    return bucket_of(key[0], body, int(elsewhere), now)
