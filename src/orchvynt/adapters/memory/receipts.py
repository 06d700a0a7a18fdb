"""Receipts over dicts: joins their parts as the databases do, and sums them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from orchvynt.adapters.receipts import Receipt, Receipts, claims_values
from orchvynt.decisions.billing.dimensions import CONTEXT, context_value
from orchvynt.ports.receipts import ReceiptRow, Spent, SpentRow

NOTHING_SAID = ("",) * 9
NANOS_PER_SECOND = 1_000_000_000


class MemoryReceipts:
    def __init__(self) -> None:
        self._claims: dict[str, tuple[str, ...]] = {}
        self._attempts: dict[str, Receipt] = {}

    def file(self, batch: Receipts) -> None:
        for fact in batch.received:
            self._claims.setdefault(fact.inv, claims_values(fact))
        for attempt, part in batch.attempts.items():
            known = self._attempts.get(attempt)
            if known is not None:
                part.join(known.went, known.response_id)
                part.settled = part.settled or known.settled
            self._attempts[attempt] = part

    def forget_claims(self, invs: set[str]) -> None:
        """What callers said of persons: session, user and context."""
        for inv in invs & self._claims.keys():
            key, key_id, workflow, agent, run, _, workload, _, _ = self._claims[inv]
            self._claims[inv] = (key, key_id, workflow, agent, run, "", workload, "", "")

    def rows(self, begin: int, end: int, after: tuple[int, str] = (0, "")) -> list[ReceiptRow]:
        found = [
            ReceiptRow(attempt, *one.values(settled), *self._claims.get(one.inv, NOTHING_SAID))  # type: ignore[arg-type]  # in their order
            for attempt, one in self._attempts.items()
            if (settled := one.settled) is not None and begin <= settled.at < end and (settled.at, attempt) > after
        ]
        return sorted(found, key=lambda row: (row.settled_at, row.attempt))

    def spent(self, begin: int, end: int, by: Sequence[str], limit: int) -> Spent:
        rows = self.rows(begin, end)
        groups: dict[tuple[str, ...], list[ReceiptRow]] = {}
        for row in rows if by else ():
            groups.setdefault(tuple(_value(row, name) for name in by), []).append(row)
        sums = sorted((_sum(values, members) for values, members in groups.items()), key=lambda one: -one.nanos)
        return Spent(sums[:limit], _sum((), rows))


def _value(row: ReceiptRow, name: str) -> str:
    if name.startswith(CONTEXT):
        return context_value(row.context, name.removeprefix(CONTEXT))
    if name == "key":
        return row.key or row.key_id
    if name == "day":
        return datetime.fromtimestamp(row.settled_at // NANOS_PER_SECOND, UTC).date().isoformat()
    return str(getattr(row, name))


def _sum(values: tuple[str, ...], rows: Sequence[ReceiptRow]) -> SpentRow:
    return SpentRow(
        values,
        receipts=len(rows),
        invocations=len({row.inv for row in rows}),
        nanos=sum(row.nanos for row in rows),
        estimated=sum(row.estimated for row in rows),
        estimated_nanos=sum(row.nanos for row in rows if row.estimated),
        overruns=sum(row.overrun for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        cached_input_tokens=sum(row.cached_input_tokens for row in rows),
        reasoning_tokens=sum(row.reasoning_tokens for row in rows),
        cache_written_tokens=sum(row.cache_written_tokens for row in rows),
    )
