"""What an attempt consumed, in tokens."""

from typing import Final

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Tokens of one attempt. `input_tokens` includes the cached ones, `output_tokens` includes reasoning.

    `cache_written_tokens` are those of the input that the provider wrote to a cache, `cache_kept_tokens` those of them that it keeps for
    longer, at a higher price.
    `estimated` marks a figure that no provider confirmed: it is a bound, never below what was consumed.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_written_tokens: int = 0
    cache_kept_tokens: int = 0

    @property
    def surcharge_tokens(self) -> int:
        """What writing to a cache costs beyond the price of the input, in input tokens: a quarter, and as much again of what is kept
        longer (platform.claude.com/docs/en/build-with-claude/prompt-caching, pricing)."""
        return -(-(self.cache_written_tokens - self.cache_kept_tokens) // 4) + self.cache_kept_tokens

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


NO_USAGE: Final = Usage()
