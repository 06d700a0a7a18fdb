"""Money is integer nano-dollars; rates are integer nano-dollars per million tokens. No float ever holds money."""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

NANOS_PER_USD: Final = 1_000_000_000
TOKENS_PER_RATE: Final = 1_000_000
EXPONENT_MAX: Final = 30
_USD: Final = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,9}))?")


class Price(msgspec.Struct, frozen=True, gc=False):
    """What a provider charges for one model, in nano-dollars per million tokens.

    `source` says where the figures come from: `policy`, `free`, or `genai-prices VERSION`, with `, since DATE`
    where the data dates the price.
    """

    input: int
    output: int
    cached_input: int
    source: str

    @property
    def is_free(self) -> bool:
        return not (self.input or self.output or self.cached_input)


FREE: Final = Price(input=0, output=0, cached_input=0, source="free")


def rate_from_usd(usd_per_million: Decimal) -> int:
    """USD per million tokens → nano-dollars per million tokens, rounded up so that a hold is never too small."""
    return int((usd_per_million * NANOS_PER_USD).to_integral_value(ROUND_CEILING))


def nanos_from_usd(usd: Decimal) -> int:
    """USD → nano-dollars. Raises ValueError when the amount is finer than a nano-dollar."""
    nanos = usd * NANOS_PER_USD
    if nanos != nanos.to_integral_value():
        raise ValueError(f"{usd} USD is finer than a nano-dollar")
    return int(nanos)


def nanos_of_text(usd: str) -> int | None:
    """USD as people write it, `5` or `2.50`, in nano-dollars; None if it is no such amount."""
    match = _USD.fullmatch(usd) if usd.isascii() else None
    return int(match[1]) * NANOS_PER_USD + int((match[2] or "").ljust(9, "0")) if match is not None else None


def plain_text(amount: Decimal) -> str:
    """An amount as plain digits, for `nanos_of_text`. One with an absurd exponent, or that is no number, stays as it is, and is no
    amount there: the digits of 1e999999999 would fill a gigabyte."""
    exponent = amount.as_tuple().exponent
    return f"{amount:f}" if isinstance(exponent, int) and abs(exponent) <= EXPONENT_MAX else str(amount)


def cost_nanos(price: Price, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0) -> int:
    """The cost in nano-dollars, rounded up once. `cached_input_tokens` are part of `input_tokens`."""
    fresh = input_tokens - cached_input_tokens
    total = fresh * price.input + cached_input_tokens * price.cached_input + output_tokens * price.output
    return -(-total // TOKENS_PER_RATE)


def usd_text(nanos: int) -> str:
    """Nano-dollars as a plain decimal of USD without trailing zeros: 3100000 → `0.0031`."""
    usd, rest = divmod(abs(nanos), NANOS_PER_USD)
    text = f"{usd}.{rest:09d}".rstrip("0") if rest else str(usd)
    return f"-{text}" if nanos < 0 else text
