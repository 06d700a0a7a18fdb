"""An image is bounded by what its model's page says it costs at most, whatever its size and detail."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.catalog.images import ANTHROPIC_MOST, OPEN_MODELS_MOST, OPENAI_MOST, image_tokens_most

TILED = {"gpt-4o": (85, 170), "gpt-4.1": (85, 170), "gpt-4o-mini": (2833, 5667), "o1": (75, 150), "o3": (75, 150), "gpt-5": (70, 140)}
PATCHED = {"gpt-4.1-mini": 1.62, "gpt-4.1-nano": 2.46, "o4-mini": 1.72, "gpt-5-mini": 1.62, "gpt-5-nano": 2.46}


def tiles(width: float, height: float, base: int, tile: int, detail: str) -> int:
    """platform.openai.com/docs/guides/images-vision, "Calculating costs"."""
    if detail == "low":
        return base
    shrink = min(1.0, 2048 / max(width, height))
    width, height = width * shrink, height * shrink
    shrink = min(1.0, 768 / min(width, height))
    width, height = width * shrink, height * shrink
    return base + tile * math.ceil(round(width) / 512) * math.ceil(round(height) / 512)


def patches(width: float, height: float, factor: float) -> int:
    count = math.ceil(width / 32) * math.ceil(height / 32)
    if count > 1536:
        shrink = math.sqrt(32 * 32 * 1536 / (width * height))
        across, down = width * shrink / 32, height * shrink / 32
        shrink *= min(math.floor(across) / across, math.floor(down) / down) if across >= 1 and down >= 1 else 1
        count = min(math.ceil(width * shrink / 32) * math.ceil(height * shrink / 32), 1536)
    return math.ceil(count * factor)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 20_000), st.integers(1, 20_000), st.sampled_from(["low", "high", "auto"]))
def test_no_image_costs_more(width: int, height: int, detail: str) -> None:
    for name, (base, tile) in TILED.items():
        most = image_tokens_most("openai", name)
        assert tiles(width, height, base, tile, detail) <= most
        assert most <= OPENAI_MOST + 200
    for name, factor in PATCHED.items():
        assert patches(width, height, factor) <= image_tokens_most("openai", name)


def test_worked_examples_of_the_page() -> None:
    assert tiles(1024, 1024, 85, 170, "high") == 765
    assert tiles(2048, 4096, 85, 170, "high") == 1105
    assert (patches(1024, 1024, 1), patches(1800, 2400, 1)) == (1024, 1452)


def test_what_was_billed() -> None:
    """community.openai.com/t/1344040: 3,814 for gpt-4.1-nano, the text around it included."""
    assert image_tokens_most("openai", "gpt-4.1-nano") >= 3_814


@pytest.mark.parametrize("name", ["gpt-4o-2024-08-06", "gpt-4.1-mini-2025-04-14"])
def test_a_dated_name_is_its_model(name: str) -> None:
    assert image_tokens_most("openai", name) == image_tokens_most("openai", name[:-11])


@pytest.mark.parametrize(
    ("kind", "name", "most"),
    [
        ("openai", "gpt-5.4", OPENAI_MOST),
        ("openai", "gpt-4o-audio-preview", OPENAI_MOST),
        ("openai", "", OPENAI_MOST),
        ("openai-compatible", "gpt-4o", OPENAI_MOST),
        ("anthropic", "gpt-4o", ANTHROPIC_MOST),
        ("ollama", "llava", OPEN_MODELS_MOST),
    ],
)
def test_what_is_not_in_the_tables_is_bounded_by_the_dearest(kind: str, name: str, most: int) -> None:
    assert image_tokens_most(kind, name) == most
