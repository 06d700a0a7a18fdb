"""The kinds of numbers in the document: money, prices, tokens, counts, shares. No float on the way where it is money or a share."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from orchvynt.language.document.scalars import shown, text_schema
from orchvynt.language.document.section import wrong
from orchvynt.language.yaml_marks import YamlFloat
from orchvynt.model.money import NANOS_PER_USD, plain_text

USD_MAX: Final = 1_000_000_000
TOKENS_MAX: Final = 1_000_000_000_000
COUNT_MAX: Final = 1_000_000_000
WHOLE_SHARE: Final = 10_000
"""A share counts in parts of 10,000: 12.5 % is 1,250."""

_SHARE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%")


def _decimal(value: object) -> Decimal:
    """A number as the file writes it."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, YamlFloat)):
        raise wrong(f"{shown(value)} is not a number", "Write a plain number of dollars, without quotes or a currency sign.")
    try:
        return Decimal(value.text if isinstance(value, YamlFloat) else value)
    except InvalidOperation:
        raise wrong(f"{shown(value)} is not a number") from None


def _usd(value: object) -> Decimal:
    amount = _decimal(value)
    if amount <= 0:
        raise wrong("a limit must be more than zero", "To stop all spending, remove the models or set another rule.")
    if amount > USD_MAX:
        raise wrong(f"a limit of more than {USD_MAX:,} USD cannot be meant")
    return _whole_nanos(amount)


def _rate(value: object) -> Decimal:
    rate = _decimal(value)
    if rate < 0:
        raise wrong("a price cannot be negative")
    if rate > USD_MAX:
        raise wrong(f"a price of more than {USD_MAX:,} USD per million tokens cannot be meant")
    return _whole_nanos(rate)


def _whole_nanos(amount: Decimal) -> Decimal:
    nanos = amount * NANOS_PER_USD
    # What is far too fine to be reckoned with comes out as 0.
    if nanos != nanos.to_integral_value() or (amount and not nanos):
        raise wrong(f"{plain_text(amount)} USD is finer than a nano-dollar", "At most nine digits after the point.")
    return amount.normalize()


def _tokens(value: int) -> int:
    if not 0 < value <= TOKENS_MAX:
        raise wrong(f"a number of tokens is between 1 and {TOKENS_MAX:,}")
    return value


def _count(value: int) -> int:
    if not 0 < value <= COUNT_MAX:
        raise wrong(f"the number is between 1 and {COUNT_MAX:,}")
    return value


def _share(value: object) -> int:
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        whole = isinstance(value, (int, float)) and not isinstance(value, bool)
        number = value.text if isinstance(value, YamlFloat) else value
        said = f"`{number}` has no percent sign" if whole else f"{shown(value)} is not a share"
        raise wrong(said, f"Write {number}%." if whole else "Write a percentage with at most two digits after the point: 70%, 2.5%.")
    parts = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if parts > WHOLE_SHARE:
        raise wrong(f"`{value}` is more than the whole", "A share is between 0% and 100%.")
    return parts


def _some(share: int) -> int:
    if share == 0:
        raise wrong("the share must be more than 0%")
    return share


def share_text(parts: int) -> str:
    """1250 → `12.5%`."""
    return f"{Decimal(parts) / 100:f}".rstrip("0").rstrip(".") + "%" if parts % 100 else f"{parts // 100}%"


_SHARE_SCHEMA: Final = text_schema(r"[0-9]{1,3}(\.[0-9]{1,2})?%")
_NUMBER_SCHEMA: Final = WithJsonSchema({"type": "integer", "minimum": 1, "maximum": COUNT_MAX})

Usd = Annotated[Decimal, BeforeValidator(_usd), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
Rate = Annotated[Decimal, BeforeValidator(_rate), WithJsonSchema({"type": "number", "minimum": 0})]
Tokens = Annotated[int, AfterValidator(_tokens), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": TOKENS_MAX})]
Count = Annotated[int, AfterValidator(_count), _NUMBER_SCHEMA]
Share = Annotated[int, BeforeValidator(_share), _SHARE_SCHEMA]
SomeShare = Annotated[int, BeforeValidator(_share), AfterValidator(_some), _SHARE_SCHEMA]
