"""`kill -9` of a real server under load, at moments that are seen from outside, and what must be true of its books after each life.

A moment is planted without a hook in the server: its journal grows, a request reaches the provider, the provider writes a bill (which it
does before the bytes that end an answer), a caller gets its first bytes. Or it is any moment.
"""

import asyncio
import http.client
import json
import random
import time
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.support.crowd import Call, Told, books, mixed, never_over, no_false_refusal, tell
from tests.support.policies import three_tiers
from tests.support.serving import TOKEN, Serving

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


class Found(msgspec.Struct):
    """What the audits have seen so far. `arrivals` are those at the provider, `attempts` those of the records, with a receipt or voided."""

    arrivals: int = 0
    invocations: int = 0
    attempts: int = 0
    estimated: int = 0
    voided: int = 0
    settled_tokens: int = 0
    billed_tokens: int = 0


class Lives:
    """One server over many lives, and one provider over all of them."""

    def __init__(self, folder: Path, provider: ScriptedProvider, seed: int) -> None:
        self.provider = provider
        self.chance = random.Random(seed)
        self.found = Found()
        self.restarts: list[Restart] = []
        self.server = Serving(folder, three_tiers(provider, BUDGETS, tiers="gpt-4o, claude"))
        self._newest = ""
        self._seen_arrivals = 0
        self._attempts: dict[str, dict[str, Any] | None] = {}

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
        self.audit(told)

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

    def audit(self, told: Iterable[Told] = ()) -> None:
        """Nothing over, nothing forgotten, nothing twice: by the provider's ledger, the records and the budgets, of all lives so far."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.admin_port, timeout=60)
        try:
            for inv in self._new(connection):
                self._record(_get(connection, f"/invocations/{inv}"))
            for one in told:
                if one.whole:
                    explained = _get(connection, f"/invocations/{one.invocation}")
                    assert explained["outcome"] == "answered", explained
        finally:
            connection.close()
        self._arrivals()
        found = books(self.server, self.provider)
        never_over(found)
        no_false_refusal([one for one in told if "unit" in one.error and one.error["unit"] == "tokens"], found)
        assert found.lines["all", "*"]["settled_tokens"] == self.found.settled_tokens, "the budget and the receipts say the same"
        assert sum(line["settled_tokens"] for (name, _), line in found.lines.items() if name == "per-run") == self.found.settled_tokens
        assert found.billed_tokens <= self.found.settled_tokens
        self.found.billed_tokens = found.billed_tokens

    def _new(self, connection: http.client.HTTPConnection) -> list[str]:
        """The invocations since the last audit, oldest first."""
        found: list[str] = []
        after = ""
        while True:
            page = _get(connection, f"/invocations?limit=500&after={after}")
            new = [item["invocation"] for item in page["items"] if item["invocation"] > self._newest]
            found += new
            after = page["next"] or ""
            if not after or len(new) < len(page["items"]):
                break
        self._newest = max([self._newest, *found])
        return found[::-1]

    def _record(self, explained: Any) -> None:
        entries = explained["timeline"]
        assert explained["outcome"] not in ("running", "unknown", ""), explained
        sent = [entry["detail"]["attempt"] for entry in entries if entry["kind"] == "attempt_sent"]
        ended = [entry["detail"] for entry in entries if entry["kind"] in ("attempt_settled", "hold_voided")]
        held = [entry["detail"]["attempt"] for entry in entries if entry["kind"] == "hold_placed"]
        assert sorted(detail["attempt"] for detail in ended) == sorted(held), "each hold is settled or voided once"
        assert set(sent) <= set(held)
        for detail in ended:
            usage = detail.get("usage")
            self._attempts[detail["attempt"]] = usage
            self.found.attempts += 1
            self.found.voided += usage is None
            self.found.estimated += bool(usage and usage.get("estimated"))
            self.found.settled_tokens += sum(usage.get(name, 0) for name in ("input_tokens", "output_tokens")) if usage else 0
        self.found.invocations += 1

    def _arrivals(self) -> None:
        """What reached the provider is on record as sent, and was settled at no less than what it billed."""
        ledger = self.provider.ledger().where(since=self._seen_arrivals)
        charges = {charge.n: charge.billed for charge in ledger.charges}
        for arrival in ledger.arrivals:
            assert arrival.client_request_id in self._attempts, f"{arrival} is on no record"
            usage = self._attempts[arrival.client_request_id]
            if (billed := charges.get(arrival.n)) is None:
                continue
            assert usage is not None, f"{arrival} was billed, and its hold given back"
            assert usage.get("input_tokens", 0) >= billed.input, (arrival, usage, billed)
            assert usage.get("output_tokens", 0) >= billed.output, (arrival, usage, billed)
        self.found.arrivals += len(ledger.arrivals)
        self._seen_arrivals = max(self._seen_arrivals, ledger.last)


def _endless(life: int) -> Iterable[Call]:
    """Of runs that this life may share with the one before it."""
    run = f"{life // LIVES_A_RUN}.{{n}}"
    for seed in count(life * 1_000):
        yield from mixed(500, seed, headers=(("x-orchvynt-run", run),))


def _get(connection: http.client.HTTPConnection, path: str) -> Any:
    connection.request("GET", f"/api/v1{path}", headers={"authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return json.loads(body)


async def _grown(size: Callable[[], int], times: int) -> None:
    """Returns as soon as it can see that the size has changed so many times."""
    known = size()
    while times:
        await asyncio.sleep(0)
        if (now := size()) != known:
            known, times = now, times - 1
