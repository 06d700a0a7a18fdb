"""Who counts tokens exactly: slower than the bound by bytes, and asked only where that does not fit."""

from collections.abc import Callable
from typing import Protocol


class TokenCounting(Protocol):
    def count(self, tokenizer: str, body: bytes, counted: Callable[[int | None], None]) -> None:
        """Counts the text of a request body in OpenAI's form (catalog/counting.py). `counted` is called exactly once, before this returns
        or later on the event loop; with None where there is no count: the body holds what is not known, or is too large, or too many
        wait already."""
        ...
