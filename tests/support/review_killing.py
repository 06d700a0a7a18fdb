"""`kill -9` of a real server while answers are parked, people race to decide and callers retry; what became of them is audited.

Callers are the official clients, whole and in streams, and live through the restarts. A moment is planted without a hook in the server:
its journal grows, votes are under way, a caller gets its answer, a provider writes its bill. The auditor reads only what callers got, what
deciders were told, the provider's own ledger and the admin plane.
"""

import asyncio
import http.client
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import anthropic
import msgspec
import openai
from tests.support.policies import GROUPS, three_tiers
from tests.support.serving import Reply, Serving

import orchvynt
from orchvynt.scripted.ledger import Ledger
from orchvynt.testing.scripted import ScriptedProvider

MOMENTS: Final = ("any", "journal", "voting", "delivery", "billed")
QUESTIONS: Final = 5
DECIDERS: Final = 3
# Below the range from which systems take the ports of connections: after a kill nobody else has it.
PORTS: Final = (20_000, 30_000)
LIFE_S_MAX: Final = 1.2
# Once the server is left alone nobody waits longer for an answer; the machine may be busy.
PATIENCE_S: Final = 120.0
# A poll goes on over all kills in between.
POLLS_S: Final = 3_600.0
DRAINED_EVERY: Final = 25
SCRIPT: Final = {"answers": [{"text": "A ledger is a book that never forgets.", "latency": "5ms", "frames": 3, "frame_interval": "3ms"}]}
PASSING: Final = frozenset({"hitl_pending", "overloaded", "all_providers_failed", "store_unavailable", None})
"""After these a caller tries again; a stream that was cut has no code."""
WAYS: Final = ("retry", "poll", "stream", "messages", "leaves")
"""How a caller comes back: by the same request, by its address, both after a stream, with Anthropic's client, and after it gave up."""


def policy(provider: ScriptedProvider) -> str:
    gate = "    stage: output\n    reviewers: people\n"
    return three_tiers(
        provider,
        "gates:\n"
        f"  - name: told-at-once\n{gate}    when: '\"now\" in flags'\n    wait: {{up_to: 0s}}\n"
        f"  - name: held\n{gate}    when: '\"held\" in flags'\n    wait: {{up_to: 700ms}}\n" + GROUPS,
    )


class End(NamedTuple):
    """What a caller was told for good: the id and text of the answer, or the code of the refusal."""

    id: str
    said: str


class Question:
    """One request, alone in its run. `ends` is what was told, each time that it was asked for."""

    def __init__(self, number: int, way: str, flag: str) -> None:
        self.text = f"question {number}"
        self.run = f"run-{number}"
        self.way = way
        self.flag = flag
        self.ends: list[End] = []
        self.tries = 0
        # Whether a caller of it was told to come back.
        self.came_back = False
        # The invocation whose answer its caller has read, whatever became of the connection after that.
        self.answered = ""
        # What ended its last try without an answer.
        self.last = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.way}, {self.flag}, {self.tries} tries, {len(self.ends)} times answered, last: {self.last})"


class Found(msgspec.Struct):
    """What the audits have seen."""

    questions: int = 0
    reviews: int = 0
    arrivals: int = 0
    cut_off: int = 0
    tries: int = 0
    readings: int = 0
    votes: int = 0
    late: int = 0
    unanswered: int = 0
    approved: int = 0
    rejected: int = 0


class Restart(NamedTuple):
    moment: str
    parked: int
    serving_s: float


