"""Compares a provider's invoice with our receipts, model by model, and says what the difference is made of.

theirs - ours = estimates + outside + prices + rounding + what nobody can explain. It is arithmetic on our own records: of receipts that
were settled at a bound it is known how far they may be off, of the rest that they are what the provider itself reported.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Literal

import msgspec

from orchvynt.decisions.billing.invoices import Billed, Invoice
from orchvynt.model.money import NANOS_PER_USD, Price, cost_nanos

Kind = Literal["estimates", "outside", "prices", "rounding", "unexplained"]
_DATED: Final = re.compile(r"-(20[0-9]{2}-?[0-9]{2}-?[0-9]{2}|latest)$")


class Ours(msgspec.Struct, frozen=True):
    """Receipts of one model, day and reason: `why` is empty where the provider reported the usage."""

    day: str
    model: str
    why: str
    receipts: int
    nanos: int
    estimated: int
    estimated_nanos: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


class Part(msgspec.Struct, frozen=True):
    """A part of a difference, in nano-dollars, and where it comes from."""

    kind: Kind
    nanos: int
    because: str


class DayDiffers(msgspec.Struct, frozen=True):
    day: str
    ours_nanos: int
    theirs_nanos: int


class ModelDiffers(msgspec.Struct, frozen=True):
    """One model. What the invoice does not tell is null; without a cost, `theirs_nanos` is what its tokens cost at our price, and
    `valued` is true; `unpriced` if no price is known. The parts sum up to `difference_nanos`, theirs less ours."""

    model: str
    ours_nanos: int
    theirs_nanos: int
    difference_nanos: int
    valued: bool
    unpriced: bool
    ours_input_tokens: int
    theirs_input_tokens: int | None
    ours_output_tokens: int
    theirs_output_tokens: int | None
    estimated: int
    parts: tuple[Part, ...]
    days: tuple[DayDiffers, ...]


class Reconciliation(msgspec.Struct, frozen=True):
    """An invoice of `lines` lines against the receipts of `month` (days of UTC) that name `provider`. `left_out` are lines of other
    months. `unexplained_nanos` sums up what no record explains, without regard to its sign; `unpriced` names models whose tokens nobody
    here knows a price for. `within` is whether both are within the tolerance."""

    month: str
    provider: str
    source: str
    lines: int
    left_out: int
    models: tuple[ModelDiffers, ...]
    ours_nanos: int
    theirs_nanos: int
    difference_nanos: int
    unexplained_nanos: int
    unpriced: tuple[str, ...]
    tolerance_nanos: int
    within: bool


class _Theirs(msgspec.Struct):
    usd: Decimal | None = None
    lines: int = 0
    rounding: Decimal = Decimal(0)
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    surcharge_tokens: int = 0

    def add(self, one: Billed) -> None:
        self.lines += 1
        if one.usd is not None:
            self.usd = (self.usd or Decimal(0)) + one.usd
            self.rounding += Decimal(1).scaleb(-one.places) / 2
        self.input_tokens = _sum(self.input_tokens, one.input_tokens)
        self.output_tokens = _sum(self.output_tokens, one.output_tokens)
        self.cached_tokens = _sum(self.cached_tokens, one.cached_tokens)
        self.surcharge_tokens += one.surcharge_tokens

    @property
    def nanos(self) -> int | None:
        return None if self.usd is None else int((self.usd * NANOS_PER_USD).to_integral_value(ROUND_HALF_EVEN))

    @property
    def has_tokens(self) -> bool:
        return self.input_tokens is not None and self.output_tokens is not None


def plain_name(model: str) -> str:
    """What two names of one model have in common: `Claude Sonnet 4.5`, `claude-sonnet-4-5-20250929` → `claude-sonnet-4-5`."""
    return _DATED.sub("", re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-"))


def reconcile(ours: Iterable[Ours], billed: Iterable[Billed], prices: Mapping[str, Price]) -> tuple[ModelDiffers, ...]:
    """By model, the largest difference first. `prices` are those in force, by plain name."""
    known: dict[str, list[Ours]] = defaultdict(list)
    told: dict[str, list[Billed]] = defaultdict(list)
    for receipt in ours:
        known[plain_name(receipt.model)].append(receipt)
    for line in billed:
        told[plain_name(line.model)].append(line)
    found = [_model(name, known.get(name, []), told.get(name, []), prices.get(name)) for name in {*known, *told}]
    return tuple(sorted(found, key=lambda one: (-abs(one.difference_nanos), one.model)))


def report(
    invoice: Invoice, month: str, provider: str, ours: Iterable[Ours], prices: Mapping[str, Price], tolerance_nanos: int
) -> Reconciliation:
    """`invoice` against receipts of `month`. Lines without a day count as of this month."""
    lines = [line for line in invoice.lines if not line.day or line.day.startswith(month)]
    models = reconcile(ours, lines, prices)
    unexplained = sum(abs(part.nanos) for one in models for part in one.parts if part.kind == "unexplained")
    unpriced = tuple(one.model for one in models if one.unpriced)
    owed, paid = sum(one.ours_nanos for one in models), sum(one.theirs_nanos for one in models)
    return Reconciliation(
        month=month,
        provider=provider,
        source=invoice.source,
        lines=len(lines),
        left_out=len(invoice.lines) - len(lines),
        models=models,
        ours_nanos=owed,
        theirs_nanos=paid,
        difference_nanos=paid - owed,
        unexplained_nanos=unexplained,
        unpriced=unpriced,
        tolerance_nanos=tolerance_nanos,
        within=unexplained <= tolerance_nanos and not unpriced,
    )


def _model(name: str, ours: Sequence[Ours], billed: Sequence[Billed], price: Price | None) -> ModelDiffers:
    theirs = _Theirs()
    for one in billed:
        theirs.add(one)
    valued = _valued(ours, theirs, price)
    paid = theirs.nanos if theirs.nanos is not None else valued or 0
    owed = sum(one.nanos for one in ours)
    return ModelDiffers(
        model=name or "(not told)",
        ours_nanos=owed,
        theirs_nanos=paid,
        difference_nanos=paid - owed,
        valued=theirs.nanos is None and valued is not None,
        unpriced=theirs.nanos is None and valued is None and bool(theirs.input_tokens or theirs.output_tokens),
        ours_input_tokens=sum(one.input_tokens for one in ours),
        theirs_input_tokens=theirs.input_tokens,
        ours_output_tokens=sum(one.output_tokens for one in ours),
        theirs_output_tokens=theirs.output_tokens,
        estimated=sum(one.estimated for one in ours),
        parts=_parts(ours, theirs, paid, valued),
        days=_days(ours, billed) if theirs.nanos is not None else (),
    )


def _valued(ours: Sequence[Ours], theirs: _Theirs, price: Price | None) -> int | None:
    """What their tokens cost at the price that our receipts were settled at; None if they tell no tokens, or nothing is known of it."""
    if not theirs.has_tokens:
        return None
    reported = [one for one in ours if not one.estimated]
    settled = sum(one.nanos for one in reported)
    tokens_in, cached = sum(one.input_tokens for one in reported), sum(one.cached_tokens for one in reported)
    tokens_out = sum(one.output_tokens for one in reported)
    their_in, their_out = theirs.input_tokens or 0, theirs.output_tokens or 0
    if price is None:
        if (their_in, their_out) == (tokens_in, tokens_out):
            return settled
        # Of tokens in and out alone it is not known which cost what: an average values them, but compares with no real cost.
        average_known = theirs.usd is None and tokens_in + tokens_out > 0
        return settled * (their_in + their_out) // (tokens_in + tokens_out) if average_known else None
    their_cached = theirs.cached_tokens if theirs.cached_tokens is not None else their_in * cached // tokens_in if tokens_in else 0
    value = cost_nanos(price, their_in + theirs.surcharge_tokens, their_out, min(their_cached, their_in))
    at_price = cost_nanos(price, tokens_in, tokens_out, min(cached, tokens_in))
    # Each receipt is rounded up by itself. More than that: the price was another one before, or its input was written to caches.
    if at_price and not at_price <= settled <= at_price + sum(one.receipts for one in reported):
        return value * settled // at_price
    return value


def _parts(ours: Sequence[Ours], theirs: _Theirs, paid: int, valued: int | None) -> tuple[Part, ...]:
    reported = sum(one.nanos - one.estimated_nanos for one in ours)
    bound = sum(one.estimated_nanos for one in ours)
    count = sum(one.receipts for one in ours)
    slack = int(theirs.rounding * NANOS_PER_USD) + count
    used = paid if valued is None else valued
    # What they metered beyond what they reported to us may be the receipts that are estimates; these are never below the truth.
    beyond = used - reported
    parts = [Part("estimates", min(max(beyond, 0), bound) - bound, _estimates(ours))]
    rest = beyond - bound if beyond > bound else min(beyond, 0)
    if valued is not None or not ours or (rest > 0 and _more_tokens(ours, theirs)):
        parts.append(_rest(rest, slack, _outside(ours)))
    else:
        parts.append(_rest(rest, slack, Part("unexplained", rest, _UNTOLD if rest > 0 else _MISSING)))
    if valued is not None:
        parts.append(_rest(paid - valued, slack, Part("prices", paid - valued, _PRICES)))
    return tuple(part for part in parts if part.nanos)


def _rest(nanos: int, slack: int, part: Part) -> Part:
    if abs(nanos) <= slack:
        return Part("rounding", nanos, "lines of an invoice are rounded, and so is each receipt")
    if part.kind == "outside" and nanos < 0:
        return Part("unexplained", nanos, _MISSING)
    return msgspec.structs.replace(part, nanos=nanos)


_MISSING: Final = "the provider reported this to us and does not bill it: a credit, or a day that is not in the file"
_UNTOLD: Final = "the file tells no tokens: another price, or usage that did not pass here; a usage export tells which"
_PRICES: Final = "the same tokens at another price than the one in force here: correct `price` in the policy, or ask for a credit"


def _outside(ours: Sequence[Ours]) -> Part:
    what = "more tokens than passed here" if ours else "a model that nothing here has used"
    return Part("outside", 0, f"{what}: somebody calls the provider directly, or with a key that other programs use too")


def _more_tokens(ours: Sequence[Ours], theirs: _Theirs) -> bool:
    mine = sum(one.input_tokens + one.output_tokens for one in ours)
    return theirs.has_tokens and (theirs.input_tokens or 0) + (theirs.output_tokens or 0) > mine


def _estimates(ours: Sequence[Ours]) -> str:
    whys: dict[str, int] = defaultdict(int)
    for one in ours:
        if one.estimated:
            whys[one.why or "no usage"] += one.estimated
    told = ", ".join(f"{count} {why}" for why, count in sorted(whys.items(), key=lambda pair: (-pair[1], pair[0])))
    return f"receipts settled at their bound, which is never below the truth: {told}" if told else ""


def _days(ours: Sequence[Ours], billed: Sequence[Billed]) -> tuple[DayDiffers, ...]:
    """The days that differ by more than rounding; none where a line has no day."""
    if not all(one.day for one in billed):
        return ()
    known: dict[str, int] = defaultdict(int)
    slack: dict[str, int] = defaultdict(int)
    told: dict[str, _Theirs] = defaultdict(_Theirs)
    for receipt in ours:
        known[receipt.day] += receipt.nanos
        slack[receipt.day] += receipt.receipts
    for line in billed:
        told[line.day].add(line)
    pairs = ((day, known.get(day, 0), told[day].nanos or 0 if day in told else 0) for day in sorted({*known, *told}))
    return tuple(
        DayDiffers(day, mine, theirs)
        for day, mine, theirs in pairs
        if abs(mine - theirs) > slack[day] + int(told[day].rounding * NANOS_PER_USD)
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
