"""One site over many lives: questions, deciders, a strike at a moment, until all serve again, and the evidence of all that has ended."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tests.support.review_kills.auditor import AccusedError, Verdict, count, judge
from tests.support.review_kills.callers import WAYS, Caller
from tests.support.review_kills.deciders import Deciders, stopped
from tests.support.review_kills.evidence import Arrival, Evidence, Found, Question
from tests.support.review_kills.gates import GATES
from tests.support.review_kills.sites import Site
from tests.support.serving import Reply

from orchvynt.scripted.ledger import Ledger
from orchvynt.testing.scripted import ScriptedProvider

MOMENTS: Final = ("any", "journal", "voting", "delivery", "billed", "due")
QUESTIONS: Final = 5
LIFE_S_MAX: Final = 1.2
# What the first provider may do to some requests of a life: then the next attempt is no second send.
FAULTS: Final[tuple[dict[str, Any] | str | None, ...]] = (None, None, {"status": 500}, "close_before_byte", {"status": 529})
# Once the server is left alone nobody waits longer for an answer; the machine may be busy.
PATIENCE_S: Final = 240.0
DRAINED_EVERY: Final = 25
# What a process of several does not have filed when another one asks is there so much later.
FILED_S: Final = 5.0
# So much honest evidence is kept to be forged.
KEPT: Final = 120


class Restart(NamedTuple):
    what: str
    moment: str
    parked: int
    serving_s: float


class ReviewLives:
    """Callers and deciders outlive what serves them. `kept` is evidence that was judged and found right."""

    def __init__(self, site: Site, provider: ScriptedProvider, chance: random.Random) -> None:
        self.provider = provider
        self.chance = chance
        self.site = site
        self.restarts: list[Restart] = []
        self.found = Found()
        self.kept: list[Evidence] = []
        self._asked = 0
        self._asking: dict[asyncio.Task[None], Question] = {}
        self._ended = asyncio.Event()
        self._voting = asyncio.Event()
        self._deciders = Deciders(site, self.chance, self._voting.set)

    async def run(self, kills: int, now_and_then: Callable[[], None] = lambda: None) -> None:
        """So many lives; now and then, and at the end, everybody is decided on and answered. Raises AccusedError."""
        # Callers that poll keep a thread each while they wait: those who decide must not stand behind them.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(128))
        await self._deciders.let_in()
        # With as many of one as of the other each would meet one of the others only.
        whats, moments = list(self.site.said), [*MOMENTS, *(MOMENTS[:1] if len(self.site.said) == len(MOMENTS) else ())]
        for number in range(kills):
            await self.live(whats[number % len(whats)], moments[number % len(moments)])
            if number % DRAINED_EVERY == DRAINED_EVERY - 1 or number == kills - 1:
                await self._until_answered()
                now_and_then()
        verified = await asyncio.to_thread(self.site.command, "audit", "verify")
        _require(verified.returncode == 0, f"the audit is not whole: {verified.stdout}{verified.stderr}")

    async def live(self, what: str, moment: str) -> None:
        """Questions, deciders, a strike at the moment, until all serve again; then the audit of all that has ended."""
        self.provider.fault("openai", self.chance.choice(FAULTS), times=self.chance.randrange(1, 3))
        for _ in range(QUESTIONS):
            self._ask()
        deciding = self._deciders.start()
        took = await self.site.strike(what, self._wait_for(moment))
        parked = len((await self._admin("/reviews")).json["items"])
        self.restarts.append(Restart(what, moment, parked, took))
        await stopped(deciding)
        await self._audit()

    async def _until_answered(self) -> None:
        self.provider.fault("openai", None)
        deciding = self._deciders.start(at_last=True)
        until = time.monotonic() + PATIENCE_S
        while self._asking:
            _require(time.monotonic() < until, f"without an answer are {', '.join(map(str, self._asking.values()))}")
            await asyncio.wait(self._asking, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            await self._audit()
            for one in deciding:
                if one.done():
                    one.result()  # it raises why nobody decides any more
        await stopped(deciding)
        left = [review["review"] for review in (await self._admin("/reviews")).json["items"]]
        _require(not left, f"everybody has an answer, and open are {left}")

    def _ask(self) -> None:
        self._asked += 1
        gates = tuple(GATES)
        question = Question(self._asked, WAYS[self._asked % len(WAYS)], gates[self._asked % len(gates)])
        task = asyncio.ensure_future(Caller(self.site, question, self.chance.random(), self._ended.set).run())
        self._asking[task] = question

    async def _wait_for(self, moment: str) -> None:
        """Returns when it has come, or when nothing happens any more."""
        self._ended.clear()
        self._voting.clear()
        try:
            async with asyncio.timeout(LIFE_S_MAX):
                match moment:
                    case "journal":
                        await self._grown(self._journal_bytes, self.chance.randrange(1, 40))
                    case "billed":
                        await self._grown(self._ledger_bytes, self.chance.randrange(1, 2 * QUESTIONS))
                    case "voting":
                        await self._voting.wait()
                        await asyncio.sleep(self.chance.random() * 0.015)
                    case "delivery":
                        await self._ended.wait()
                        await asyncio.sleep(self.chance.random() * 0.01)
                    case "due":
                        await asyncio.sleep(await self._until_due() + self.chance.random() * 0.06)
                    case _:
                        await asyncio.sleep(self.chance.random() * 0.8)
        except TimeoutError:
            return

    async def _until_due(self) -> float:
        """Seconds until a step of an escalation is due."""
        now = datetime.now(UTC)
        while True:
            named = [review["escalates_at"] for review in (await self._admin("/reviews")).json["items"]]
            ahead = [left for at in named if at and (left := (datetime.fromisoformat(at) - now).total_seconds()) > 0]
            if ahead:
                return max(0.0, min(ahead) - (datetime.now(UTC) - now).total_seconds())
            await asyncio.sleep(0.02)

    async def _grown(self, size: Callable[[], int], times: int) -> None:
        known = size()
        while times:
            await asyncio.sleep(0.001)
            if (now := size()) != known:
                known, times = now, times - 1

    def _journal_bytes(self) -> int:
        found = 0
        for file in self.site.folder.rglob("*.facts"):
            # What is filed may be dropped meanwhile.
            with suppress(FileNotFoundError):
                found += file.stat().st_size
        return found

    def _ledger_bytes(self) -> int:
        return self.provider.ledger_path.stat().st_size if self.provider.ledger_path.exists() else 0

    async def _admin(self, path: str) -> Reply:
        """Raises OSError or HTTPException where the server is dying."""
        return await asyncio.to_thread(self.site.admin, path)

    async def _audit(self) -> None:
        """Of every question that has its last word since the last audit."""
        over = [task for task in self._asking if task.done()]
        ledger = await asyncio.to_thread(Ledger.read, self.provider.ledger_path)
        billed = {charge.n: charge.how for charge in ledger.charges}
        arrivals: dict[str, list[Arrival]] = defaultdict(list)
        for one in ledger.arrivals:
            arrivals[one.last_user].append(Arrival(one.n, billed.get(one.n, "")))
        for task in over:
            question = self._asking.pop(task)
            task.result()
            seen, verdict = await self._judged(question, arrivals[question.text])
            count(self.found, seen, verdict)
            if len(self.kept) < KEPT:
                self.kept.append(seen)

    async def _judged(self, question: Question, arrivals: list[Arrival]) -> tuple[Evidence, Verdict]:
        """What one of several processes wrote a moment ago may not be read from another one yet: then it is read again."""
        until = time.monotonic() + FILED_S
        while True:
            seen = await self._evidence(question, arrivals)
            try:
                return seen, judge(seen)
            except AccusedError:
                if len(self.site.said) == 1 or time.monotonic() > until:
                    raise
            await asyncio.sleep(1)

    async def _evidence(self, question: Question, arrivals: list[Arrival]) -> Evidence:
        listed = (await self._admin(f"/runs/{question.run}")).json["items"]
        records = [(await self._admin(f"/invocations/{one['invocation']}")).json for one in listed]
        records.sort(key=lambda record: str(record["invocation"]))
        names = [entry["detail"]["review"] for record in records for entry in record["timeline"] if entry["kind"] == "review_opened"]
        reviews: dict[str, dict[str, Any]] = {name: (await self._admin(f"/reviews/{name}")).json for name in names}
        return Evidence(
            question.text,
            question.way,
            question.gate,
            bool(question.key),
            question.ends,
            question.marks,
            question.answered,
            question.left_ns,
            question.told_ns,
            list(self.site.spans),
            question.tries,
            arrivals,
            records,
            reviews,
            {name: self._deciders.casts[name] for name in names if name in self._deciders.casts},
            {name: self._deciders.claims[name] for name in names if name in self._deciders.claims},
        )


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise AccusedError(why)
