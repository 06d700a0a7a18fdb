"""Which models of OpenAI's reason before they answer: they know the output limit by its newer name only, and take no sampling.

Sources: the API reference, `max_tokens` ("not compatible with o-series models"); of `temperature` and `logprobs`
https://github.com/UKGovernmentBEIS/inspect_ai/pull/2739 and https://github.com/vercel/ai/pull/10940.
"""

import re
from typing import Final

_REASONS: Final = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9])")


def reasons(upstream_model: str) -> bool:
    """By the provider's own name for the model."""
    return _REASONS.search(upstream_model) is not None
