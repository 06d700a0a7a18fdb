"""Counts tokens in this process, however long it takes: for where nobody waits meanwhile."""

from collections.abc import Callable

from orchvynt.adapters.tokens.vocabulary import encoder
from orchvynt.catalog.counting import chat_tokens

BYTES_MAX = 1_048_576
"""0.3 s for the worst of texts, one of a single repeated character. Larger ones are bounded by their bytes."""


class InlineCounting:
    """Implements ports.tokens.TokenCounting."""

    def count(self, tokenizer: str, body: bytes, counted: Callable[[int | None], None]) -> None:
        counted(chat_tokens(body, encoder(tokenizer)) if len(body) <= BYTES_MAX else None)
