"""What is known of models: prices, context sizes, output limits, capabilities. Unknown is unknown.

Prices and context sizes come from genai-prices, offline; a price's source says the version of the data, and since when it is in force.

A price is the standard one: a request that asks for another service tier or for writing to a cache may cost more.
"""

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from orchvynt.catalog.capabilities import Capabilities, capabilities
from orchvynt.catalog.limits import max_output_tokens
from orchvynt.model.money import Price, rate_from_usd

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

_VENDORS: Final = {"openai": "openai", "anthropic": "anthropic"}
_REMEMBERED: Final = 4096


class Known(msgspec.Struct, frozen=True, gc=False):
    """`price` is None when unknown. `context_window` and `max_output_tokens` are in tokens, 0 when unknown."""

    price: Price | None = None
    context_window: int = 0
    max_output_tokens: int = 0
    capabilities: Capabilities = Capabilities()


UNKNOWN: Final = Known()


@lru_cache(_REMEMBERED)  # A look-up costs about 80 µs and callers choose names by patterns; bounded, and the data never changes.
def known(kind: str, address: str, upstream_model: str) -> Known:
    """What is known of one model at one provider. `address` is the base_url; it tells which vendor an `openai-compatible` one is."""
    can = capabilities(kind, upstream_model)
    vendor = _vendor(kind, address)
    if vendor is None:
        return Known(None, 0, 0, can)
    limit = max_output_tokens(upstream_model) if kind in _VENDORS else 0
    model = vendor.find_model(upstream_model)
    if model is None:
        return Known(None, 0, limit, can)
    return Known(_price(model), model.context_window or 0, limit, can)


@lru_cache(_REMEMBERED)
def prices_known(kind: str, address: str) -> bool:
    """Whether the catalog has prices of this provider at all."""
    return _vendor(kind, address) is not None


def _vendor(kind: str, address: str) -> "Provider | None":
    if kind not in (*_VENDORS, "openai-compatible"):
        return None
    # Importing it takes 200 ms (pydantic, an HTTP client, 1.6 MB of data); a policy that prices its models never needs it.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    for vendor in get_snapshot().providers:
        if vendor.id == _VENDORS.get(kind) or (kind not in _VENDORS and re.match(vendor.api_pattern, address)):
            return vendor
    return None


def _source(since: date | None) -> str:
    from genai_prices import __version__  # noqa: PLC0415  # as above

    return f"genai-prices {__version__}" + (f", since {since.isoformat()}" if since is not None else "")


def _price(model: "ModelInfo") -> Price | None:
    """The standard price now in force; where it depends on the time of day, or on the length of the input, the highest one."""
    in_force = _in_force(model)
    if any(getattr(prices, "requests_kcount", None) for prices in in_force):
        return None  # a fee per request, which a rate per token cannot hold
    window = model.context_window or 0
    fresh = _highest(in_force, "input_mtok", window)
    output = _highest(in_force, "output_mtok", window)
    if fresh is None or output is None:
        return None
    cached = _highest(in_force, "cache_read_mtok", window)
    return Price(
        rate_from_usd(fresh),
        rate_from_usd(output),
        rate_from_usd(fresh if cached is None else cached),
        _source(_since(model)),
    )


def _since(model: "ModelInfo") -> date | None:
    """The date from which the newest price holds, where the data says one."""
    newest = model.prices[-1] if isinstance(model.prices, list) else None
    return getattr(newest.constraint, "start_date", None) if newest is not None else None


def _in_force(model: "ModelInfo") -> "list[ModelPrice]":
    """The newest price, and before it those that only hold at some hours. No clock here: what is announced counts as in force."""
    if not isinstance(model.prices, list):
        return [model.prices]
    found = []
    for conditional in reversed(model.prices):
        found.append(conditional.prices)
        if conditional.constraint is None or hasattr(conditional.constraint, "start_date"):
            break
    return found


def _highest(prices: "list[ModelPrice]", unit: str, window: int) -> Decimal | None:
    rates = [rate for one in prices if (rate := _rate(getattr(one, unit, None), window)) is not None]
    return max(rates, default=None)


def _rate(price: "Decimal | TieredPrices | None", window: int) -> Decimal | None:
    """A tier that begins at the context size or beyond cannot be reached."""
    if price is None or isinstance(price, Decimal):
        return price
    reachable = [tier.price for tier in price.tiers if not window or tier.start < window]
    highest: Decimal = max([price.base, *reachable])
    return highest
