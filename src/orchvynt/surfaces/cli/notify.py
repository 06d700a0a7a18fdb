"""Bodies of the commands about destinations: list, outbox, test, resend."""

from urllib.parse import quote

from orchvynt.surfaces import notify_shapes as n
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.session import Session


def listed(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/notify", s.Listing[n.DestinationView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    if not page.items:
        session.terminal.line("The policy has no `notify`: nobody is told.")
        return
    rows = [
        (one.name, one.channel, one.where, one.digest, one.content, str(one.waiting), str(one.undeliverable), one.problem or "-")
        for one in page.items
    ]
    columns = ("NAME", "CHANNEL", "WHERE", "DIGEST", "CONTENT", "WAITING", "UNDELIVERABLE", "PROBLEM")
    session.terminal.table(columns, rows, right=("WAITING", "UNDELIVERABLE"))
    session.more(page.next, "orchvynt notify list")


def outbox(session: Session, undeliverable: bool, limit: int, after: str) -> None:
    query = {"status": "undeliverable" if undeliverable else "waiting", "limit": str(limit), "after": after}
    page = session.fetch("GET", "/notify/outbox", s.Listing[n.MessageView], query=query)
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("Nothing is undeliverable." if undeliverable else "Everything is delivered.")
        return
    rows = [(one.message, one.destination, one.line, terminal.when(one.since), str(one.failures), one.why or "-") for one in page.items]
    terminal.table(("MESSAGE", "DESTINATION", "LINE", "SINCE", "FAILURES", "WHY"), rows, right=("FAILURES",))
    session.more(page.next, f"orchvynt notify outbox{' --undeliverable' if undeliverable else ''}")


def test(session: Session, name: str) -> bool:
    """Whether it was taken."""
    raw = session.client.ask("POST", f"/notify/{quote(name, safe='')}/test", n.NotifyBody())
    done: n.NotifyTested = session.client.read(raw, n.NotifyTested)
    if session.json:
        session.terminal.json(raw)
    else:
        session.terminal.line((done.destination, "bold"), f"  {'took it' if done.taken else 'did not take it'}: {done.said}")
    return done.taken


def resend(session: Session, message: str) -> None:
    done = session.fetch("POST", f"/notify/outbox/{quote(message, safe='')}/resend", n.MessageView, n.NotifyBody())
    if done is not None:
        session.terminal.line((done.message, "bold"), f"  waits again for {done.destination}")