class ReviewLives:
    """One server over many lives, one provider, and callers and deciders that outlive the server."""

    def __init__(self, folder: Path, provider: ScriptedProvider, seed: int) -> None:
        self.provider = provider
        self.chance = random.Random(seed)
        self.server = Serving(folder, policy(provider))
        self.server.port, self.server.admin_port = _free_port(self.chance), _free_port(self.chance)
        self.restarts: list[Restart] = []
        self.found = Found()
        self._asked = 0
        self._life = 0
        self._asking: dict[asyncio.Task[None], Question] = {}
        self._ended = asyncio.Event()
        self._voting = asyncio.Event()
        # By review: what each vote was told; 0 where the server died before it said anything.
        self._votes: dict[str, list[tuple[str, int]]] = {}
        # By invocation: the life from which on people decide about it.
        self._ripe: dict[str, int] = {}
        self._all_ripe = False

    async def run(self, kills: int, now_and_then: Callable[[], None] = lambda: None) -> None:
        """So many lives; now and then, and at the end, everybody is decided on and answered. Raises AssertionError."""
        # Callers that poll keep a thread each while they wait: those who decide must not stand behind them.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(128))
        for number in range(kills):
            await self.live(MOMENTS[number % len(MOMENTS)])
            if number % DRAINED_EVERY == DRAINED_EVERY - 1 or number == kills - 1:
                await self._until_answered()
                now_and_then()

    async def live(self, moment: str) -> None:
        """Questions, deciders, a kill at the moment, a restart; then the audit of all that has ended."""
        self._life += 1
        for _ in range(QUESTIONS):
            self._ask()
        deciders = [asyncio.ensure_future(self._decide(number)) for number in range(DECIDERS)]
        await self._wait_for(moment)
        self.server.kill()
        began = time.monotonic()
        await asyncio.to_thread(self.server.start)
        parked = len((await self._admin("/reviews")).json["items"])
        self.restarts.append(Restart(moment, parked, time.monotonic() - began))
        await _stopped(deciders)
        await self._audit()

    async def _until_answered(self) -> None:
        self._life += 1
        self._all_ripe = True
        deciders = [asyncio.ensure_future(self._decide(number)) for number in range(DECIDERS)]
        until = time.monotonic() + PATIENCE_S
        while self._asking:
            assert time.monotonic() < until, f"without an answer are {', '.join(map(str, self._asking.values()))}"
            await asyncio.wait(self._asking, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            await self._audit()
            for one in deciders:
                if one.done():
                    one.result()  # it raises why nobody decides any more
        await _stopped(deciders)
        self._all_ripe = False

    def _ask(self) -> None:
        self._asked += 1
        question = Question(self._asked, WAYS[self._asked % len(WAYS)], self.chance.choice(("now", "held")))
        task = asyncio.ensure_future(Caller(self, question, self.chance.random()).run())
        self._asking[task] = question

    def ended(self) -> None:
        """A caller got its answer."""
        self._ended.set()

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
                    case _:
                        await asyncio.sleep(self.chance.random() * 0.8)
        except TimeoutError:
            return

    async def _grown(self, size: Any, times: int) -> None:
        known = size()
        while times:
            await asyncio.sleep(0.001)
            if (now := size()) != known:
                known, times = now, times - 1

    def _journal_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.server.folder.glob("*.journal/*.facts"))

    def _ledger_bytes(self) -> int:
        return self.provider.ledger_path.stat().st_size if self.provider.ledger_path.exists() else 0

    async def _admin(self, path: str, body: Any = None) -> Reply:
        """Raises OSError or HTTPException where the server is dying."""
        return await asyncio.to_thread(self.server.admin, path, body)

    async def _decide(self, number: int) -> None:
        """Votes on whatever is open and old enough, against the others, and by its own mind."""
        mind = random.Random(self._life * DECIDERS + number)
        while True:
            try:
                listed = await self._admin("/reviews")
                for review in listed.json["items"] if listed.status == 200 else ():
                    if self._old_enough(review["invocation"]):
                        await self._vote(review["review"], mind.choice(("approve", "approve", "reject")))
            except (OSError, http.client.HTTPException):
                pass
            await asyncio.sleep(0.03)

    def _old_enough(self, inv: str) -> bool:
        """Half of them are decided in a later life than the one that parked them."""
        if inv not in self._ripe:
            self._ripe[inv] = self._life + self.chance.randrange(2)
        return self._all_ripe or self._ripe[inv] <= self._life

    async def _vote(self, review: str, choice: str) -> None:
        told = 0
        self._voting.set()
        try:
            told = (await self._admin(f"/reviews/{review}/decisions", {"decision": choice, "reason": f"{choice} it is"})).status
        finally:
            self._votes.setdefault(review, []).append((choice, told))

    async def _audit(self) -> None:
        """Of every question that has its last word since the last audit."""
        over = [task for task in self._asking if task.done()]
        ledger = await asyncio.to_thread(Ledger.read, self.provider.ledger_path)
        arrivals = Counter(arrival.last_user for arrival in ledger.arrivals)
        for task in over:
            question = self._asking.pop(task)
            task.result()
            await self._audit_one(question, arrivals[question.text])

    async def _audit_one(self, question: Question, arrivals: int) -> None:
        found = self.found
        invocations = (await self._admin(f"/runs/{question.run}")).json["items"]
        assert len(set(question.ends)) == 1, f"{question} was answered in several ways: {question.ends}: {invocations}"
        lasting = [one for one in invocations if one["outcome"] not in ("interrupted", "cancelled")]
        assert len(lasting) == 1, f"{question.text} is {len(lasting)} invocations that last: {invocations}"
        cut = len(invocations) - 1
        assert arrivals <= 1 + cut, f"{question.text} reached the provider {arrivals} times, and {cut} invocations were cut off"
        told = (await self._admin(f"/invocations/{lasting[0]['invocation']}")).json
        kinds = Counter(entry["kind"] for entry in told["timeline"])
        assert (kinds["review_opened"], kinds["review_decided"], kinds["attempt_sent"]) == (1, 1, 1), (question.text, told["timeline"])
        review = (await self._admin(f"/reviews/rev_{lasting[0]['invocation'].removeprefix('inv_')}.1")).json
        won = [choice for choice, status in self._votes.get(review["review"], []) if status == 200]
        assert len(won) <= 1, f"{review['review']} was decided {len(won)} times: {self._votes[review['review']]}"
        status = {"approve": "approved", "reject": "rejected"}
        assert all(status[choice] == review["status"] for choice in won), f"{review['review']} is {review['status']}, and was told {won}"
        rejected = question.ends[0].said == "review_rejected"
        assert rejected == (review["status"] == "rejected"), f"{question.text} is {review['status']}, and was told {question.ends[0]}"
        votes = self._votes.get(review["review"], [])
        found.questions += 1
        found.reviews += 1
        found.arrivals += arrivals
        found.cut_off += cut
        found.tries += question.tries
        found.readings += len(question.ends)
        found.votes += len(votes)
        found.late += sum(status == 409 for _, status in votes)
        found.unanswered += sum(status == 0 for _, status in votes)
        found.approved += not rejected
        found.rejected += rejected


