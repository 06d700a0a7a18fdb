"""Body of `orchvynt spend`: what was spent on what, with bars; and how a group of receipts looks in a table."""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.text import Text

from orchvynt.lifecycle.explain.phrases import count, dollars
from orchvynt.surfaces.budget_shapes import SpendReport, SpentView
from orchvynt.surfaces.cli.amounts import BAR_CELLS, bar, neat, percent, share
from orchvynt.surfaces.cli.plain import printable
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import Terminal

NOBODY: Final = "(none)"
COST, ESTIMATED, CALLS, ATTEMPTS, TOKENS_IN, CACHED, TOKENS_OUT = "COST", "ESTIMATED", "CALLS", "ATTEMPTS", "IN", "CACHED", "OUT"
NUMBERS: Final = (COST, ESTIMATED, CALLS, ATTEMPTS, TOKENS_IN, CACHED, TOKENS_OUT)
SPARE: Final = (CACHED, ATTEMPTS, ESTIMATED, TOKENS_IN, TOKENS_OUT, "", CALLS)


class Asked(msgspec.Struct, frozen=True):
    by: str
    since: str
    month: str
    limit: int
    after: str

    @property
    def query(self) -> dict[str, str]:
        return {"by": self.by, "since": self.since, "month": self.month, "limit": str(self.limit), "after": self.after}

    @property
    def command(self) -> str:
        time = f" --month {self.month}" if self.month else f" --since {self.since}" if self.since else ""
        return f"orchvynt spend --by {self.by}{time} --limit {self.limit}"


def spend(session: Session, asked: Asked) -> None:
    report = session.fetch("GET", "/spend", SpendReport, query=asked.query)
    if report is None:
        return
    terminal = session.terminal
    if not report.items:
        terminal.line(f"Nothing was settled from {report.since} to {report.until}.")
        return
    groups(terminal, report.by, report.items, report.total)
    terminal.line("")
    terminal.line((f"settled from {report.since} to {report.until}", "dim"))
    if report.next:
        terminal.line((f"more: {asked.command} --after {report.next}", "dim"))


def groups(terminal: Terminal, by: Sequence[str], items: Sequence[SpentView], total: SpentView) -> None:
    """A line for each group, with its share of the cost, and one for all."""
    names = tuple(name.rpartition(".")[2].upper().replace("_", " ") for name in by)
    rows: list[tuple[Text | str, ...]] = [
        (*_labels(item, by), _share(item, total), _bar(item, total, terminal), *figures(item, terminal)) for item in items
    ]
    last: list[Text | str] = [Text("total", "bold"), *[""] * (len(by) + 1)]
    rows.append((*last, *(Text(cell, "bold") for cell in figures(total, terminal))))
    terminal.table((*names, "SHARE", "", *NUMBERS), rows, right=("SHARE", *NUMBERS), spare=SPARE)


def figures(item: SpentView, terminal: Terminal) -> tuple[str, ...]:
    """Rounded for people; a pipe gets every digit."""
    money = neat if terminal.is_terminal else dollars
    return (
        money(item.nanos),
        money(item.estimated_nanos) if item.estimated else "-",
        f"{item.invocations:,}",
        f"{item.attempts:,}",
        f"{item.input_tokens:,}",
        f"{item.cached_input_tokens:,}",
        f"{item.output_tokens:,}",
    )


def summary(total: SpentView) -> str:
    """All of it in one line, exact."""
    unsure = f"; {dollars(total.estimated_nanos)} of it in {count(total.estimated, 'receipt')} that no provider confirmed"
    return f"{dollars(total.nanos)} in {count(total.invocations, 'invocation')}, {count(total.attempts, 'attempt')}" + (
        unsure if total.estimated else ""
    )


def _labels(item: SpentView, by: Sequence[str]) -> list[Text]:
    return [Text(printable(item.group[name])) if item.group[name] else Text(NOBODY, "dim") for name in by]


def _share(item: SpentView, total: SpentView) -> str:
    return percent(share(item.nanos, total.nanos)) if total.nanos else "-"


def _bar(item: SpentView, total: SpentView, terminal: Terminal) -> Text:
    cells = BAR_CELLS if terminal.columns >= 120 else BAR_CELLS // 2
    full, _, free = bar(item.nanos, 0, total.nanos, cells) if total.nanos else (0, 0, cells)
    return Text.assemble(("█" * full, "cyan"), ("░" * free, "dim"))
