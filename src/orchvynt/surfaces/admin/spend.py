"""What was spent, by whatever receipts may be summed by: since a while, and as the statement of a month."""

from typing import Final

import msgspec

from orchvynt.decisions.billing.dimensions import dimensions
from orchvynt.decisions.billing.periods import Period, month, since
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.model.money import usd_text
from orchvynt.ports.receipts import ReceiptRow, Spent, SpentRow
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page
from orchvynt.surfaces.budget_shapes import ReceiptView, SpendReport, SpentView, Statement
from orchvynt.surfaces.operator_shapes import Listing

GROUPS_MAX: Final = 100_000
"""More are refused rather than cut: a list that is cut does not sum up."""
NANOS_DIGITS: Final = 30
BY_DEFAULT: Final = "model"
SINCE_DEFAULT: Final = "24h"


async def spend(desk: Desk, asking: Asking) -> SpendReport | Fault:
    by = dimensions(asking.query.get("by", BY_DEFAULT))
    period = _period(desk, asking)
    if isinstance(by, Fault):
        return by
    if isinstance(period, Fault):
        return period
    spent = await _spent(desk, period, by)
    if isinstance(spent, Fault):
        return spent
    pages = page(spent.rows, _by_cost, lambda row: _view(row, by), asking.limit, asking.after)
    return SpendReport(by, instant_text(period.begin), instant_text(period.end), pages.items, _view(spent.total, ()), pages.next)


async def statement(desk: Desk, asking: Asking) -> Statement | Fault:
    """Receipts belong to the month in which they were settled."""
    name, timezone = asking.path["month"], "UTC" if asking.query.get("days") == "utc" else desk.control.snapshot.timezone
    by, period = dimensions(asking.query.get("by", BY_DEFAULT)), month(name, timezone)
    if isinstance(by, Fault):
        return by
    if isinstance(period, Fault):
        return period
    spent = await _spent(desk, period, by)
    if isinstance(spent, Fault):
        return spent
    pages = page(spent.rows, _by_name, lambda row: _view(row, by), asking.limit, asking.after)
    begins, ends = instant_text(period.begin), instant_text(period.end)
    closed = period.end <= desk.clock.now()
    return Statement(name, timezone, begins, ends, closed, by, pages.items, _view(spent.total, ()), pages.next)


async def receipts(desk: Desk, asking: Asking) -> Listing[ReceiptView] | Fault:
    """One by one, in the order in which they were settled: what statements are the sum of."""
    period = _period(desk, asking)
    if isinstance(period, Fault):
        return period
    at, _, attempt = asking.after.partition("/")
    if asking.after and not (at.isascii() and at.isdigit() and len(at) < 20):
        return Fault("invalid_request", "`after` is what `next` of the page before said.", "Begin without it.", param="after")
    await desk.store.caught_up()
    rows = await desk.store.receipts(period.begin, period.end, asking.limit + 1, (int(at or 0), attempt))
    kept = rows[: asking.limit]
    more = f"{kept[-1].settled_at}/{kept[-1].attempt}" if len(rows) > asking.limit else None
    return Listing(items=tuple(_receipt(row) for row in kept), next=more)


def _receipt(row: ReceiptRow) -> ReceiptView:
    return ReceiptView(
        attempt=row.attempt,
        invocation=row.inv,
        at=instant_text(row.settled_at),
        model=row.model,
        provider=row.provider,
        upstream_model=row.upstream_model,
        response=row.response_id,
        nanos=row.nanos,
        usd=usd_text(row.nanos),
        price_source=row.price_source,
        estimated=row.estimated,
        why=row.why,
        overrun=row.overrun,
        input_tokens=row.input_tokens,
        cached_input_tokens=row.cached_input_tokens,
        cache_written_tokens=row.cache_written_tokens,
        output_tokens=row.output_tokens,
        reasoning_tokens=row.reasoning_tokens,
        key=row.key,
        key_id=row.key_id,
        workflow=row.workflow,
        agent=row.agent,
        run=row.run,
        session=row.session,
        workload=row.workload,
        user=row.user,
        context=row.context,
    )


def _period(desk: Desk, asking: Asking) -> Period | Fault:
    timezone = desk.control.snapshot.timezone
    if "month" in asking.query and "since" in asking.query:
        return Fault("invalid_request", "Both `since` and `month` say which time is meant.", "Give one of them.", param="since")
    if "month" in asking.query:
        return month(asking.query["month"], timezone)
    return since(asking.query.get("since", SINCE_DEFAULT), desk.clock.now(), timezone)


async def _spent(desk: Desk, period: Period, by: tuple[str, ...]) -> Spent | Fault:
    await desk.store.caught_up()
    spent = await desk.store.spent(period.begin, period.end, by, GROUPS_MAX + 1)
    if len(spent.rows) > GROUPS_MAX:
        return Fault("invalid_request", f"There are more than {GROUPS_MAX:,} groups.", "Sum by less, or of a shorter time.", param="by")
    return spent


def _by_cost(row: SpentRow) -> str:
    return f"{10**NANOS_DIGITS - row.nanos:0{NANOS_DIGITS + 1}d}/{_by_name(row)}"


def _by_name(row: SpentRow) -> str:
    """In the order of the names, unambiguous, and safe in an address, whatever callers call themselves."""
    return msgspec.json.encode(row.values).hex()


def _view(row: SpentRow, by: tuple[str, ...]) -> SpentView:
    return SpentView(
        group=dict(zip(by, row.values, strict=True)),
        attempts=row.receipts,
        invocations=row.invocations,
        nanos=row.nanos,
        usd=usd_text(row.nanos),
        estimated=row.estimated,
        estimated_nanos=row.estimated_nanos,
        estimated_usd=usd_text(row.estimated_nanos),
        overruns=row.overruns,
        input_tokens=row.input_tokens,
        cached_input_tokens=row.cached_input_tokens,
        cache_written_tokens=row.cache_written_tokens,
        output_tokens=row.output_tokens,
        reasoning_tokens=row.reasoning_tokens,
    )
