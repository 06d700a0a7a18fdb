"""Who else is there during the soak: people who decide, operators who apply policies and ask, Prometheus, and who takes messages."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from lines import Line
from processes import BenchError
from restarts import ADMIN
from soak_policy import KEYS, PEOPLE

PASSWORD: Final = "soak horse battery staple"  # noqa: S105 - of people who live as long as this run
LOOKS_EVERY_S: Final = 0.5
ASKS_EVERY_S: Final = 1.0
SCRAPES_EVERY_S: Final = 5.0
GRANTS_EVERY_S: Final = 7.0
APPLIES_EVERY_S: Final = 20.0
CHANGES_KEYS_EVERY_S: Final = 30.0
FIRST_S: Final = 2.0
LEFT_TO_EXPIRE: Final = 0.15
QUESTIONS: Final = (
    "/status",
    "/policies?limit=20",
    "/invocations?limit=100",
    "/invocations/last",
    "/budgets?limit=200",
    "/budgets?sort=tightest&limit=50",
    "/spend?by=workflow&since=1h",
    "/receipts?limit=100",
    "/grants?limit=50",
    "/rate-limits?limit=200",
    "/reviews?status=all&sort=newest&limit=50",
    "/reviews?claimed=yes",
    "/providers",
    "/models",
    "/alerts",
    "/keys",
    "/tokens",
    "/people",
    "/notify",
    "/audit?limit=50",
    "/audit/head",
    "/openapi.json",
)


class Staff:
    """`seen` counts what they did by its status; `unexpected` holds the first of what went wrong."""

    def __init__(self, admin_port: int, text: Callable[[int], str], seed: int) -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self.unexpected: list[str] = []
        self.secrets: dict[str, str] = {}
        self._port = admin_port
        self._text = text
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret is drawn
        self._people: dict[str, dict[str, str]] = {}
        # Whom each review is left to: "" for nobody, and then it expires.
        self._left_to: dict[str, str] = {}
        self._turn = 0
        self._second: list[str] = []

    async def begin(self) -> None:
        """Secrets for the callers, and people who are logged in. Raises BenchError."""
        for key in KEYS:
            self.secrets[key] = (await self._do("issue", "/keys", {"name": key}))["secret"]
        for email in PEOPLE:
            await self._do("add", "/people", {"email": email, "role": "reviewer", "password": PASSWORD})
            await self._log_in(email)

    def start(self) -> list[asyncio.Task[None]]:
        """Everybody goes on until cancelled."""
        work: tuple[tuple[Callable[[], Awaitable[object]], float], ...] = (
            (self._decide, LOOKS_EVERY_S),
            (self._ask, ASKS_EVERY_S),
            (self._scrape, SCRAPES_EVERY_S),
            (self._grant, GRANTS_EVERY_S),
            (self._apply, APPLIES_EVERY_S),
            (self._change_keys, CHANGES_KEYS_EVERY_S),
        )
        return [asyncio.ensure_future(self._again_and_again(act, every_s)) for act, every_s in work]

    async def status(self) -> Any:
        return await self._do("look", "/status")

    async def _again_and_again(self, act: Callable[[], Awaitable[object]], every_s: float) -> None:
        # The first time soon, so that a short run meets everything.
        wait_s = min(every_s, FIRST_S)
        while True:
            await asyncio.sleep(wait_s * (0.5 + self._chance.random()))
            wait_s = every_s
            try:
                await act()
            except (OSError, BenchError, asyncio.IncompleteReadError) as failed:
                self._wrong(repr(failed))

    def _wrong(self, words: str) -> None:
        if len(self.unexpected) < 50:
            self.unexpected.append(words)

    async def _do(self, what: str, path: str, body: Any = None, who: Mapping[str, str] = ADMIN, allowed: tuple[int, ...] = ()) -> Any:
        """One request on a connection of its own; a status from 300 on that is not allowed is a BenchError."""
        line = await Line.open(self._port)
        try:
            answered = await line.ask(
                path if path == "/metrics" else f"/api/v1{path}", b"" if body is None else json.dumps(body).encode(), who
            )
        finally:
            line.close()
        self.seen[what, answered.status] += 1
        if answered.status >= 300 and answered.status not in allowed:
            raise BenchError(f"{path} was answered {answered.status}: {answered.body[:500]!r}")
        return None if path == "/metrics" else json.loads(answered.body)

    async def _log_in(self, email: str) -> None:
        told = await self._do("log in", "/login", {"email": email, "password": PASSWORD, "cookie": False}, {})
        self._people[email] = {"authorization": f"Bearer {told['token']}"}

    async def _decide(self) -> None:
        """Looks at what waits. Each review is left to one of them, to all, or to nobody."""
        listed = (await self._do("list reviews", "/reviews?limit=200"))["items"]
        open_now = {review["review"] for review in listed}
        self._left_to = {review: who for review, who in self._left_to.items() if review in open_now}
        for review in listed:
            who = self._left_to.setdefault(review["review"], self._drawn(review))
            if who and self._chance.random() < 0.4:
                await self._vote(review, self._chance.choice(PEOPLE[:2]) if who == "all" else who)

    def _drawn(self, review: Mapping[str, Any]) -> str:
        if review["quorum"] > 1:
            return "all"
        # Who wants more of a budget waits for good, and never expires.
        if not review["escalates_at"] or self._chance.random() >= LEFT_TO_EXPIRE:
            return self._chance.choice((PEOPLE[0], PEOPLE[1], "token"))
        return ""

    async def _vote(self, review: Mapping[str, Any], email: str) -> None:
        """It may have been decided, or have expired, since it was listed: then that is what is answered."""
        who = self._people.get(email, ADMIN)
        path = f"/reviews/{review['review']}"
        if self._chance.random() < 0.3:
            await self._do("read a review", path, who=who, allowed=(404,))
        if self._chance.random() < 0.1:
            await self._do("claim", f"{path}/claim", {}, who, (403, 404, 409))
        choice = self._chance.choices(("approve", "edit", "reject", "respond"), (60, 10, 20, 10))[0]
        vote = {"decision": choice if choice in review["choices"] else "approve", "reason": "seen in the soak"}
        if vote["decision"] in ("edit", "respond"):
            vote["reply"] = "What a person says in its place."
        if review["wanted"] is not None and vote["decision"] == "approve":
            vote["grant"] = review["wanted"]["grants"][0]
        await self._do(str(vote["decision"]), f"{path}/decisions", vote, who, (403, 404, 409))

    async def _ask(self) -> None:
        month = datetime.now(UTC).strftime("%Y-%m")
        question = self._chance.choice((*QUESTIONS, f"/statements/{month}?limit=50", f"/runs/run-{self._chance.randrange(200)}"))
        await self._do("ask", question, allowed=(404,))

    async def _scrape(self) -> None:
        await self._do("scrape", "/metrics")

    async def _grant(self) -> None:
        subject = f"customer-{self._chance.randrange(1, 20)}"
        wanted = {"budget": "by-customer", "subject": subject, "tokens": 500, "reason": "asked for"}
        await self._do("grant", "/grants", wanted, allowed=(403, 404, 409))

    async def _apply(self) -> None:
        self._turn += 1
        await self._do("apply", "/policies", {"yaml": self._text(self._turn), "message": f"turn {self._turn}"})

    async def _change_keys(self) -> None:
        """A second secret for a key, and the one before it revoked; a person who decides nothing logs out and in again."""
        made = await self._do("issue", "/keys", {"name": KEYS[1]})
        self._second.append(made["id"])
        if len(self._second) > 1:
            await self._revoke(self._second.pop(0))
        email = PEOPLE[2]
        await self._do("log out", "/logout", {}, self._people[email])
        await self._log_in(email)

    async def _revoke(self, number: str) -> None:
        line = await Line.open(self._port)
        line.send(f"/api/v1/keys/{quote(KEYS[1])}?id={quote(number)}", headers=ADMIN, method="DELETE")
        answered = await line.answer()
        line.close()
        self.seen["revoke", answered.status] += 1


class Receiver:
    """Takes what is told by webhooks, and is out of order now and then."""

    def __init__(self, seed: int) -> None:
        self.taken = 0
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret is drawn
        self.port = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
                self.taken += 1
                status = b"500 Internal Server Error" if self._chance.random() < 0.05 else b"200 OK"
                writer.write(b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % status)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()
