"""Body of `orchvynt limits`: who is under which rate limit, and how much of it is left."""

from rich.text import Text

from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.operator_shapes import Listing
from orchvynt.surfaces.rate_shapes import RateLimitView


def limits(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/rate-limits", Listing[RateLimitView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("Nobody is under a rate limit now: every limit is full, or the policy has none.")
        return
    rows = [
        (
            row.name,
            row.subject,
            row.scope,
            row.window,
            _left(row.remaining_invocations, row.limit_invocations),
            _left(row.remaining_tokens, row.limit_tokens),
            str(row.running)
            if row.limit_concurrent is None
            else _of(row.running, row.limit_concurrent, row.limit_concurrent - row.running),
            Text(f"{row.refused:,}", "red" if row.refused else "dim"),
            terminal.when(row.full_at) if row.full_at else "now",
        )
        for row in page.items
    ]
    headings = ("LIMIT", "SUBJECT", "BY", "WINDOW", "INVOCATIONS LEFT", "TOKENS LEFT", "RUNNING", "REFUSED", "FULL AGAIN")
    terminal.table(headings, rows, right=headings[4:8], spare=("BY", "WINDOW"))
    session.more(page.next, "orchvynt limits")


def _left(remaining: int | None, limit: int | None) -> Text:
    return Text("-", "dim") if remaining is None or limit is None else _of(remaining, limit, remaining)


def _of(shown: int, limit: int, left: int) -> Text:
    """`12 of 60`, in the colour of what is left."""
    return Text(f"{shown:,} of {limit:,}", "red" if left <= 0 else "yellow" if left * 5 <= limit else "green")
