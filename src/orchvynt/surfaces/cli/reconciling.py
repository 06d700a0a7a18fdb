"""Body of `orchvynt budgets reconcile`: reads an invoice, asks for our receipts of its month, and tells what the difference is made of."""

import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import msgspec
import typer
from rich.text import Text

from orchvynt.catalog.models import known
from orchvynt.decisions.billing.invoices import Invoice, InvoiceError, read_invoice
from orchvynt.decisions.billing.reconciling import ModelDiffers, Ours, Reconciliation, plain_name, report
from orchvynt.lifecycle.explain.phrases import count, dollars
from orchvynt.model.money import Price, nanos_from_usd
from orchvynt.surfaces.budget_shapes import Statement
from orchvynt.surfaces.cli.session import FailedError, Session
from orchvynt.surfaces.cli.statements import PAGE, fetched
from orchvynt.surfaces.cli.terminal import Terminal
from orchvynt.surfaces.model_shapes import ModelView
from orchvynt.surfaces.operator_shapes import Listing

INVOICE_BYTES_MAX: Final = 64 * 1024 * 1024
BY: Final = "day,provider,upstream_model,why"
DAYS_SHOWN: Final = 5
STYLES: Final = {"estimates": "cyan", "outside": "yellow", "prices": "yellow", "rounding": "dim", "unexplained": "red"}


class Wanted(msgspec.Struct, frozen=True):
    """`provider` and `month` are empty where the file tells them."""

    invoice: str
    provider: str
    month: str
    tolerance_nanos: int


def tolerance_nanos(text: str) -> int:
    """Exit code 2 for what is no amount."""
    try:
        amount = Decimal(text)
        if not 0 <= amount < 10**9:
            raise InvalidOperation
        return nanos_from_usd(amount)
    except (InvalidOperation, ValueError) as wrong:
        raise typer.BadParameter(f"{text!r} is no amount in dollars, such as 0.50", param_hint="--tolerance") from wrong


def reconcile(session: Session, wanted: Wanted) -> None:
    """Exit code 1 if more stays unexplained than the tolerance allows."""
    name = "<stdin>" if wanted.invoice == "-" else wanted.invoice
    try:
        invoice = read_invoice(_text(wanted.invoice, name))
    except InvoiceError as unreadable:
        place = f"{name}:{unreadable.line}:1" if unreadable.line else name
        help_text = f"\n  help: {unreadable.help_text}" if unreadable.help_text else ""
        raise FailedError(text=f"{place}: {unreadable}{help_text}") from unreadable
    month = _month(invoice, wanted.month, name)
    whole = fetched(session, month, BY, days="utc")
    provider = _provider(invoice, wanted.provider, whole)
    found = report(invoice, month, provider, _ours(whole, provider), _prices(session, invoice, provider), wanted.tolerance_nanos)
    if session.json:
        session.terminal.values(found)
    else:
        _show(session.terminal, found)
    if not found.within:
        raise typer.Exit(1)


