"""Lives of several processes under load, with budgets that each life uses up: struck at a moment, audited from outside after each.

A life has a workflow of its own, whose budget has room for some of its calls; one more is granted while it runs. Beside it there are a
budget that begins anew each minute, those of runs, one that leads to another model, and one for each call.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Final

import msgspec
from tests.support.accounts import Accounts, Limit
from tests.support.auditing import Auditor
from tests.support.crowd import Call, Told, fault_of, mixed, statuses, storm
from tests.support.fleets import Fleet
from tests.support.workers import calling

from orchvynt.testing.scripted import ScriptedProvider

PARALLEL: Final = 16
ANSWER: Final = "A ledger is a book that never forgets what was written into it, whoever closes it and however suddenly that may happen."
SCRIPT: Final = {"answers": [{"text": ANSWER, "latency": "15ms", "frames": 4, "frame_interval": "8ms"}]}
FAULTS: Final = (None, None, {"status": 500}, "close_before_byte", {"cut_after": 2}, {"status": 429})
LIFE_TOKENS: Final = 12_000
GRANTED_TOKENS: Final = 3_000
# After the last process is back, what a life has left is spent within so long, or there is more than its callers can.
SPENDING_S: Final = 5.0
LAST: Final = 40
LAST_TOKENS: Final = 16
STORMS_MAX: Final = 10
SPENT_PERCENT: Final = 95
# The last: the first model failed, and what its failure may have cost leaves one call's budget no room for the next.
REFUSALS: Final = frozenset({"budget_exceeded", "run_stopped", "all_providers_failed"})
ALSO: Final = {
    **dict.fromkeys(("database", "cut", "both"), frozenset({"store_unavailable"})),
    "parent": frozenset({"overloaded"}),
}
"""At moments at which the store is away for a while; and workers without a parent take nothing new."""

LIMITS: Final = {
    "all": Limit({"tokens": 100_000_000, "usd": 1_000_000_000_000}),
    "minute": Limit({"tokens": 6_000}, wait_s=5),
    "life": Limit({"tokens": LIFE_TOKENS}),
    "per-run": Limit({"tokens": 5_000, "invocations": 45}),
    "cheaper": Limit({"tokens": 1_500}, past="claude", ceiling={"tokens": 4_000}),
    "one-call": Limit({"tokens": 400, "usd": 10_000_000}),
}
BUDGETS: Final = f"""budgets:
  - {{name: all, scope: global, limit: {{tokens: 100000000, usd: 1000}}, window: month}}
  - {{name: minute, scope: global, when: 'workflow == "minute"', limit: {{tokens: 6000}}, window: minute, wait_for_holds: 5s}}
  - {{name: life, scope: workflow, when: 'workflow != "minute"', limit: {{tokens: {LIFE_TOKENS}}}}}
  - {{name: per-run, scope: run, limit: {{tokens: 5000, invocations: 45}}}}
  - name: cheaper
    scope: run
    when: 'agent == "cheap"'
    limit: {{tokens: 1500}}
    on_breach: {{downgrade: claude, ceiling: {{tokens: 4000}}}}
  - {{name: one-call, scope: invocation, limit: {{tokens: 400, usd: 0.01}}, on_breach: clamp}}
"""


class Spent(msgspec.Struct, frozen=True):
    """Of one life's budget, in tokens: by receipts, of them billed by the provider, and the limit with what was granted."""

    moment: str
    settled: int
    billed: int
    limit: int


