"""Reads what providers bill: their exports as CSV, and a plain form that anybody can write. What cannot be read is said with its line.

The columns are those of OpenAI's usage and cost exports (platform.openai.com/usage) and of Anthropic's (platform.claude.com/usage and
/cost), as they came in 2026; columns that are not needed are passed over there, because exports gain new ones.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

Source = Literal["openai usage", "openai costs", "anthropic usage", "anthropic cost", "plain"]
Row = Mapping[str, str]

LINES_MAX: Final = 1_000_000
PLAIN: Final = ("date", "model", "input_tokens", "output_tokens", "cost_usd")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,40})?([eE]-[0-9]{1,2})?")


class Billed(msgspec.Struct, frozen=True):
    """One line. `day` is that of UTC, empty where none is given. Of `input_tokens`, `cached_tokens` were read from a cache and
    `surcharge_tokens` are what writing to one costs beyond, in input tokens. None: the line does not tell. `places` are the decimals of
    its cost."""

    line: int
    day: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    surcharge_tokens: int = 0
    usd: Decimal | None = None
    places: int = 9


class Invoice(msgspec.Struct, frozen=True):
    """A file, read. `provider` is whose export it is, empty for the plain form."""

    source: Source
    provider: str
    lines: tuple[Billed, ...]


class InvoiceError(Exception):
    """The file cannot be read: what is wrong, with the number of its line where there is one, and what would be right."""

    def __init__(self, message: str, help_text: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.help_text = help_text


def read_invoice(text: str) -> Invoice:
    """Raises InvoiceError."""
    if (at := text.find("\0")) >= 0:
        # Python's reader of CSV leaves it out before 3.13, and the cell reads as another name.
        raise InvoiceError("There is a NUL byte in the file.", "Save it as comma-separated values, in UTF-8.", text.count("\n", 0, at) + 1)
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        head = [name.strip().lower() for name in next(rows, [])]
        source, provider, reader = _reader(head)
        lines = tuple(_lines(head, ((rows.line_num, cells) for cells in rows), reader))
    except csv.Error as broken:
        raise InvoiceError(f"This is no CSV: {broken}.", "Save it as comma-separated values, in UTF-8.", rows.line_num) from broken
    if not lines:
        raise InvoiceError("There is no line with usage or cost in it.", "Export the month again.")
    return Invoice(source, provider, lines)


def _reader(head: list[str]) -> tuple[Source, str, Callable[[int, Row], Billed | None]]:
    names = set(head)
    if len(names) < len(head):
        twice = next(name for name in head if head.count(name) > 1)
        raise InvoiceError(f"The column {twice or '(without a name)'} is there twice.", "Each column has a name of its own.", 1)
    for needed, source, provider, reader in _FORMS:
        if needed <= names:
            return source, provider, reader
    if {"model"} < names and names <= set(PLAIN):
        return "plain", "", _plain
    unknown = ", ".join(name or "(without a name)" for name in head if name not in PLAIN)
    known = "; ".join(f"{source}: {', '.join(sorted(needed))}" for needed, source, _, _ in _FORMS)
    told = f"Unknown columns: {unknown[:300]}." if names and unknown else "There is no line of column names."
    raise InvoiceError(told, f"A plain file has {', '.join(PLAIN)}. Exports are known by their columns ({known}).", 1)


def _lines(head: list[str], rows: Iterable[tuple[int, list[str]]], reader: Callable[[int, Row], Billed | None]) -> Iterator[Billed]:
    for number, cells in rows:
        if number > LINES_MAX:
            raise InvoiceError(f"More than {LINES_MAX:,} lines.", "Export a shorter time, or by day.", number)
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            raise InvoiceError(f"{len(cells)} cells where the first line names {len(head)} columns.", "Is a comma not in quotes?", number)
        found = reader(number, {name: cell.strip() for name, cell in zip(head, cells, strict=True)})
        if found is not None:
            yield found


def _openai_usage(line: int, row: Row) -> Billed | None:
    """`input_tokens` include the cached ones. A day without usage has a row without figures."""
    if not row["input_tokens"] and not row["output_tokens"]:
        return None
    cached = _count(line, row, "input_cached_tokens")
    return Billed(line, _start(line, row), row["model"], _count(line, row, "input_tokens"), _count(line, row, "output_tokens"), cached)


def _openai_costs(line: int, row: Row) -> Billed | None:
    """A line item is `MODEL, input`, `MODEL, cached input`, `MODEL, output`, or something that is no model's; its quantity is optional."""
    if not row["amount_value"]:
        return None
    if row["amount_currency"].lower() != "usd":
        raise InvoiceError(f"amount_currency is {row['amount_currency'] or 'empty'}, not usd.", "Only dollars can be compared.", line)
    usd, places = _usd(line, row, "amount_value")
    model, _, kind = row.get("line_item", "").rpartition(", ")
    quantity = _count(line, row, "quantity") if row.get("quantity_unit", "tokens").lower() in ("", "tokens") else None
    is_output, is_input = "output" in kind, "input" in kind
    return Billed(
        line,
        _start(line, row),
        model or row.get("line_item", ""),
        quantity if is_input else 0 if is_output and quantity is not None else None,
        quantity if is_output else 0 if is_input and quantity is not None else None,
        (quantity if "cached" in kind else 0) if is_input and quantity is not None else None,
        usd=usd,
        places=places,
    )


