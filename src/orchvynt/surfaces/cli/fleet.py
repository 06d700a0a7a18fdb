"""Bodies of the commands about what runs: status, budgets, providers."""

from rich.text import Text

from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.amounts import amount, bar, share
from orchvynt.surfaces.cli.plain import printable
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import state


def status(session: Session) -> None:
    now = session.fetch("GET", "/status", s.StatusView)
    if now is None:
        return
    terminal = session.terminal
    terminal.pairs(
        [
            ("server", f"{session.client.server.url}  OrchVynt {now.version}"),
            ("state", Text("draining", "yellow") if now.draining else Text("serving", "green")),
            ("started", terminal.when(now.started_at)),
            ("policy", f"version {now.policy_version}  {now.policy_digest}"),
            ("drift", Text(printable(now.drift), "yellow")) if now.drift else ("drift", "none"),
            ("open", f"{now.invocations_open} invocations, {now.streams_open} streams, {now.holds_waiting} waiting for a budget"),
            ("reviews", f"{now.reviews_open} open"),
            ("store", now.store),
            ("journal", f"{now.journal_bytes:,} bytes"),
        ]
    )


def budgets(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/budgets", s.Listing[s.BudgetView], query={"limit": str(limit), "after": after})
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
        amount(limit, money) + (unit if limit is not None else ""),
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


def providers(session: Session) -> None:
    page = session.fetch("GET", "/providers", s.Listing[s.ProviderView], query={"limit": "500"})
    if page is None:
        return
    terminal = session.terminal
    rows = [
        (
            row.model,
            row.provider,
            row.upstream_model,
            state(row.state),
            f"again {terminal.when(row.resting_until)} ({row.why})" if row.state == "resting" else "",
            str(row.attempts),
            Text(str(row.failures), "red" if row.failures else "dim"),
            row.address,
        )
        for row in page.items
    ]
    headings = ("MODEL", "PROVIDER", "UPSTREAM", "STATE", "", "ATTEMPTS", "FAILURES", "ADDRESS")
    terminal.table(headings, rows, right=("ATTEMPTS", "FAILURES"))
