"""How many tokens one answer of a model may have, where its vendor says so. Data; what is not here is unknown, never guessed.

Sources: OpenAI's model pages (https://platform.openai.com/docs/models, "max output tokens"), Anthropic's model overview
(https://docs.anthropic.com/en/docs/about-claude/models/overview, "max output").
"""

import re
from types import MappingProxyType
from typing import Final

_DATED = re.compile(r"-(?:20\d\d-?[01]\d-?[0-3]\d|latest)$")

_MAX_OUTPUT_TOKENS: Final = MappingProxyType(
    {
        "gpt-4o": 16_384,
        "gpt-4o-mini": 16_384,
        "gpt-4.1": 32_768,
        "gpt-4.1-mini": 32_768,
        "gpt-4.1-nano": 32_768,
        "o1": 100_000,
        "o3": 100_000,
        "o3-mini": 100_000,
        "o4-mini": 100_000,
        "gpt-5": 128_000,
        "gpt-5-mini": 128_000,
        "gpt-5-nano": 128_000,
        "gpt-5.1": 128_000,
        "gpt-5.2": 128_000,
        "claude-3-5-haiku": 8_192,
        "claude-3-7-sonnet": 64_000,
        "claude-sonnet-4": 64_000,
        "claude-sonnet-4-0": 64_000,
        "claude-opus-4": 32_000,
        "claude-opus-4-0": 32_000,
        "claude-opus-4-1": 32_000,
        "claude-haiku-4-5": 64_000,
        "claude-sonnet-4-5": 64_000,
        "claude-opus-4-5": 64_000,
        "claude-sonnet-4-6": 128_000,
        "claude-opus-4-6": 128_000,
        "claude-opus-4-7": 128_000,
        "claude-opus-4-8": 128_000,
    }
)


def undated(upstream_model: str) -> str:
    """A dated name is its model: `gpt-4o-2024-08-06` is `gpt-4o`."""
    return _DATED.sub("", upstream_model)


def max_output_tokens(upstream_model: str) -> int:
    """The longest answer in tokens; 0 when unknown."""
    return _MAX_OUTPUT_TOKENS.get(undated(upstream_model), 0)