def _anthropic_usage(line: int, row: Row) -> Billed:
    fresh, read = _count(line, row, "usage_input_tokens_no_cache") or 0, _count(line, row, "usage_input_tokens_cache_read") or 0
    short, kept = _count(line, row, "usage_input_tokens_cache_write_5m") or 0, _count(line, row, "usage_input_tokens_cache_write_1h") or 0
    output = _count(line, row, "usage_output_tokens") or 0
    day = _day(line, row, "usage_date_utc")
    return Billed(line, day, row["model_version"], fresh + read + short + kept, output, read, -(-short // 4) + kept)


def _anthropic_cost(line: int, row: Row) -> Billed:
    usd, places = _usd(line, row, "cost_usd")
    return Billed(line, _day(line, row, "usage_date_utc"), row["model"], usd=usd, places=places)


def _plain(line: int, row: Row) -> Billed:
    if not row["model"]:
        raise InvoiceError("model is empty.", "Every line names its model.", line)
    usd, places = _usd(line, row, "cost_usd") if row.get("cost_usd") else (None, 9)
    day = _day(line, row, "date") if row.get("date") else ""
    tokens_in, tokens_out = _count(line, row, "input_tokens"), _count(line, row, "output_tokens")
    if usd is None and (tokens_in is None or tokens_out is None):
        raise InvoiceError("There is neither a cost nor both counts of tokens.", "Give cost_usd, or input_tokens and output_tokens.", line)
    return Billed(line, day, row["model"], tokens_in, tokens_out, usd=usd, places=places)


_FORMS: Final[tuple[tuple[frozenset[str], Source, str, Callable[[int, Row], Billed | None]], ...]] = (
    (frozenset({"start_time", "model", "num_model_requests", "input_tokens", "output_tokens"}), "openai usage", "openai", _openai_usage),
    (frozenset({"start_time", "amount_value", "amount_currency"}), "openai costs", "openai", _openai_costs),
    (
        frozenset({"usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens"}),
        "anthropic usage",
        "anthropic",
        _anthropic_usage,
    ),
    (frozenset({"usage_date_utc", "model", "token_type", "cost_usd"}), "anthropic cost", "anthropic", _anthropic_cost),
)


def _start(line: int, row: Row) -> str:
    """The day in UTC of an OpenAI bucket, which begins at so many seconds since 1970."""
    text = row["start_time"]
    if not re.fullmatch(r"[0-9]{9,11}", text):
        raise InvoiceError(
            f"start_time is {text[:40]!r}, not seconds since 1970.", "Export it again; do not let a program reformat it.", line
        )
    return datetime.fromtimestamp(int(text), UTC).date().isoformat()


def _day(line: int, row: Row, name: str) -> str:
    text = row[name]
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise InvoiceError(f"{name} is {text[:40]!r}, not a day.", "A day is written as 2026-11-03.", line) from None


def _count(line: int, row: Row, name: str) -> int | None:
    text = row.get(name, "")
    if not text:
        return None
    number = _number(line, name, text)
    if number < 0 or number != number.to_integral_value():
        raise InvoiceError(f"{name} is {text[:40]}, not a count.", "Tokens are whole numbers.", line)
    return int(number)


def _usd(line: int, row: Row, name: str) -> tuple[Decimal, int]:
    """An amount, and how many decimals it was given with."""
    number = _number(line, name, row[name])
    exponent = number.as_tuple().exponent
    return number, max(0, -exponent) if isinstance(exponent, int) else 0


def _number(line: int, name: str, text: str) -> Decimal:
    if _NUMBER.fullmatch(text) is None:
        raise InvoiceError(
            f"{name} is {text[:40]!r}, not a number.", "Write it with digits and a point, without signs of a currency.", line
        )
    return Decimal(text)
