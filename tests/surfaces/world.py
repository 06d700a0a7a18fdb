"""A small honest world behind the admin API: the memory store, a Control over it, and a server over real sockets."""

import asyncio
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple

import msgspec
import uvicorn

from orchvynt.adapters.memory.journal import MemoryJournal, open_memory_store
from orchvynt.adapters.passwords import Argon2Passwords
from orchvynt.decisions.audit.entries import Kept
from orchvynt.decisions.budgets.standing import Measure
from orchvynt.decisions.reviews.cases import Case, Voter, claim, release, vote
from orchvynt.decisions.reviews.choices import offered
from orchvynt.decisions.reviews.editing import difference
from orchvynt.decisions.reviews.granting import check_grant
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Destination, Group, Model, Provider, Retry, SecretRef, Snapshot, Timeouts
from orchvynt.model import facts as f
from orchvynt.model.facts import AnyFact
from orchvynt.model.faults import Fault
from orchvynt.model.money import Price
from orchvynt.ports.changes import ChangeRow, ChangeStatus
from orchvynt.ports.checking import Compared
from orchvynt.ports.outbox import MessageRow
from orchvynt.ports.people import PersonRow
from orchvynt.ports.store import PolicyRow, ReviewRow, Role, Store, TokenRow
from orchvynt.runtime.control import (
    AlertLine,
    Applied,
    BudgetLine,
    Change,
    Changed,
    Checked,
    DestinationLine,
    Grant,
    Granted,
    ProviderLine,
    RateLimitLine,
    Replica,
    Rollback,
    Status,
    Tested,
)
from orchvynt.runtime.keyring import Keyring
from orchvynt.runtime.merging import Condition, Merged
from orchvynt.runtime.metrics import Sampled
from orchvynt.runtime.oidc_provider import OidcProvider
from orchvynt.runtime.people import People
from orchvynt.surfaces.admin.app import admin_app
from orchvynt.surfaces.admin.connections import AdminConnection
from orchvynt.surfaces.admin.connections import serving as admin_serving
from orchvynt.surfaces.admin.door import Door
from orchvynt.surfaces.admin.tokens import digest

NOW = 1_767_229_200_000_000_000  # 2026-01-01T01:00:00Z
SECOND = 1_000_000_000
SECRETS: Final[dict[Role, str]] = {"viewer": "ovt-viewer", "reviewer": "ovt-reviewer", "operator": "ovt-operator", "admin": "ovt-admin"}
GOOD = "version: 1\nmodels: {}\n"
BAD = "version: 1\nmodles: {}\n"
OLD = "version: 1\n# discouraged\n"
HOOK = Destination("oncall", "hooks.example", 443, True, "/oncall", SecretRef("env", "HOOK_SECRET"))


class FixedClock:
    """Stands still, until a test moves it."""

    def __init__(self) -> None:
        self.passed = 0

    def now(self) -> int:
        return NOW + self.passed

    def monotonic(self) -> int:
        return self.passed


