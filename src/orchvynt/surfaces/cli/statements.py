"""Body of `orchvynt budgets statement`: one month, whole, as a table, as CSV for spreadsheets, or as JSON."""

import csv
import io
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from orchvynt.surfaces.budget_shapes import SpentView, Statement
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.spending import groups, summary

PAGE: Final = 500
FIGURES: Final = (
    "attempts", "invocations", "input_tokens", "cached_input_tokens", "cache_written_tokens", "output_tokens", "reasoning_tokens", "usd",
    "nanos", "estimated", "estimated_usd", "estimated_nanos", "overruns",
)  # fmt: skip
# What spreadsheets take for the beginning of a formula (owasp.org/www-community/attacks/CSV_Injection), and the mark itself.
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")


def statement(session: Session, month: str, by: str, form: str) -> None:
    whole = fetched(session, month, by)
    terminal = session.terminal
    if form == "json":
        terminal.values(whole)
        return
    if form == "csv":
        terminal.raw(as_csv(whole))
        # Beside the rows and not among them: a column's sum in a spreadsheet is the total.
        terminal.error_text(f"total: {summary(whole.total)}")
        return
    terminal.line((f"Statement of {whole.month}", "bold"), f"  {whole.timezone}{'' if whole.closed else ', not over yet'}")
    terminal.line("")
    if whole.items:
        groups(terminal, whole.by, whole.items, whole.total)
        terminal.line("")
    terminal.line(f"total: {summary(whole.total)}")


def fetched(session: Session, month: str, by: str, days: str = "") -> Statement:
    """All pages of it as one."""
    path, query = f"/statements/{quote(month, safe='')}", {"by": by, "days": days, "limit": str(PAGE), "after": ""}
    pages: list[Statement] = []
    while not pages or pages[-1].next:
        query["after"] = (pages[-1].next if pages else "") or ""
        pages.append(session.client.read(session.client.ask("GET", path, None, query), Statement))
    return msgspec.structs.replace(pages[-1], items=tuple(item for one in pages for item in one.items), next=None)


def as_csv(whole: Statement) -> str:
    """RFC 4180, a line for each group: the month, its names, its figures. A text that a spreadsheet would calculate begins with an
    apostrophe, and so does one that begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["month", *(_harmless(name) for name in whole.by), *FIGURES])
    for item in whole.items:
        writer.writerow([whole.month, *(_harmless(item.group[name]) for name in whole.by), *_figures(item)])
    return out.getvalue()


def _figures(item: SpentView) -> Sequence[str]:
    return [str(getattr(item, name)) for name in FIGURES]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULAS) else text