def _text(path: str, name: str) -> str:
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(INVOICE_BYTES_MAX + 1)
        else:
            with Path(path).open("rb") as file:
                raw = file.read(INVOICE_BYTES_MAX + 1)
    except OSError as missing:
        raise FailedError(f"{name} cannot be read ({missing.strerror}).", "Name the file that the provider exported.") from missing
    if len(raw) > INVOICE_BYTES_MAX:
        raise InvoiceError(f"It is larger than {INVOICE_BYTES_MAX // 1024 // 1024} MiB.", "Export a shorter time, or by day.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise InvoiceError("This byte is not UTF-8.", "Save it as UTF-8.", raw.count(b"\n", 0, wrong.start) + 1) from wrong


def _month(invoice: Invoice, asked: str, name: str) -> str:
    months = Counter(line.day[:7] for line in invoice.lines if line.day)
    told = ", ".join(sorted(months)[:6])
    if asked:
        if months and asked not in months:
            raise FailedError(f"No line of {name} is of {asked}: they are of {told}.", "Export that month, or name another one.")
        return asked
    if len(months) == 1:
        return next(iter(months))
    if not months:
        raise FailedError(f"The lines of {name} have no day.", "Say which month they are of, with --month 2026-11.")
    raise FailedError(f"The lines of {name} are of {len(months)} months: {told}.", "Say which one to look at, with --month 2026-11.")


def _provider(invoice: Invoice, asked: str, whole: Statement) -> str:
    names = sorted({item.group["provider"] for item in whole.items})
    if asked:
        return asked
    if invoice.provider in names or not names:
        return invoice.provider or "(none)"
    if len(names) == 1:
        return names[0]
    raise FailedError(f"Receipts of {whole.month} name several providers: {', '.join(names)}.", "Say whose invoice it is, with --provider.")


def _ours(whole: Statement, provider: str) -> list[Ours]:
    return [
        Ours(
            day=item.group["day"],
            model=item.group["upstream_model"],
            why=item.group["why"],
            receipts=item.attempts,
            nanos=item.nanos,
            estimated=item.estimated,
            estimated_nanos=item.estimated_nanos,
            input_tokens=item.input_tokens,
            cached_tokens=item.cached_input_tokens,
            output_tokens=item.output_tokens,
        )
        for item in whole.items
        if item.group["provider"] == provider
    ]


def _prices(session: Session, invoice: Invoice, provider: str) -> dict[str, Price]:
    """By plain name: those that the catalog knows of models on the invoice, and before them those of the policy."""
    prices = {}
    for name in {line.model for line in invoice.lines}:
        price = known(invoice.provider or provider, "", plain_name(name)).price
        if price is not None:
            prices[plain_name(name)] = price
    for one in _models(session):
        if one.provider == provider and one.input_nanos_per_million is not None and one.output_nanos_per_million is not None:
            cached = one.cached_input_nanos_per_million
            rates = (one.input_nanos_per_million, one.output_nanos_per_million)
            prices[plain_name(one.upstream_model)] = Price(*rates, rates[0] if cached is None else cached, one.price_source)
    return prices


def _models(session: Session) -> list[ModelView]:
    found: list[ModelView] = []
    after: str | None = ""
    while after is not None:
        raw = session.client.ask("GET", "/models", None, {"limit": str(PAGE), "after": after})
        page = session.client.read(raw, Listing[ModelView])
        found += page.items
        after = page.next
    return found


def _show(terminal: Terminal, found: Reconciliation) -> None:
    terminal.line((f"{found.provider}, {found.month}", "bold"), f"  {found.source}, {count(found.lines, 'line')}; days are those of UTC")
    if found.left_out:
        terminal.line((f"{count(found.left_out, 'line')} of other months left out", "yellow"))
    terminal.line("")
    right = ("OURS", "THEIRS", "DIFFERENCE", "IN, OURS", "THEIRS ", "OUT, OURS", "THEIRS  ")
    total = ("total", dollars(found.ours_nanos), dollars(found.theirs_nanos), _signed(found.difference_nanos), "", "", "", "")
    rows: list[Sequence[Text | str]] = [_row(one) for one in found.models]
    rows.append([Text(cell, "bold") for cell in total])
    terminal.table(("MODEL", *right), rows, right=right, spare=("THEIRS  ", "OUT, OURS", "THEIRS ", "IN, OURS"))
    for one in found.models:
        _because(terminal, one)
    terminal.line("")
    told = f"{dollars(found.unexplained_nanos)} unexplained, of a tolerance of {dollars(found.tolerance_nanos)}"
    if found.unpriced:
        told += f"; no price is known for {', '.join(found.unpriced)}"
    terminal.line((told, "green" if found.within else "red"))


def _row(one: ModelDiffers) -> Sequence[str]:
    return (
        one.model,
        dollars(one.ours_nanos),
        "-" if one.unpriced else f"{'~' if one.valued else ''}{dollars(one.theirs_nanos)}",
        _signed(one.difference_nanos),
        f"{one.ours_input_tokens:,}",
        _tokens(one.theirs_input_tokens),
        f"{one.ours_output_tokens:,}",
        _tokens(one.theirs_output_tokens),
    )


def _because(terminal: Terminal, one: ModelDiffers) -> None:
    if not one.parts:
        return
    terminal.line("")
    valued = "  (the file tells no cost: its tokens at our price)" if one.valued else ""
    terminal.line((one.model, "bold"), f"  {_signed(one.difference_nanos)}", (valued, "dim"))
    for part in one.parts:
        terminal.line(f"  {_signed(part.nanos):>16}  ", (f"{part.kind:<11}", STYLES[part.kind]), f"  {part.because}")
    if one.days:
        shown = ", ".join(f"{day.day} {_signed(day.theirs_nanos - day.ours_nanos)}" for day in one.days[:DAYS_SHOWN])
        more = f" and {len(one.days) - DAYS_SHOWN} more" if len(one.days) > DAYS_SHOWN else ""
        terminal.line((f"  by day: {shown}{more}", "dim"))


def _signed(nanos: int) -> str:
    return f"+{dollars(nanos)}" if nanos > 0 else dollars(nanos)


def _tokens(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
