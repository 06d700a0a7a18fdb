"""The most input tokens that one image can come to. Figures are the largest that the vendors' pages allow.

OpenAI (https://platform.openai.com/docs/guides/images-vision, "Calculating costs"): models that see tiles pay a base and 512-px tiles, at
most eight after scaling to 2048 × 768; models that see patches pay for at most 1,536 of them, by a factor of their own. Where what is
billed was seen to differ from the page, the larger of both stands here.
Anthropic: one token per 28 × 28 px, the long edge at most 2,576 px (https://docs.anthropic.com/en/docs/build-with-claude/vision).
Open models: up to 16,384 (Qwen2-VL's model card).
"""

import re
from functools import lru_cache
from typing import Final

TILES_MOST: Final = 8
PATCHES_MOST: Final = 1_536
SLACK: Final = 128
"""Tokens around an image, and what was billed beyond the page: 3,814 for gpt-4.1-nano, where its page says 3,779."""

OPENAI_MOST: Final = 2_833 + TILES_MOST * 5_667
ANTHROPIC_MOST: Final = (2_576 // 28) ** 2
OPEN_MODELS_MOST: Final = 16_384

# Base, and tokens per tile.
_TILES: Final = {
    "gpt-4o": (85, 170),
    "chatgpt-4o-latest": (85, 170),
    "gpt-4.1": (85, 170),
    "gpt-4.5-preview": (85, 170),
    "gpt-4-turbo": (85, 170),
    "gpt-5": (70, 140),
    "gpt-5-chat-latest": (70, 140),
    "o1": (75, 150),
    "o1-pro": (75, 150),
    "o3": (75, 150),
    "gpt-4o-mini": (2_833, 5_667),
}
# Percent of a token per patch.
_PATCHES: Final = {"gpt-4.1-mini": 162, "gpt-4.1-nano": 246, "gpt-5-mini": 162, "gpt-5-nano": 246, "o4-mini": 172}
_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@lru_cache(4096)  # Callers choose names by patterns; bounded, and the table never changes.
def image_tokens_most(kind: str, upstream_model: str = "") -> int:
    """For a model of OpenAI's that is not in the tables, the dearest of all that is known."""
    if kind == "anthropic":
        return ANTHROPIC_MOST
    if kind == "ollama":
        return OPEN_MODELS_MOST
    name = _DATED.sub("", upstream_model) if kind == "openai" else ""
    if (tiled := _TILES.get(name)) is not None:
        return max(tiled[0] + TILES_MOST * tiled[1], PATCHES_MOST) + SLACK
    if (percent := _PATCHES.get(name)) is not None:
        return -(-PATCHES_MOST * percent // 100) + SLACK
    return OPENAI_MOST
