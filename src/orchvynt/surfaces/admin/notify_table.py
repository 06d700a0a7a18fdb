"""The routes about destinations and messages: a part of the route table."""

from typing import Final

from orchvynt.surfaces import notify_shapes as n
from orchvynt.surfaces.admin import notify
from orchvynt.surfaces.admin.asking import Query, Row
from orchvynt.surfaces.operator_shapes import Listing

NOTIFY_ROWS: Final[tuple[Row, ...]] = (
    Row("GET", "/notify", "viewer", notify.listed, "The policy's destinations, and how they are.", Listing[n.DestinationView], pages=True),
    Row(
        "GET",
        "/notify/outbox",
        "viewer",
        notify.outbox,
        "Messages that are not delivered, the oldest first.",
        Listing[n.MessageView],
        query=(Query("status", "`waiting` (default) or `undeliverable`.", notify.STATUSES),),
        pages=True,
    ),
    Row(
        "POST",
        "/notify/outbox/{message}/resend",
        "operator",
        notify.resend,
        "Sends an undeliverable message once more.",
        n.MessageView,
        takes=n.NotifyBody,
    ),
    Row(
        "POST",
        "/notify/{name}/test",
        "operator",
        notify.test,
        "Sends a test message and says what came back.",
        n.NotifyTested,
        takes=n.NotifyBody,
    ),
)
