"""A real `orchvynt serve --workers N`: its processes are looked up, killed and replaced while callers call."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, TypeVar

from tests.support.crowd import Call, Told, mixed, tell
from tests.support.serving import Serving

T = TypeVar("T")

# Where many build beside it, replacing four workers takes a minute.
PATIENCE_S = 180.0
CALLERS = 4
# Whoever is refused, or finds nobody, comes again, and not a thousand times a second.
REFUSED_S = 0.05


class Working(Serving):
    def start(self, wait_for_admin: bool = True) -> None:
        super().start(wait_for_admin)
        until(lambda: " workers serve\n" in sorted(self.folder.glob("serve-*.log"))[-1].read_text())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """All at once: without their parent they would finish what is open first."""
        pids: list[int] = []
        if self.process is not None:
            with suppress(OSError, KeyError):
                pids = list(self.processes())
            self.kill()
        for pid in filter(is_there, pids):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(is_there, pids)))
        super().__exit__(kind, error, trace)

    def processes(self) -> dict[int, str]:
        """The state of each process that has not come to its end, by its pid."""
        return {one["pid"]: one["state"] for one in self.admin("/status").json["processes"]}

    def serving(self, pids: int) -> list[int]:
        """As soon as so many serve, and none is left over, they."""
        return until(lambda: found if len(found := self._serving()) == pids else [])

    def _serving(self) -> list[int]:
        try:
            found = self.processes()
        except (OSError, KeyError):
            return []  # the one that answers operators is being replaced
        return sorted(found) if set(found.values()) == {"serving"} and all(map(is_there, found)) else []

    def leader(self) -> int:
        """Who answers operators."""
        return int(self.admin("/status").json["replicas"][0]["name"].rpartition(":")[2])

    def replace(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(look: Callable[[], T]) -> T:
    """What it gives, once that is something."""
    ends = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)
    return found


async def calling(
    ports: Callable[[], Sequence[int]],
    calls: Callable[[int], Iterable[Call]],
    meanwhile: Callable[[], Coroutine[Any, Any, None]],
    callers: int = CALLERS,
) -> list[Told]:
    """What callers saw that call without a pause for as long as the other thing takes, each on connections of its own: each the `calls` of
    its number, in turn at the ports that there are."""
    seen: list[Told] = []
    goes_on = True

    async def caller(number: int) -> None:
        for at, call in enumerate(calls(number)):
            if not goes_on:
                return
            found = ports()
            told = await tell(found[(number + at) % len(found)], call) if found else Told(call)
            seen.append(told)
            if told.status != 200:
                await asyncio.sleep(REFUSED_S)

    running = [asyncio.ensure_future(caller(number)) for number in range(callers)]
    try:
        await meanwhile()
    finally:
        goes_on = False
        await asyncio.gather(*running)
    return seen


def endless(seed: int) -> Callable[[int], Iterable[Call]]:
    """Calls of all kinds, for each caller others."""

    def of_caller(number: int) -> Iterator[Call]:
        for life in count():
            yield from mixed(20, seed + 1_000 * number + life)

    return of_caller
