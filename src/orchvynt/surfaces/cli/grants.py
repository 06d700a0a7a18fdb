"""Bodies of the commands about grants: grant, and list."""

from decimal import Decimal

import msgspec

from orchvynt.surfaces import grant_shapes as g
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import Terminal


class Wanted(msgspec.Struct, frozen=True):
    """What to grant: exactly one of `usd` and `tokens`."""

    budget: str
    subject: str
    why: str
    usd: Decimal | None
    tokens: int | None
    id: str


def grant(session: Session, wanted: Wanted) -> None:
    body = g.GrantBody(wanted.budget, wanted.subject, wanted.why, wanted.usd, wanted.tokens, wanted.id)
    done = session.fetch("POST", "/grants", g.GrantView, body)
    if done is not None:
        what = "was granted before: " if done.repeated else "granted "
        said = f"  {what}{_amount(done)} of budget {done.budget} to {done.subject} {_until(session.terminal, done)}"
        session.terminal.line((done.grant, "bold"), said)


def listed(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/grants", s.Listing[g.GrantView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("Nothing was granted yet.")
        return
    rows = [
        (
            row.grant,
            row.budget,
            row.subject,
            _amount(row),
            terminal.when(row.at),
            _until(terminal, row) if row.in_force else "ended",
            row.by,
            row.reason or "-",
        )
        for row in page.items
    ]
    terminal.table(("GRANT", "BUDGET", "SUBJECT", "AMOUNT", "GIVEN", "LASTS", "BY", "WHY"), rows, right=("AMOUNT",))
    session.more(page.next, "orchvynt budgets grants")


def _amount(row: g.GrantView) -> str:
    return f"${row.usd}" if row.nanos else f"{row.tokens:,} tokens"


def _until(terminal: Terminal, row: g.GrantView) -> str:
    return f"until {terminal.when(row.until)}" if row.until else "for its lifetime"
