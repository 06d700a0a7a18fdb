"""What is known of models: published prices in nano-dollars, the highest that a request can reach; unknown stays unknown."""

import subprocess
import sys
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, StartDateConstraint, TieredPrices

from orchvynt.catalog.limits import max_output_tokens
from orchvynt.catalog.models import known, prices_known
from orchvynt.model.money import rate_from_usd


def test_a_published_price() -> None:
    found = known("openai", "", "gpt-4o-mini")
    assert found.price is not None
    assert (found.price.input, found.price.output, found.price.cached_input) == (150_000_000, 600_000_000, 75_000_000)
    assert found.price.source.startswith("genai-prices ")
    assert (found.context_window, found.max_output_tokens) == (128_000, 16_384)


def test_a_tier_beyond_the_context_is_not_reached_and_another_is() -> None:
    short, long = known("anthropic", "", "claude-sonnet-4-5").price, known("openai", "", "gpt-5.4").price
    assert short is not None
    assert long is not None
    assert short.input == 3_000_000_000
    assert long.input == 5_000_000_000


@pytest.mark.parametrize(
    ("kind", "address", "model"),
    [
        ("ollama", "http://127.0.0.1:11434", "mistral:7b"),
        ("openai", "", "no-such-model"),
        ("openai-compatible", "https://llm.example/v1", "gpt-4o"),
        ("nobody", "", "gpt-4o"),
    ],
)
def test_unknown_stays_unknown(kind: str, address: str, model: str) -> None:
    found = known(kind, address, model)
    assert (found.price, found.context_window, found.max_output_tokens) == (None, 0, 0)


def test_a_price_says_since_when_it_holds() -> None:
    """Where the data dates it; most prices have held since the model came."""
    dated = [
        (model.id, model.prices[-1].constraint.start_date)
        for provider in get_snapshot().providers
        for model in provider.models
        if provider.id == "openai" and isinstance(model.prices, list) and isinstance(model.prices[-1].constraint, StartDateConstraint)
    ]
    assert dated
    for name, since in dated:
        price = known("openai", "", name).price
        assert price is None or price.source.endswith(f", since {since.isoformat()}")
    plain = known("openai", "", "gpt-4o-mini").price
    assert plain is not None
    assert "since" not in plain.source


def test_a_known_vendor_behind_a_compatible_address() -> None:
    assert known("openai-compatible", "https://api.groq.com/openai/v1", "llama-3.3-70b-versatile").price is not None
    assert prices_known("openai-compatible", "https://api.groq.com/openai/v1")
    assert not prices_known("openai-compatible", "https://llm.example/v1")
    assert not prices_known("ollama", "http://127.0.0.1:11434")


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_no_price_is_below_any_that_is_published_without_conditions(vendor: str) -> None:
    provider = next(provider for provider in get_snapshot().providers if provider.id == vendor)
    seen = 0
    for model in provider.models:
        if not isinstance(model.prices, ModelPrice):
            continue
        found = known(vendor, "", model.id).price
        if found is None or provider.find_model(model.id) is not model:
            continue
        seen += 1
        for rate, unit in ((found.input, model.prices.input_mtok), (found.output, model.prices.output_mtok)):
            base = unit.base if isinstance(unit, TieredPrices) else unit
            assert isinstance(base, Decimal)
            assert rate >= rate_from_usd(base), model.id
    assert seen > 10


def test_dated_names_are_their_models() -> None:
    assert max_output_tokens("gpt-4o-2024-08-06") == max_output_tokens("gpt-4o") == 16_384
    assert max_output_tokens("claude-sonnet-4-5-20250929") == 64_000
    assert max_output_tokens("gpt-4o-mini-audio") == 0


def test_prices_are_imported_when_they_are_needed() -> None:
    """The data takes 200 ms to import; a policy that needs no published price does not pay for it."""
    code = (
        "import sys; from orchvynt.catalog.models import known; from orchvynt.catalog.bounds import KINDS;"
        "known('ollama', '', 'x'); assert 'genai_prices' not in sys.modules;"
        "known('openai', '', 'gpt-4o'); assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
