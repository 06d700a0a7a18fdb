"""Checks policies in another process, and takes over what comes back in slices that the event loop does not feel.

What it costs and saves stands in docs/decisions/020-checking-apart.md.
"""

import asyncio
import contextlib
import gc
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.adapters.checking.keeper import DONE, SECONDS_MAX, Ask, fork_keeper, receive_frame, send_frame
from orchvynt.language.compile import Loaded
from orchvynt.language.packing import unpack
from orchvynt.ports.checking import CheckingUnavailableError, Compared
from orchvynt.ports.clock import Clock

Answer = TypeVar("Answer")

SLICE_NS: Final = 500_000
# About 40,000 objects, the rules of 2,000 lines: the collector looks at 50,000 at once.
LARGE_BYTES: Final = 512 * 1024
# The last generation holds next to nothing between two policies.
YOUNG: Final = 1
WAITING_MAX: Final = 32
# The keeper ends a check itself; this is for a keeper that hangs.
HANGS_S: Final = 10.0


class ForkedChecking:
    """Implements ports.checking.Checking. Made before the event loop runs; `close()` ends the keeper, `pid`.

    Without its keeper (somebody killed it) it checks in this process: slower for everybody, but a rollback at night must go.
    """

    def __init__(self, clock: Clock, seconds_max: float = SECONDS_MAX) -> None:
        self._clock = clock
        self.pid, self._line = fork_keeper(seconds_max)
        self._line.settimeout(seconds_max + HANGS_S)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="orchvynt-checks")
        self._waiting = 0
        self._lost = False
        self._inline = InlineChecking()

    async def load(self, text: str, file: str) -> Loaded:
        packed = await self._ask(Ask("load", (text,), (file,)), list[bytes])
        return await self._inline.load(text, file) if packed is None else await self._unpacked(packed, text)

    async def compare(self, old: tuple[str, str], new: tuple[str, str]) -> Compared:
        found = await self._ask(Ask("compare", (old[0], new[0]), (old[1], new[1])), Compared)
        return await self._inline.compare(old, new) if found is None else found

    def close(self) -> None:
        """Ends the keeper, whatever it does."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._thread.shutdown()
        self._line.close()

    async def _ask(self, ask: Ask, shape: type[Answer]) -> Answer | None:
        """None if the keeper is gone. One exchange at a time, whole even if who asked for it goes away."""
        if self._lost:
            return None
        if self._waiting >= WAITING_MAX:
            raise CheckingUnavailableError(f"{WAITING_MAX} policies wait to be checked already")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, ask, shape)
        except (EOFError, OSError):
            self._lost = True
            return None
        finally:
            self._waiting -= 1

    def _exchange(self, ask: Ask, shape: type[Answer]) -> Answer:
        """On the thread, with all that takes longer the longer the policy is."""
        send_frame(self._line, msgspec.msgpack.encode(ask))
        answer = receive_frame(self._line)
        if answer[:1] != DONE:
            raise CheckingUnavailableError(answer[1:].decode(errors="replace"))
        return msgspec.msgpack.decode(memoryview(answer)[1:], type=shape)

    async def _unpacked(self, packed: list[bytes], text: str) -> Loaded:
        """In slices, and the collector is off meanwhile. A snapshot for which it would stop everything for longer than it does anyway is
        taken out of its sight at the end: it has no circles, its last reference frees it."""
        steps = unpack(packed, text)
        large = sum(map(len, packed)) > LARGE_BYTES
        if large:
            # INVARIANT: whatever lives at the end is never looked at again, so nothing that only the collector can free may be among it.
            gc.collect(YOUNG)
        gc.disable()
        try:
            while True:
                until = self._clock.monotonic() + SLICE_NS
                try:
                    while self._clock.monotonic() < until:
                        next(steps)
                except StopIteration as done:
                    loaded: Any = done.value
                    return Loaded(loaded.snapshot, loaded.problems)
                await asyncio.sleep(0)
        finally:
            if large:
                gc.freeze()
            gc.enable()
