"""What an attempt consumed, in tokens."""

from typing import Final

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Tokens of one attempt. `input_tokens` includes the cached ones, `output_tokens` includes reasoning.

    `surcharge_tokens` is what writing to a cache costs beyond the price of the input, in input tokens.
    `estimated` marks a figure that no provider confirmed: it is a bound, never below what was consumed.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    surcharge_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


NO_USAGE: Final = Usage()
