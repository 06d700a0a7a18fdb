"""Bodies of the commands about budgets: how they stand, how fast they are spent, and where that leads."""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.text import Text

from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.budget_shapes import BurnView, MeasureView
from orchvynt.surfaces.cli.amounts import BAR_CELLS, amount, bar, neat, percent, spent
from orchvynt.surfaces.cli.plain import printable
from orchvynt.surfaces.cli.session import FailedError, Session
from orchvynt.surfaces.cli.terminal import Terminal

STYLES: Final = {"ok": "green", "low": "yellow", "full": "red", "over": "magenta"}
WIDE_COLUMNS: Final = 140
UNIT_WORDS: Final = {"usd": "", "tokens": " tokens", "input_tokens": " tokens in", "output_tokens": " tokens out", "invocations": " calls"}
BASES: Final = {"recent": "by the receipts of the last", "window": "by this window so far,"}


class Wanted(msgspec.Struct, frozen=True):
    """Which budgets a command asks for; an empty text does not narrow."""

    budget: str
    subject: str
    sort: str
    limit: int
    after: str

    @property
    def query(self) -> dict[str, str]:
        query = {"limit": str(self.limit), "after": self.after, "sort": self.sort, "budget": self.budget, "subject": self.subject}
        return {name: value for name, value in query.items() if value}

    def again(self, command: str) -> str:
        """The command that goes on behind this page."""
        narrowed = [f"--{name} '{value}'" for name, value in (("budget", self.budget), ("subject", self.subject)) if value]
        sort = [f"--sort {self.sort}"] if self.sort != "tightest" else []
        return " ".join([command, *narrowed, *sort])


def listed(session: Session, wanted: Wanted) -> None:
    page = session.fetch("GET", "/budgets", s.Listing[s.BudgetView], query=wanted.query)
    if page is None:
        return
    if not page.items:
        session.terminal.line(_nothing(wanted))
        return
    table(session.terminal, page.items)
    session.more(page.next, wanted.again("orchvynt budgets"))


def shown(session: Session, wanted: Wanted) -> None:
    page = session.fetch("GET", "/budgets", s.Listing[s.BudgetView], query=wanted.query)
    if page is None:
        return
    if not page.items:
        raise FailedError(_nothing(wanted), "`orchvynt budgets` lists all that have been used.")
    if len(page.items) == 1 and not page.next:
        _one(session.terminal, page.items[0])
        return
    first = page.items[0]
    session.terminal.line((first.name, "bold"), f"  {first.scope}, {_window(first)}, {_breach(first)}")
    session.terminal.line("")
    table(session.terminal, page.items)
    session.more(page.next, f"orchvynt budgets show '{wanted.budget}' --limit {wanted.limit}")


def _nothing(wanted: Wanted) -> str:
    if wanted.subject:
        return f"No budget{f' {wanted.budget}' if wanted.budget else ''} has met {wanted.subject} in its current window."
    return f"{f'Budget {wanted.budget} has not' if wanted.budget else 'No budget has'} been used yet in its current window."


def table(terminal: Terminal, rows: Sequence[s.BudgetView]) -> None:
    """A line for each budget and subject."""
    headings = ("BUDGET", "SUBJECT", "USED", "", "SETTLED", "HELD", "LIMIT", "LEFT", "WINDOW", "RESETS", "PER HOUR", "FORECAST")
    right = ("USED", "SETTLED", "HELD", "LIMIT", "LEFT", "PER HOUR")
    spare = ("WINDOW", "HELD", "PER HOUR", "SETTLED", "RESETS", "LEFT")
    terminal.table(headings, [_row(row, terminal) for row in rows], right=right, spare=spare)


def _row(row: s.BudgetView, terminal: Terminal) -> tuple[str | Text, ...]:
    """A budget with several limits shows the one that is nearest."""
    one = _tightest(row)
    style = STYLES[row.state]
    waiting = Text.assemble(printable(_subject(row)), (f"  {row.waiting} waiting" if row.waiting else "", "yellow"))
    if one is None:
        return (row.name, waiting, "-", Text("no limit", "dim"), "-", "-", "-", "-", _window(row), "-", "-", "-")
    return (
        row.name,
        waiting,
        Text(percent(one.used), style),
        Text.assemble(*_bar(one, style, _cells(terminal))),
        _amount(one.settled, one, terminal),
        _amount(one.held, one, terminal),
        _amount(one.limit, one, terminal) + UNIT_WORDS[one.unit],
        _amount(one.remaining, one, terminal),
        _window(row),
        _resets(row, terminal),
        _rate(row.burn, one, terminal),
        _forecast(row, terminal),
    )