class MemoryControl:
    """The Control port: a policy is valid unless it says `modles`, and discouraged if it says so."""

    def __init__(self, store: Store, journal: MemoryJournal) -> None:
        self.store = store
        self._journal = journal
        self._versions: list[PolicyRow] = []
        self.budget_lines: list[BudgetLine] = []
        self.provider_lines: list[ProviderLine] = []
        self.alert_lines: list[AlertLine] = []
        self.rate_limit_lines: list[RateLimitLine] = []
        self.draining = False
        self.outage = ""
        self.groups: dict[str, tuple[str, ...]] = {}
        self.oidc: dict[str, str] = {}
        self.watch: Literal["", "following", "paused", "broken"] = ""
        self.metrics = True
        # What becomes of votes that count, or may, while the store is away.
        self.unshown: Fault | None = None

    @property
    def snapshot(self) -> Snapshot:
        openai = Provider("openai", "openai", "openai_chat", "api.openai.com", 443, True, "/v1", None)
        small = Model("gpt-4o-mini", openai, "gpt-4o-mini", Price(150_000_000, 600_000_000, 75_000_000, "genai-prices 1"), quality=0.79)
        lab = Model("claude-*", openai, "", None)
        return Snapshot(
            1, "sha", "", {"openai": openai}, {"gpt-4o-mini": small}, {"small": "gpt-4o-mini"}, (("claude-*", lab),), (), "gpt-4o-mini",
            "refuse", Retry(1, 1, 1, 1), Timeouts(1, 1, 1, 1, 1), {}, (), (),
            {name: Group(name, self.groups.get(name, ()), self.oidc.get(name, "")) for name in {*self.groups, *self.oidc}},
            destinations={"oncall": HOOK}, metrics=self.metrics,
        )  # fmt: skip

    def destinations(self) -> list[DestinationLine]:
        return [DestinationLine(name, 1, 1, "it answered 500") for name in self.snapshot.destinations]

    async def test_destination(self, name: str, by: str) -> Tested | Fault:
        if name in self.snapshot.destinations:
            return Tested("", "it answered 204")
        return Fault("not_found", "The policy has no destination of this name.", "See `orchvynt notify list`.", param="name")

    async def resend(self, message: str) -> MessageRow | Fault:
        row = await self.store.message(message)
        return row if row is not None else Fault("not_found", "There is no such message.")

    def status(self) -> Status:
        row = self._versions[-1] if self._versions else PolicyRow(0, "", "", "", "", 0)
        return Status(
            "0.1.0", row, "", self.watch, NOW - 7200 * SECOND, 2, 1, 1, 0, 4096, "sqlite:///orchvynt.db", self.draining,
            tuple(self.alert_lines), outage=self.outage,
        )  # fmt: skip

    async def filed(self) -> None:
        await self.store.settled()

    async def replicas(self) -> tuple[Replica, ...]:
        row = self.status().policy
        return (Replica("here:1", row.version, row.digest, row.applied_at),)

    def budgets(self) -> list[BudgetLine]:
        return self.budget_lines

    async def standing(self) -> list[BudgetLine]:
        return self.budget_lines

    async def rate_limits(self) -> list[RateLimitLine]:
        return self.rate_limit_lines

    def providers(self) -> list[ProviderLine]:
        return self.provider_lines

    def alerts(self) -> list[AlertLine]:
        return self.alert_lines

    def _check(self, yaml: str, file: str) -> list[Problem]:
        lines = yaml.splitlines()
        problems = []
        for number, line in enumerate(lines, 1):
            if "modles" in line:
                excerpt = f"  {line}\n  ^^^^^^"
                problems.append(Problem(file, number, 1, "unknown field `modles`", "modles", "Did you mean `models`?", excerpt))
            if "discouraged" in line:
                problems.append(Problem(file, number, 1, "this is discouraged", severity="warning"))
        return problems

    async def validate(self, yaml: str, file: str) -> Checked | Fault:
        return Checked(tuple(self._check(yaml, file)), ("provider lab: new address http://lab:80",) if "lab" in yaml else ())

    async def compare(self, old: int | None, new: int | tuple[str, str] | None) -> Compared | Fault:
        """Each line that differs is a word."""
        texts = []
        for one in (old, new):
            if isinstance(one, tuple):
                texts.append(one[0])
                continue
            row = await self.store.policy(one or len(self._versions))
            if row is None:
                return Fault("not_found", f"There is no policy version {one}.")
            texts.append(row.yaml)
        if errors := [problem for text in texts for problem in self._check(text, "p") if problem.severity == "error"]:
            return Compared(problems=tuple(errors))
        words = tuple(sorted(set(texts[0].splitlines()) ^ set(texts[1].splitlines())))
        bindings = ("provider lab: new address http://lab:80",) if "lab" in texts[1] else ()
        return Compared(words, bindings, not words)

    async def apply(self, change: Change) -> Changed:
        problems = self._check(change.yaml, change.file)
        if any(problem.severity == "error" for problem in problems):
            return problems
        if "lab" in change.yaml and not change.may_bind:
            return Fault("forbidden", "A new address needs the role admin: http://lab:80.")
        if "weaker" in change.yaml and not change.break_glass and not await self._approved("chg_1"):
            waiting = ChangeRow(
                "chg_1", change.yaml, "d", change.file, change.message, change.by, NOW, 1, ("gate g is removed",), "risk", 2, True
            )
            await self.store.add_change(waiting)
            return waiting
        until = NOW + change.for_ns if change.for_ns else 0
        row = await self.store.add_policy(
            change.yaml, "sha256:abc", change.message, change.by, NOW, change.expected, change.commit, until
        )  # fmt: skip
        if row is None:
            return Fault("conflict", f"Version {len(self._versions)} is in force, not {change.expected}.", "Look at it, then apply again.")
        self._versions.append(row)
        own = Replica("here:1", row.version, row.digest, row.applied_at)
        return Applied(row, tuple(problems), ("gate g is removed",) if "weaker" in change.yaml else (), replicas=(own,))

    async def _approved(self, change: str) -> bool:
        row = await self.store.change(change)
        return row is not None and row.status == "approved"

    async def rollback(self, asked: Rollback) -> Changed:
        wanted = len(self._versions) - 1 if asked.version is None else asked.version
        if not 1 <= wanted <= len(self._versions):
            return Fault("not_found", "There is no version to go back to.")
        message = asked.message or f"rollback to version {wanted}"
        return await self.apply(Change(self._versions[wanted - 1].yaml, message, asked.by, asked.may_bind, for_ns=asked.for_ns))

    async def grant(self, asked: Grant) -> Granted | Fault:
        """Of the budget `purse`, up to 5 USD at a time."""
        if asked.budget != "purse":
            return Fault("not_found", f"The policy has no budget {asked.budget}.", param="budget")
        if asked.nanos > 5 * 10**9:
            return Fault("forbidden", "That is over grant_max.", param="usd")
        known = await self.store.grant(asked.id)
        if known is not None:
            return Granted(known, new=False)
        number = len(await self.store.grants()) + 1
        given = f.BudgetGranted(
            "", NOW, asked.id or f"grant_{number}", asked.budget, asked.subject, 0, 0, 0, asked.nanos, asked.tokens, asked.by, asked.reason
        )
        self._journal.append([given])
        return Granted(given, new=True)

    async def decide_change(self, change: str, decision: f.Choice, voter: Voter, reason: str) -> Changed:
        """As the runtime's: here a change needs one approval."""
        row = await self.store.change(change)
        if row is None:
            return Fault("not_found", f"There is no change {change}.")
        if row.status != "open":
            return Fault("conflict", f"Change {change} was {row.status}.")
        status: ChangeStatus = "approved" if decision == "approve" else "rejected"
        done = msgspec.structs.replace(row, status=status, decided_by=voter.by, decided_at=NOW, reason=reason, revision=row.revision + 1)
        await self.store.put_change(done)
        return done if decision == "reject" else await self.apply(Change(row.yaml, row.message, row.author, row.may_bind))

    async def decide(
        self,
        review: str,
        decision: f.Choice,
        voter: Voter,
        reason: str,
        amount: str | None = None,
        reply: str = "",
        edition: str | None = None,
    ) -> ReviewRow | Fault:
        if self.unshown is not None:
            return self.unshown
        row = await self.store.review(review)
        if row is None:
            return Fault("not_found", f"There is no review {review}.")
        counted = vote(case_of(row), voter, decision, reason, NOW, reply, edition)
        if isinstance(counted, Fault):
            return counted
        granted = check_grant(review, decision, amount, row.wanted)
        if isinstance(granted, Fault):
            return granted
        if not counted.decides:
            return await self._noted(row, f.ReviewVoted(row.inv, NOW, review, counted.cast))
        state = await self.store.review_state(review) or b""
        diff = difference("", counted.text) if counted.text else ""
        return await self._noted(row, f.ReviewDecided(row.inv, NOW, review, counted.decision, voter.by, state, reason, granted, diff))

    async def decide_all(self, reviews: Sequence[str], decision: f.Choice, voter: Voter, reason: str) -> list[ReviewRow | Fault]:
        return [await self.decide(review, decision, voter, reason) for review in reviews]

    async def claim(self, review: str, voter: Voter) -> ReviewRow | Fault:
        row = await self.store.review(review)
        if row is None:
            return Fault("not_found", f"There is no review {review}.")
        case = claim(case_of(row), voter, NOW)
        if isinstance(case, Fault):
            return case
        return await self._noted(row, f.ReviewClaimed(row.inv, NOW, review, voter.by, case.claimed_until))

    async def release(self, review: str, voter: Voter) -> ReviewRow | Fault:
        row = await self.store.review(review)
        if row is None:
            return Fault("not_found", f"There is no review {review}.")
        case = release(case_of(row), voter, NOW)
        return case if isinstance(case, Fault) else await self._noted(row, f.ReviewReleased(row.inv, NOW, review, voter.by))

    async def _noted(self, row: ReviewRow, fact: AnyFact) -> ReviewRow:
        self._journal.append([fact])
        after = await self.store.review(row.review)
        assert after is not None
        return after


