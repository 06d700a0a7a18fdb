"""Counts tokens: a small text at once, a larger one on a thread, an absurdly large one not at all.

A text of one repeated character is the dearest, at 0.2 µs a byte; the encoder lets go of the interpreter's lock while it works. Reading a
vocabulary (0.3 s, once) is the thread's, too.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from orchvynt.adapters.tokens.vocabulary import encoder
from orchvynt.catalog.counting import chat_tokens

AT_ONCE_BYTES_MAX: Final = 4_096
"""0.8 ms for the worst of texts, 0.1 ms for prose."""
BYTES_MAX: Final = 1_048_576
WAITING_MAX: Final = 64

Counted = Callable[[int | None], None]
HandBack = Callable[[Counted, int | None], object]


class InlineCounting:
    """Implements ports.tokens.TokenCounting at once, however long it takes: for where nobody waits meanwhile."""

    def count(self, tokenizer: str, body: bytes, counted: Counted) -> None:
        counted(_tokens(tokenizer, body) if len(body) <= BYTES_MAX else None)


class ThreadedCounting:
    """Implements ports.tokens.TokenCounting beside an event loop. `hand_back` is the loop's `call_soon_threadsafe`."""

    def __init__(self, hand_back: HandBack) -> None:
        self._hand_back = hand_back
        self._thread: ThreadPoolExecutor | None = None
        self._ready: set[str] = set()
        self._waiting = 0

    def count(self, tokenizer: str, body: bytes, counted: Counted) -> None:
        if tokenizer in self._ready and len(body) <= AT_ONCE_BYTES_MAX:
            counted(_tokens(tokenizer, body))
        elif len(body) > BYTES_MAX or self._waiting >= WAITING_MAX:
            counted(None)
        else:
            self._waiting += 1
            self._thread = self._thread or ThreadPoolExecutor(1, "tokens")
            self._thread.submit(self._work, tokenizer, body, lambda tokens: self._over(tokenizer, tokens, counted))

    def _work(self, tokenizer: str, body: bytes, over: Counted) -> None:
        tokens = None
        try:
            tokens = _tokens(tokenizer, body)
        finally:
            # The loop is closed where the process is just ending.
            with suppress(RuntimeError):
                self._hand_back(over, tokens)

    def _over(self, tokenizer: str, tokens: int | None, counted: Counted) -> None:
        self._waiting -= 1
        self._ready.add(tokenizer)
        counted(tokens)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)


def _tokens(tokenizer: str, body: bytes) -> int | None:
    try:
        return chat_tokens(body, encoder(tokenizer))
    except (OSError, ImportError) as error:
        sys.stderr.write(f"orchvynt: tokens cannot be counted with {tokenizer}, their bytes bound them: {error}\n")
        return None