def _one(terminal: Terminal, row: s.BudgetView) -> None:
    terminal.line((row.name, "bold"), "  ", _subject(row))
    terminal.line("")
    for one in row.measures:
        style = "red" if one.used >= 1 else "yellow" if one.used >= 0.8 else "green"
        unit = UNIT_WORDS[one.unit]
        of = f"{_amount(one.settled, one, terminal)} of {_amount(one.limit, one, terminal)}{unit}"
        left = (
            f"{_amount(one.remaining, one, terminal)} left" if one.remaining >= 0 else f"{_amount(-one.remaining, one, terminal)} past it"
        )
        held = f"{_amount(one.held, one, terminal)} held, " if one.held else ""
        terminal.line("  ", (f"{percent(one.used):>5}", style), "  ", *_bar(one, style, BAR_CELLS), f"  {of}  ({held}{left})")
    if not row.measures:
        terminal.line(("  no limit on what is counted here", "dim"))
    terminal.line("")
    tight = _tightest(row)
    word = "frees up" if row.rolls_ms else "resets"
    resets = f", {word} {terminal.when(row.resets_at)}" if row.resets_at else ""
    over = f" ({BASES[row.burn.basis]} {spent(row.burn.over_ms)})" if row.burn.basis else ""
    terminal.pairs(
        [
            ("counts", f"by {row.scope}"),
            ("window", f"{_window(row)}{resets}"),
            ("on breach", _breach(row)),
            ("granted", _granted(row, terminal)),
            ("waiting", f"{row.waiting} for holds in flight" if row.waiting else ""),
            ("rate", f"{_rate(row.burn, tight, terminal)} an hour{over}" if tight is not None and row.burn.basis else "too little to say"),
            ("forecast", _forecast(row, terminal)),
        ]
    )


def _granted(row: s.BudgetView, terminal: Terminal) -> str:
    """What people gave on top of the limit; it is part of the limits that are shown."""
    money = neat(row.granted_nanos) if terminal.is_terminal else amount(row.granted_nanos, True)
    said = [money] if row.granted_nanos else []
    said += [f"{amount(row.granted_tokens, False)} tokens"] if row.granted_tokens else []
    return f"{' and '.join(said)}, in the limits above" if said else ""


def _subject(row: s.BudgetView) -> str:
    return "everybody" if row.subject == "*" else row.subject or "-"


def _tightest(row: s.BudgetView) -> MeasureView | None:
    return max(row.measures, key=lambda one: one.used, default=None)


def _window(row: s.BudgetView) -> str:
    return f"rolling {spent(row.rolls_ms)}" if row.rolls_ms else row.window


def _resets(row: s.BudgetView, terminal: Terminal) -> str:
    """A window that rolls is never reset: its oldest part rolls out."""
    if not row.resets_at:
        return "rolls" if row.rolls_ms else "never"
    return f"{'frees ' if row.rolls_ms else ''}{terminal.when(row.resets_at)}"


def _breach(row: s.BudgetView) -> str:
    return f"downgrade to {row.breach_model}" if row.breach_model else row.on_breach


def _amount(value: int, one: MeasureView, terminal: Terminal) -> str:
    """Rounded for people; a pipe gets every digit."""
    money = one.unit == "usd"
    return neat(value) if money and terminal.is_terminal else amount(value, money)


def _rate(burn: BurnView, one: MeasureView, terminal: Terminal) -> str:
    if not burn.basis:
        return "-"
    per_hour = {
        "usd": burn.nanos_per_hour,
        "tokens": burn.tokens_per_hour,
        "input_tokens": burn.input_tokens_per_hour,
        "output_tokens": burn.output_tokens_per_hour,
        "invocations": burn.invocations_per_hour,
    }
    return _amount(per_hour[one.unit], one, terminal)


def _forecast(row: s.BudgetView, terminal: Terminal) -> Text | str:
    if row.state == "over":
        return Text(f"{row.breach_model} only" if row.breach_model else "past its limit", "magenta")
    if row.state == "full":
        return Text("used up", "red")
    ahead = row.forecast
    if not ahead.unit:
        return "-"
    unit = UNIT_WORDS[ahead.unit] if len(row.measures) > 1 else ""
    if ahead.full_at:
        return Text(f"full {terminal.when(ahead.full_at)}{f' ({unit.strip()})' if unit else ''}", "red" if row.state == "low" else "yellow")
    return Text(f"{percent(ahead.used_at_reset)} {'steady' if row.rolls_ms else 'at reset'}", "dim")


def _cells(terminal: Terminal) -> int:
    return BAR_CELLS if terminal.columns >= WIDE_COLUMNS else BAR_CELLS // 2


def _bar(one: MeasureView, style: str, cells: int) -> tuple[tuple[str, str], ...]:
    """Settled, held, free; a full bar ends in a mark where more than all is used."""
    if one.remaining < 0:
        return (("█" * (cells - 1), style), ("▶", f"bold {style}"))
    full, pending, free = bar(one.settled, one.held, one.limit, cells)
    return (("█" * full, style), ("▒" * pending, style), ("░" * free, "dim"))