def case_of(row: ReviewRow) -> Case:
    return Case(
        row.review, row.status, row.by, row.reviewers, row.quorum, row.not_requester, row.requester, row.require_reason,
        offered(row.stage, row.after_delivery), row.votes, row.claimed_by, row.claimed_until,
    )  # fmt: skip


def budget_line(name: str, subject: str, limit: int = 2_500_000_000, settled: int = 1_000_000_000, held: int = 500_000_000) -> BudgetLine:
    measures = (Measure("usd", limit, settled, held),)
    return BudgetLine(name, "workflow", subject, "day", NOW + 3600 * SECOND, limit, settled, held, None, 1200, 300, 0, measures)


def alert_line(alert: str = "fallback.alerts[0]", provider: str = "openai") -> AlertLine:
    when = "activation_rate > 0.1"
    return AlertLine(alert, when, 300 * SECOND, "firing", "default", provider, 0.25, 40, NOW - 60 * SECOND, "inv_01", ("oncall",))


def renamed(record: Sequence[AnyFact], inv: str, review: str = "rev_1", parked_at: int = 0) -> list[AnyFact]:
    """The same life of another invocation; its review may have another name and another age."""
    life: list[AnyFact] = []
    for fact in record:
        match fact:
            case f.ReviewOpened():
                life.append(msgspec.structs.replace(fact, inv=inv, review=review, at=parked_at or fact.at))
            case f.ReviewDecided():
                life.append(msgspec.structs.replace(fact, inv=inv, review=review))
            case _:
                life.append(msgspec.structs.replace(fact, inv=inv))
    return life


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error = self.json["error"]
        assert isinstance(error, dict)
        assert set(error) == {"message", "type", "param", "code", "help", "detail"}
        return error