class Caller:
    """Asks one question with an official client until it has its last word, and then twice more in other ways."""

    def __init__(self, lives: ReviewLives, question: Question, chance: float) -> None:
        self._lives = lives
        self._question = question
        self._gives_up_after = 0.05 + chance / 2
        self._key = "agent-1"
        self._hooks = {"request": [], "response": [self._on_response]}
        self._headers = {"x-orchvynt-run": question.run, "x-orchvynt-flags": question.flag}

    async def _on_response(self, response: Any) -> None:
        """Sees what the client's own retries see."""
        self._question.came_back |= response.status_code == 409

    async def run(self) -> None:
        question = self._question
        inv = ""
        while not inv:
            question.tries += 1
            inv = await self._try()
            if not inv:
                await asyncio.sleep(0.05)
        self._lives.ended()
        while len(question.ends) < 3:
            # Who was held until the decision has its answer: its request made again would be another question.
            again = len(question.ends) == 2 and question.came_back
            if not await (self._again() if again else self._poll(inv)):
                await asyncio.sleep(0.05)

    async def _try(self) -> str:
        """→ the invocation, once it has its last word."""
        question, url = self._question, self._lives.server.url
        try:
            if question.way == "leaves" and question.tries == 1:
                async with asyncio.timeout(self._gives_up_after):
                    return await self._ask(url)
            return await self._ask(url)
        except (openai.APIConnectionError, anthropic.APIConnectionError) as broken:
            question.last = repr(broken)
        except (openai.APIError, anthropic.APIStatusError) as refused:
            code = _code(refused)
            question.last = f"{refused!r} at {time.strftime('%X')}"
            if code == "review_rejected":
                question.ends.append(End("", code))
                return str(_detail(refused).get("invocation_id"))
            if orchvynt.is_pending(refused) and question.way == "poll":
                return await self._wait(refused)
            if code not in PASSING:
                raise
        except (TimeoutError, orchvynt.OrchvyntError) as other:
            question.last = repr(other)
        return question.answered

    async def _ask(self, url: str) -> str:
        if self._question.way == "messages":
            async with anthropic.AsyncAnthropic(base_url=url, api_key=self._key, max_retries=2, default_headers=self._headers) as client:
                client._client.event_hooks = self._hooks
                turn: Any = [{"role": "user", "content": self._question.text}]
                raw = await client.messages.with_raw_response.create(model="gpt-4o", max_tokens=50, messages=turn)
                message = await raw.parse()
                return self._answered(raw.headers, End(message.id, getattr(message.content[0], "text", "")))
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=self._key, max_retries=2, default_headers=self._headers) as client:
            client._client.event_hooks = self._hooks
            messages: Any = [{"role": "user", "content": self._question.text}]
            if self._question.way == "stream":
                return await self._stream(client, messages)
            answer = await client.chat.completions.with_raw_response.create(model="gpt-4o", messages=messages)
            return self._answered(answer.headers, _of_chat(answer.parse()))

    async def _stream(self, client: openai.AsyncOpenAI, messages: Any) -> str:
        said, id, finish = "", "", None
        stream = await client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
        async with stream as chunks:
            async for chunk in chunks:
                id = chunk.id or id
                for choice in chunk.choices:
                    said += choice.delta.content or ""
                    finish = choice.finish_reason or finish
        if finish is None:
            return ""
        return self._answered(chunks.response.headers, End(id, said))

    def _answered(self, headers: Mapping[str, str], end: End) -> str:
        """Noted before the client is closed: who goes away in that moment has its answer, and does not ask again."""
        self._question.ends.append(end)
        self._question.answered = headers["x-orchvynt-invocation"]
        return self._question.answered

    async def _wait(self, pending: BaseException) -> str:
        try:
            answer = await orchvynt.await_review(pending, POLLS_S)
        except orchvynt.ReviewRejected as rejected:
            self._question.ends.append(End("", rejected.code))
            return rejected.invocation_id
        self._question.ends.append(_of_chat(answer))
        return str(_detail(pending).get("invocation_id"))

    async def _poll(self, inv: str) -> bool:
        """Reads it by its name. False if the server was not there."""
        try:
            told = await orchvynt.await_review(inv, POLLS_S, self._lives.server.url, self._key)
        except orchvynt.ReviewRejected as rejected:
            self._question.ends.append(End("", rejected.code))
        else:
            text = told["content"][0]["text"] if "content" in told else told["choices"][0]["message"]["content"]
            self._question.ends.append(End(told["id"], text))
        return True

    async def _again(self) -> bool:
        """Asks the same once more. False if the server was not there."""
        before = len(self._question.ends)
        await self._try()
        return len(self._question.ends) > before


def _of_chat(answer: Any) -> End:
    return End(answer.id, answer.choices[0].message.content or "")


def _detail(raised: BaseException) -> dict[str, Any]:
    body = getattr(raised, "body", None)
    body = body if isinstance(body, dict) else {}
    inner = body.get("error")
    return inner if isinstance(inner, dict) else body


def _code(raised: BaseException) -> str | None:
    code = _detail(raised).get("code")
    return str(code) if code else None


async def _stopped(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _free_port(chance: random.Random) -> int:
    while True:
        port = chance.randrange(*PORTS)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
