"""`kill -9` of a real server under load, at moments that are seen from outside; its books are audited after each life.

A moment is planted without a hook in the server: its journal grows, a request reaches the provider, the provider writes a bill (which it
does before the bytes that end an answer), a caller gets its first bytes. Or it is any moment.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.support.auditing import Auditor
from tests.support.crowd import Call, Told, mixed, tell
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

PARALLEL: Final = 24
MOMENTS: Final = ("any", "journal", "arrival", "billed", "first bytes")
ANSWER: Final = "A ledger is a book that never forgets what was written into it, whoever closes it and however suddenly that may happen."
SCRIPT: Final = {"answers": [{"text": ANSWER, "latency": "15ms", "frames": 4, "frame_interval": "8ms"}]}
BUDGETS: Final = """budgets:
  - {name: all, scope: global, limit: {tokens: 100000000, usd: 1000}, window: month}
  - {name: per-run, scope: run, limit: {tokens: 6000, invocations: 60, same_prompt: 40, depth: 3}}
"""
# Its runs have a budget that lasts for about so many lives.
LIVES_A_RUN: Final = 3
# A life in which nothing happens any more is ended all the same.
LIFE_S_MAX: Final = 2.0
FAULTS: Final[tuple[dict[str, Any] | str | None, ...]] = (None, {"status": 500}, "close_before_byte", {"cut_after": 2}, {"status": 429})


class Restart(msgspec.Struct, frozen=True):
    """`serving_s` is from the start of the new process to its first answer."""

    moment: str
    serving_s: float


class Lives:
    """One server over many lives, and one provider over all of them."""

    def __init__(self, folder: Path, provider: ScriptedProvider, seed: int) -> None:
        self.provider = provider
        self.chance = random.Random(seed)
        self.restarts: list[Restart] = []
        self.server = Serving(folder, three_tiers(provider, BUDGETS, tiers="gpt-4o, claude"))
        self.auditor = Auditor(self.server, provider)

    def live(self, number: int, moment: str) -> None:
        """Load, a kill at the moment, a restart, and the audit of all that was new."""
        fault = self.chance.choice(FAULTS)
        self.provider.fault("openai", fault, times=self.chance.randrange(1, 12))
        told = asyncio.run(self._load(number, moment))
        self.provider.fault("openai", None)
        began = time.monotonic()
        # Where a thousand connections come and go, the old ports may be somebody's by now.
        self.server.port = self.server.admin_port = 0
        self.server.start()
        probe = self.server.chat("probe", {"x-orchvynt-run": f"probe {number}"}, max_tokens=8)
        assert probe.status == 200, probe.body
        self.restarts.append(Restart(moment, time.monotonic() - began))
        self.auditor.audit(told)

    async def _load(self, number: int, moment: str) -> list[Told]:
        """Calls without pause until the server is killed; gives what callers saw."""
        calls = iter(_endless(number))
        seen: list[Told] = []
        first = asyncio.Event()
        alive = True

        async def caller() -> None:
            while alive:
                told = await tell(self.server.port, next(calls), first.set)
                seen.append(told)
                if told.status == 402:
                    await asyncio.sleep(0.01)

        running = [asyncio.ensure_future(caller()) for _ in range(PARALLEL)]
        try:
            async with asyncio.timeout(LIFE_S_MAX):
                await self._wait_for(moment, first)
        except TimeoutError:
            pass
        self.server.kill()
        alive = False
        await asyncio.gather(*running)
        return seen

    async def _wait_for(self, moment: str, first: asyncio.Event) -> None:
        times = self.chance.randrange(1, 60)
        match moment:
            case "journal":
                await _grown(self._journal_bytes, times)
            case "arrival":
                await _grown(self._ledger_lines(b'"client_request_id":'), times)
            case "billed":
                await _grown(self._ledger_lines(b'"billed":'), times)
            case "first bytes":
                await first.wait()
                await asyncio.sleep(self.chance.random() * 0.02)
            case _:
                await asyncio.sleep(self.chance.random() * 0.6)

    def _ledger_lines(self, mark: bytes) -> Callable[[], int]:
        """Counts the lines with the mark that the provider has written since."""
        path, seen = self.provider.ledger_path, 0
        at = path.stat().st_size if path.exists() else 0

        def lines() -> int:
            nonlocal at, seen
            if path.exists() and path.stat().st_size > at:
                with path.open("rb") as file:
                    file.seek(at)
                    new = file.read()
                at += len(new)
                seen += new.count(mark)
            return seen

        return lines

    def _journal_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.server.folder.glob("*.journal/*.facts"))


def _endless(life: int) -> Iterable[Call]:
    """Of runs that this life may share with the one before it."""
    run = f"{life // LIVES_A_RUN}.{{n}}"
    for seed in count(life * 1_000):
        yield from mixed(500, seed, headers=(("x-orchvynt-run", run),))


async def _grown(size: Callable[[], int], times: int) -> None:
    """Returns as soon as it can see that the size has changed so many times."""
    known = size()
    while times:
        await asyncio.sleep(0)
        if (now := size()) != known:
            known, times = now, times - 1