class World:
    """A running admin server."""

    def __init__(self) -> None:
        self.store, self._journal = open_memory_store()
        self.control = MemoryControl(self.store, self._journal)
        self.keyring = Keyring(self.store, FixedClock())
        # Cheap hashes: what is tested here is who comes in, not how long a guess takes.
        self.passwords = Argon2Passwords(memory_kib=8, passes=1)
        self.clock = FixedClock()
        self.people = People(self.store, self.clock, self.passwords)
        self.door = Door(self.clock)
        self.sampled: list[Sampled] = []
        self.condition = Condition()
        self.port = 0
        for role, secret in SECRETS.items():
            assert asyncio.run(self.store.add_token(TokenRow(role, role, digest(secret), NOW, "start")))

    async def measure(self) -> Merged:
        return Merged(self.sampled, (os.getpid(),), self.condition)

    def person(self, email: str, role: Role = "viewer", password: str = "", name: str = "") -> PersonRow:
        """Adds one, as an admin does."""
        added = asyncio.run(self.people.add("admin", PersonRow(email, name, role, NOW, "token:admin"), password))
        assert isinstance(added, PersonRow), added
        return added

    def happened(self, record: Sequence[AnyFact]) -> None:
        """Facts of one invocation, as the journal files them."""
        self._journal.append(record)

    @property
    def audits(self) -> list[Kept]:
        """Oldest first."""
        return asyncio.run(self.store.audits(1000))[::-1]

    @property
    def policies(self) -> list[PolicyRow]:
        return asyncio.run(self.store.policies())

    @property
    def token_rows(self) -> list[TokenRow]:
        return asyncio.run(self.store.tokens())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        role: str = "admin",
        body: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        prefix: str = "/api/v1",
    ) -> Answer:
        """One exchange on its own connection. `role` empty: without a token."""
        secret = next((known for name, known in SECRETS.items() if name == role), role)
        sent = {"authorization": f"Bearer {secret}"} if role else {}
        if body is not None or raw is not None:
            sent["content-type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            payload = raw if raw is not None else json.dumps(body).encode() if body is not None else None
            connection.request(method, path if path.startswith("/api") else prefix + path, payload, {**sent, **(headers or {})})
            answer = connection.getresponse()
            headers_given = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers_given, answer.read(), tuple(answer.headers.get_all("set-cookie") or ()))
        finally:
            connection.close()


def reveal(state: bytes) -> dict[str, Any]:
    return {"text": state.decode(), "tool_calls": [{"name": "pay", "arguments": '{"sum": 1}'}], "finish": "stop", "flags": ["financial"]}


@contextmanager
def serving(
    hosts: tuple[str, ...] = (),
    fixed_tokens: tuple[TokenRow, ...] = (),
    provider: OidcProvider | None = None,
    connection: type[AdminConnection] = AdminConnection,
) -> Iterator[World]:
    """A world whose admin app is served by uvicorn in a thread, on a port of the system's choice."""
    world = World()
    app = admin_app(
        world.control, FixedClock(), reveal, world.measure, world.keyring, world.people, world.door, hosts, fixed_tokens, provider
    )  # fmt: skip
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    world.port = listener.getsockname()[1]
    config = admin_serving(app, connection)
    config.timeout_graceful_shutdown = 2
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield world
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def rate_limit_line(name: str, subject: str) -> RateLimitLine:
    return RateLimitLine(name, "agent", subject, "minute", 60, 12, None, None, 10, 3, 2, 48 * SECOND)
