"""Bodies of the commands about budgets: how they stand, and where they are heading."""

import msgspec
from rich.text import Text

from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.amounts import amount, bar, share
from orchvynt.surfaces.cli.session import Session


class Wanted(msgspec.Struct, frozen=True):
    """Which budgets a command asks for; an empty text does not narrow."""

    budget: str
    subject: str
    sort: str
    limit: int
    after: str


def shown(session: Session, wanted: Wanted) -> None:
    listed(session, wanted)


def listed(session: Session, wanted: Wanted) -> None:
    page = session.fetch("GET", "/budgets", s.Listing[s.BudgetView], query={"limit": str(wanted.limit), "after": wanted.after})
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("No budget has been used yet.")
        return
    rows = [_budget(terminal.when(row.resets_at) if row.resets_at else "never", row) for row in page.items]
    headings = ("BUDGET", "SUBJECT", "WINDOW", "USED", "", "SETTLED", "HELD", "LIMIT", "REMAINING", "RESETS")
    terminal.table(headings, rows, right=("USED", "SETTLED", "HELD", "LIMIT", "REMAINING"))
    session.more(page.next, "orchvynt budgets")


def _budget(resets: str, row: s.BudgetView) -> tuple[str | Text, ...]:
    """A budget of money and tokens shows the one that is nearer to its limit."""
    money = _by_money(row)
    settled, held = (row.settled_nanos, row.held_nanos) if money else (row.settled_tokens, row.held_tokens)
    limit = row.limit_nanos if money else row.limit_tokens
    remaining = row.remaining_nanos if money else row.remaining_tokens
    granted = row.granted_nanos if money else row.granted_tokens
    limit = limit + granted if limit is not None else None
    unit = "" if money else " tokens"
    used = share(settled + held, limit) if limit is not None else 0.0
    style = "red" if used >= 1 else "yellow" if used >= 0.8 else "green"
    waiting = f" ({row.waiting} waiting)" if row.waiting else ""
    return (
        row.name,
        f"{row.subject or '-'}{waiting}",
        row.window,
        Text(f"{used:.0%}", style),
        _bar(settled, held, limit, style),
        amount(settled, money) + unit,
        amount(held, money) + unit,
        amount(limit, money) + (unit if limit is not None else "") + (f" ({amount(granted, money)} granted)" if granted else ""),
        amount(remaining, money) + (unit if remaining is not None else ""),
        resets,
    )


def _by_money(row: s.BudgetView) -> bool:
    if row.limit_nanos is None or row.limit_tokens is None:
        return row.limit_nanos is not None
    return share(row.settled_nanos + row.held_nanos, row.limit_nanos) >= share(row.settled_tokens + row.held_tokens, row.limit_tokens)


def _bar(settled: int, held: int, limit: int | None, style: str) -> Text:
    if limit is None:
        return Text("no limit", "dim")
    full, pending, free = bar(settled, held, limit)
    return Text.assemble(("█" * full, style), ("▒" * pending, style), ("░" * free, "dim"))
