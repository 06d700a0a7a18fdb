"""Who decides: three people with sessions that outlive the server, and a token. Each by its own mind, and against the others."""

import asyncio
import http.client
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.support.review_kills.evidence import Cast, Claim
from tests.support.review_kills.gates import CLEO, DECIDERS, GATES, PASSWORD, PEOPLE
from tests.support.review_kills.sites import Site
from tests.support.serving import TOKEN as ADMIN_TOKEN
from tests.support.serving import Reply

_LOOKS_EVERY_S: Final = 0.05
_WEIGHTS: Final = {"approve": 45, "edit": 15, "respond": 10, "reject": 20}
_NEVER: Final = 1 << 30


class Deciders:
    """`casts` and `claims` are what they did, by review, and what they were told. `voting` hears of each vote before it is sent."""

    def __init__(self, site: Site, chance: random.Random, voting: Callable[[], None]) -> None:
        self._site = site
        self._chance = chance
        self._voting = voting
        self._tokens = {DECIDERS[-1]: ADMIN_TOKEN}
        self._life = 0
        self._at_last = False
        self._count = 0
        # By invocation: the life from which on people decide about it.
        self._ripe: dict[str, int] = {}
        self.casts: dict[str, list[Cast]] = defaultdict(list)
        self.claims: dict[str, list[Claim]] = defaultdict(list)

    async def let_in(self) -> None:
        """The people are added, and log in: their sessions last from now on."""

        async def enter(email: str) -> None:
            added = await self._ask(ADMIN_TOKEN, "/people", {"email": email, "role": "reviewer", "password": PASSWORD})
            assert added.status == 201, added.body
            entered = await self._ask("", "/login", {"email": email, "password": PASSWORD, "cookie": False})
            assert entered.status == 200, entered.body
            self._tokens[email] = entered.json["token"]

        await asyncio.gather(*map(enter, PEOPLE))

    def start(self, at_last: bool = False) -> list[asyncio.Task[None]]:
        """They begin to look. `at_last`: nobody puts anything off to a later life."""
        self._life += 1
        self._at_last = at_last
        return [asyncio.ensure_future(self._decide(who)) for who in DECIDERS]

    async def _ask(self, token: str, path: str, body: Any = None, method: str = "") -> Reply:
        """Raises OSError or HTTPException where the server is dying."""
        return await asyncio.to_thread(self._site.admin, path, body, method, token)

    async def _decide(self, who: str) -> None:
        mind = random.Random(f"{self._life} {who}")
        while True:
            try:
                listed = await self._ask(self._tokens[who], "/reviews")
                for review in listed.json["items"] if listed.status == 200 else ():
                    if self._old_enough(review) and self._cares(who, review, mind):
                        await self._look_at(who, review, mind)
            except (OSError, http.client.HTTPException):
                pass
            await asyncio.sleep(_LOOKS_EVERY_S)

    def _old_enough(self, review: dict[str, Any]) -> bool:
        """Half of them are decided in a later life than the one that parked them; of those that expire most are left to it."""
        inv = review["invocation"]
        if inv not in self._ripe:
            left = GATES[review["gate"]].expires and self._chance.random() < 0.6
            self._ripe[inv] = _NEVER if left else self._life + self._chance.randrange(2)
        return self._ripe[inv] <= self._life or (self._at_last and self._ripe[inv] < _NEVER)

    def _cares(self, who: str, review: dict[str, Any], mind: random.Random) -> bool:
        """Sometimes about what it has no say in, or has voted on, or what somebody else has claimed."""
        outside = who == CLEO and "heads" not in review["reviewers"]
        claimed = review["claimed_by"] not in ("", who)
        voted = any(vote["by"] == who for vote in review["votes"])
        return not (outside or claimed or voted) or mind.random() < (0.02 if outside else 0.1)

    async def _look_at(self, who: str, review: dict[str, Any], mind: random.Random) -> None:
        name, mine = review["review"], review["claimed_by"] == who
        if mine and mind.random() < 0.2:
            await self._ask(self._tokens[who], f"/reviews/{name}/release", {})
            return
        if not mine and mind.random() < 0.12:
            await self._claim(who, name)
            if mind.random() < 0.5:
                # It is still theirs when they look again, whoever died meanwhile.
                return
        await self._vote(who, review, mind)

    async def _claim(self, who: str, name: str) -> None:
        told = 0
        try:
            told = _told(await self._ask(self._tokens[who], f"/reviews/{name}/claim", {}))
        finally:
            self.claims[name].append(Claim(who, told))

    async def _vote(self, who: str, review: dict[str, Any], mind: random.Random) -> None:
        offered: Sequence[str] = review["choices"]
        choice = mind.choices(offered, [_WEIGHTS[one] for one in offered])[0]
        self._count += 1
        reason = f"{who} would {choice}, {self._count}"
        text = f"{who} puts it otherwise, {self._count}." if choice in ("edit", "respond") else ""
        body = {"decision": choice, "reason": reason, "reply": text}
        if mind.random() < 0.5:
            body["edition"] = review["edition"]
        told, late = 0, False
        self._voting()
        try:
            reply = await self._ask(self._tokens[who], f"/reviews/{review['review']}/decisions", body)
            told, late = _told(reply), reply.status == 409 and "status" in reply.json["error"]["detail"]
        finally:
            self.casts[review["review"]].append(Cast(who, choice, reason, text, told, late))


def _told(reply: Reply) -> int:
    """While a store or another process is away it is said whether it counts (then as if it were 200), does not, or is not known (0)."""
    if reply.status != 503:
        return reply.status
    return {"yes": 200, "unknown": 0}.get(reply.json["error"].get("detail", {}).get("counts", ""), 503)


async def stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    """They look no more. Raises what ended one of them before."""
    ended = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
