"""Counts tokens in a process apart, which is started when somebody needs it.

Reading a vocabulary takes half a second, and 40 to 80 MB, and holds the interpreter's lock for most of it: on a busy machine the event loop
would stand still for seconds. A text of one repeated character takes 0.2 µs a byte. None of it is this process's.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from orchvynt.adapters.process_apart import ProcessApart
from orchvynt.adapters.tokens.child import ANSWER, LENGTHS
from orchvynt.adapters.tokens.inline import BYTES_MAX

WAITING_MAX: Final = 4_096
FAILURES_MAX: Final = 3

Counted = Callable[[int | None], None]
HandBack = Callable[[Counted, int | None], object]


class CountingApart:
    """Implements ports.tokens.TokenCounting. `hand_back` is the event loop's `call_soon_threadsafe`.

    Without its child (somebody killed it three times, or the package is not whole) it counts nothing, and bytes bound all input."""

    def __init__(self, hand_back: HandBack, say: Callable[[str], None]) -> None:
        self._hand_back = hand_back
        self._say = say
        self._apart = ProcessApart("orchvynt-tokens")
        self._waiting = 0
        self._failures = 0

    def count(self, tokenizer: str, body: bytes, counted: Counted) -> None:
        if len(body) > BYTES_MAX or self._waiting >= WAITING_MAX or self._failures >= FAILURES_MAX:
            counted(None)
            return
        self._waiting += 1
        self._apart.submit(lambda: self._work(tokenizer.encode(), body, lambda tokens: self._over(tokens, counted)))

    def close(self) -> None:
        """Ends the child, whatever it does."""
        self._apart.close()

    def _over(self, tokens: int | None, counted: Counted) -> None:
        self._waiting -= 1
        counted(tokens)

    def _work(self, name: bytes, body: bytes, over: Counted) -> None:
        """On the thread. A child that has ended, idle or killed, is started once more."""
        tokens = None
        for _ in range(2):
            try:
                tokens = self._exchange(name, body)
                self._failures = 0
                break
            except (OSError, EOFError) as error:
                self._apart.end()
                self._failures += 1
                if self._failures == FAILURES_MAX and not self._apart.closed:
                    self._say(f"tokens cannot be counted, the bytes bound them: {error or 'the process that counts ended'}")
        # The loop is closed where this process is just ending.
        with suppress(RuntimeError):
            self._hand_back(over, tokens)

    def _exchange(self, name: bytes, body: bytes) -> int | None:
        child = self._apart.running or self._apart.start((sys.executable, "-m", "orchvynt.adapters.tokens.child"))
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"".join((LENGTHS.pack(len(name), len(body)), name, body)))
        child.stdin.flush()
        answer = child.stdout.read(ANSWER.size)
        if len(answer) < ANSWER.size:
            raise EOFError
        tokens: int = ANSWER.unpack(answer)[0]
        return tokens if tokens >= 0 else None