class FleetLives:
    """One fleet over many lives, and one provider over all of them."""

    def __init__(self, fleet: Fleet, provider: ScriptedProvider, seed: int) -> None:
        self.fleet = fleet
        self.provider = provider
        self.accounts = Accounts(LIMITS)
        self.auditor = Auditor(fleet.operated, provider, self.accounts)
        self.spent: list[Spent] = []
        self.told: Counter[int] = Counter()
        self.cut = 0
        self._chance = random.Random(seed)
        self._seed = seed

    def live(self, number: int, moment: str) -> None:
        """Load, the moment, until the life's budget is used up, and the audit of all that was new."""
        self.provider.fault("openai", self._chance.choice(FAULTS), times=self._chance.randrange(1, 12))
        told = asyncio.run(
            calling(lambda: self.fleet.ports, lambda caller: self._calls(number, caller), lambda: self._life(number, moment), PARALLEL)
        )
        self.provider.fault("openai", None)
        self.fleet.whole()
        cut = sum(one.status == 0 or (one.status == 200 and not one.whole) for one in told)
        assert moment != "replaced" or not cut, f"{cut} calls were cut off while workers were replaced"
        told += self._spend_the_rest(number)
        for one in told:
            code = fault_of(one).get("code", "")
            assert one.status in (0, 200) or code in REFUSALS | ALSO.get(moment, REFUSALS), one
        self.auditor.server = self.fleet.operated
        self.auditor.audit(told)
        self.cut += cut
        self.told.update(statuses(told))
        self._look_at_spent(number, moment)

    def _spend_the_rest(self, number: int) -> list[Told]:
        """Calls of other runs until the life's budget refuses one, and then some that ask for the least."""
        told: list[Told] = []
        for times in range(STORMS_MAX):
            calls = mixed(LAST, self._seed * 1_000 + times)
            told += storm(self.fleet.ports, [_of_life(call, number, f"{times} {{n}}") for call in calls])
            if any(fault_of(one).get("budget") == "life" for one in told):
                break
        least = [msgspec.structs.replace(call, limit=LAST_TOKENS, words=2) for call in mixed(LAST, self._seed)]
        return told + storm(self.fleet.ports, [_of_life(call, number, "last {n}") for call in least])

    async def _life(self, number: int, moment: str) -> None:
        granted = asyncio.ensure_future(self._grant(number))
        await self.fleet.strike(moment, self._chance)
        await granted
        ends = time.monotonic() + SPENDING_S
        while time.monotonic() < ends and not await asyncio.to_thread(self._is_spent, number):
            await asyncio.sleep(0.2)

    async def _grant(self, number: int) -> None:
        """In most lives, at some moment of it: asked again until somebody says that it is granted, once."""
        if self._chance.random() < 0.3:
            return
        await asyncio.sleep(self._chance.random() * 3)
        body = {
            "budget": "life",
            "subject": f"life-{number}",
            "tokens": GRANTED_TOKENS,
            "reason": "tests",
            "id": f"g-{self._seed}-{number}",
        }
        for _ in range(600):
            try:
                done = await asyncio.to_thread(self.fleet.operated.admin, "/grants", body)
            except (OSError, IndexError):
                done = None  # nobody answers operators
            if done is not None and done.status in (200, 201):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("nobody would grant")

    def _is_spent(self, number: int) -> bool:
        found = self.fleet.operated.admin(f"/budgets?budget=life&subject=life-{number}")
        lines = found.json["items"] if found.status == 200 else []
        return any(line["remaining_tokens"] * 20 < line["limit_tokens"] for line in lines)

    def _calls(self, life: int, caller: int) -> Iterator[Call]:
        """A quarter of the minute's, the rest of the life; their runs are shared with the lives before and after it."""
        chance = random.Random(f"{self._seed} {life} {caller}")
        for batch in count():
            for call in mixed(20, chance.randrange(1 << 30) + batch):
                agent = (("x-orchvynt-agent", "cheap"),) if chance.random() < 0.25 else ()
                run = f"{(life + chance.randrange(2)) // 2}.{chance.randrange(16)}"
                if chance.random() < 0.25:
                    yield msgspec.structs.replace(call, headers=(("x-orchvynt-workflow", "minute"), ("x-orchvynt-run", run), *agent))
                else:
                    yield _of_life(call, life, run, agent)

    def _look_at_spent(self, number: int, moment: str) -> None:
        subject = f"life-{number}"
        grants = [one for one in self.fleet.operated.admin("/grants?limit=500").json["items"] if one["subject"] == subject]
        limit = LIFE_TOKENS + sum(one["tokens"] for one in grants)
        settled = self.accounts.settled("life", subject)
        assert settled * 100 >= limit * SPENT_PERCENT, f"{settled} of {limit} tokens were spent of {subject}"
        self.spent.append(Spent(moment, settled, self.accounts.billed("life", subject), limit))


def _of_life(call: Call, life: int, run: str, more: tuple[tuple[str, str], ...] = ()) -> Call:
    claims = ("x-orchvynt-workflow", f"life-{life}"), ("x-orchvynt-run", run.format(n=f"{life}.{call.number}"))
    return msgspec.structs.replace(call, headers=(*claims, *more))
