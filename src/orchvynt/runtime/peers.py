"""This process among those of its store: it hears their hints, asks them and answers them. It decides nothing about what is asked.

A hint only says when to look: what is asked and answered stands in the store, and is looked for once a second in any case.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from orchvynt.ports.clock import Ids
from orchvynt.ports.peers import Question
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.ports.wakeups import EVERYTHING, Topic, Wakeups
from orchvynt.runtime.tasks import Tasks

LOOK_S: Final = 1.0
FILED_WITHIN_S: Final = 0.5

Answering = Callable[[bytes], Awaitable[bytes]]
"""From the body of a question to its answer, both JSON. What the store cannot do is part of the answer."""


class Peers:
    """`me` is the id of this process. Nothing happens here where it has the store to itself."""

    def __init__(self, store: Store, wakeups: Wakeups, ids: Ids, tasks: Tasks, me: str) -> None:
        self.wakeups = wakeups
        self.me = me
        self._store = store
        self._ids = ids
        self._tasks = tasks
        self._heard: dict[Topic, list[Callable[[str], None]]] = {}
        self._answering: dict[str, Answering] = {}
        self._under_way: set[str] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        self._filing: dict[str, _Filing] = {}
        wakeups.listen(self._hear)
        self.on("file", self._file)
        self.on("filed", self._filed)
        self.on("asked", self._asked)
        self.on("answered", self._answered)

    @property
    def alone(self) -> bool:
        return self.wakeups.alone

    def on(self, topic: Topic, heard: Callable[[str], None]) -> None:
        """`heard` is told the payload of each hint of this topic, and nothing ("") where some may have been missed."""
        self._heard.setdefault(topic, []).append(heard)

    def answers(self, what: str, answering: Answering) -> None:
        """From now on questions of this name are answered here."""
        self._answering[what] = answering

    def tell(self, topic: Topic, payload: str = "") -> None:
        self.wakeups.tell(topic, payload)

    def _hear(self, topic: Topic, payload: str) -> None:
        for one in self._heard if topic == EVERYTHING else (topic,):
            for heard in self._heard.get(one, ()):
                heard("" if topic == EVERYTHING else payload)

    async def in_reach(self) -> list[str]:
        """The others that serve and were seen lately. Raises StoreUnavailableError."""
        if self.alone:
            return []
        rows = await self._store.processes()
        return [row.process for row in rows if row.state != "gone" and not row.out_of_reach and row.process != self.me]

    async def file(self) -> frozenset[str]:
        """What this process and the others had in their journals is in the store when this returns; of those that did not say so in time,
        which it gives, what they file by themselves is there a moment later, or when they are back. Raises StoreUnavailableError."""
        rows = [] if self.alone else await self._store.processes()
        others = {row.process for row in rows if row.state != "gone" and row.process != self.me}
        asked = {row.process for row in rows if not row.out_of_reach} & others
        if not asked:
            await self._store.settled()
            return frozenset(others)
        token = self._ids.new("fil")
        filing = self._filing[token] = _Filing(set(asked))
        try:
            self.tell("file", token)
            # What this machine has of their journals is waited for in any case.
            await self._store.caught_up()
            with suppress(TimeoutError):
                async with asyncio.timeout(FILED_WITHIN_S):
                    await filing.done.wait()
        finally:
            del self._filing[token]
        return frozenset(others - asked | filing.missing)

    def _file(self, token: str) -> None:
        if token:
            self._tasks.start(self._tell_filed(token), "file what others ask for")

    async def _tell_filed(self, token: str) -> None:
        with suppress(StoreUnavailableError):
            await self._store.settled()
            self.tell("filed", f"{token} {self.me}")

    def _filed(self, said: str) -> None:
        token, _, process = said.partition(" ")
        if (filing := self._filing.get(token)) is not None:
            filing.by(process)

    async def ask(self, to: str, what: str, body: bytes, within_s: float) -> bytes | None:
        """What `to` answers; None where it does not within so long: whether it does what was asked is not known then. Raises
        StoreUnavailableError."""
        question = Question(self._ids.new("ask"), to, self.me, what, body)
        heard = self._waiting[question.id] = asyncio.Event()
        try:
            async with asyncio.timeout(within_s):
                await self._store.ask(question)
                self.tell("asked", to)
                while (answer := await self._store.answer_to(question.id)) is None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await heard.wait()
                    heard.clear()
                return answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[question.id]
            self._tasks.start(self._take_back(question.id), f"take back {question.id}")

    async def _take_back(self, question: str) -> None:
        # What stays there goes with the process.
        with suppress(StoreUnavailableError):
            await self._store.take_back(question)

    def _answered(self, question: str) -> None:
        for name in [question] if question else list(self._waiting):
            if (heard := self._waiting.get(name)) is not None:
                heard.set()

    def _asked(self, to: str) -> None:
        if to in ("", self.me):
            self._tasks.start(self.look(), "questions")

    async def look(self) -> None:
        """Answers what waits for this process, each question once."""
        try:
            found = await self._store.questions(self.me)
        except StoreUnavailableError:
            return
        for question in found:
            if question.id not in self._under_way and question.what in self._answering:
                self._under_way.add(question.id)
                self._tasks.start(self._answer(question), f"answer {question.id}")

    async def _answer(self, question: Question) -> None:
        """What was done once is not done again, whatever becomes of its answer: it is told as long as somebody waits for it."""
        answer = await self._answering[question.what](question.body)
        told = False
        while not told:
            try:
                await self._store.answer(question.id, answer)
                told = True
            except StoreUnavailableError:
                await asyncio.sleep(LOOK_S)
        self.tell("answered", question.id)
        self._under_way.discard(question.id)


class _Filing:
    """Who is still to say that all of its journal is in the store."""

    def __init__(self, missing: set[str]) -> None:
        self.missing = missing
        self.done = asyncio.Event()

    def by(self, process: str) -> None:
        self.missing.discard(process)
        if not self.missing:
            self.done.set()
