"""Destinations, what is on its way to them, and trying one out."""

from typing import Final

from orchvynt.language.document.scalars import duration_text
from orchvynt.language.patterns import destination_url
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.faults import Fault
from orchvynt.ports.outbox import MessageRow, MessageStatus
from orchvynt.surfaces.admin.access import note
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page
from orchvynt.surfaces.notify_shapes import DestinationView, MessageView, NotifyBody, NotifyTested
from orchvynt.surfaces.operator_shapes import Listing

STATUSES: Final[tuple[MessageStatus, ...]] = ("waiting", "undeliverable")


async def listed(desk: Desk, asking: Asking) -> Listing[DestinationView]:
    lines = {line.name: line for line in desk.control.destinations()}
    views = [
        DestinationView(
            one.name, one.channel, destination_url(one), lines[one.name].waiting, lines[one.name].undeliverable, lines[one.name].problem,
            duration_text(one.digest_ns), "excerpt" if one.excerpt else "none",
        )
        for one in desk.control.snapshot.destinations.values()
    ]  # fmt: skip
    return page(views, lambda view: view.name, lambda view: view, asking.limit, asking.after)


async def outbox(desk: Desk, asking: Asking) -> Listing[MessageView]:
    """The oldest first."""
    status: MessageStatus = "undeliverable" if asking.query.get("status") == "undeliverable" else "waiting"
    rows = await desk.store.messages(status, asking.limit + 1, asking.after)
    shown = rows[: asking.limit]
    return Listing(tuple([_view(row) for row in shown]), shown[-1].id if len(rows) > asking.limit else None)


async def resend(desk: Desk, asking: Asking) -> MessageView | Fault:
    message, body = asking.path["message"], asking.body
    assert isinstance(body, NotifyBody)
    # INVARIANT: the entry comes before the effect.
    await note(desk, asking.who, "notify.resend", body.reason, message)
    done = await desk.control.resend(message)
    return done if isinstance(done, Fault) else _view(done)


async def test(desk: Desk, asking: Asking) -> NotifyTested | Fault:
    """One message at once; the answer says what came back."""
    name, body = asking.path["name"], asking.body
    assert isinstance(body, NotifyBody)
    await note(desk, asking.who, "notify.test", body.reason, name)
    done = await desk.control.test_destination(name, asking.who)
    return done if isinstance(done, Fault) else NotifyTested(name, not done.why, done.why or done.said)


def _view(row: MessageRow) -> MessageView:
    return MessageView(row.id, row.destination, row.line, row.status, instant_text(row.since), row.failures, row.why)
