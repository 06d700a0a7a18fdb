"""An agent that uses an official client as its documentation says. What all three share: whole and streamed, blocking and not, and the
second turn that answers the calls of the first. What a client is told, and how its typed objects are read, is each client's own file."""

import asyncio
from abc import ABC, abstractmethod
from types import ModuleType, TracebackType
from typing import Any, Self

from tests.clients.arrived import measured
from tests.clients.table import Api, Ask, Call, Cell, Ended, Got


class Agent(ABC):
    """`heard` are the pieces of the latest stream, also of one that broke."""

    api: Api
    module: ModuleType

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[Any] = []
        self._loop = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        self._loop.run(self.aclose())
        self._loop.close()

    def ask(self, cell: Cell, secret: str) -> list[Got]:
        """The answers to one request and, where the cell wants it, to the results of its calls. Raises what the client raises."""
        request = self.request(cell.ask, cell.model)
        answers = [self._once(cell, secret, request)]
        if cell.row.ask.results:
            request["messages"] = [*request["messages"], *self.results(answers[0], [measured(call) for call in answers[0].calls])]
            answers.append(self._once(cell, secret, request))
        return answers

    def _once(self, cell: Cell, secret: str, request: dict[str, Any]) -> Got:
        self.heard = []
        if cell.way == "sync":
            answer = self.whole(secret, request) if cell.how == "whole" else self.stream(secret, request)
        else:
            answer = self._loop.run(self.awhole(secret, request) if cell.how == "whole" else self.astream(secret, request))
        return self.read(answer)

    @abstractmethod
    def request(self, ask: Ask, model: str) -> dict[str, Any]:
        """The arguments of the client's method. Raises TypeError where the client's own types rule it out."""

    @abstractmethod
    def results(self, got: Got, texts: list[str]) -> list[Any]:
        """The messages with which a conversation goes on after calls."""

    @abstractmethod
    def whole(self, secret: str, request: dict[str, Any]) -> Any: ...

    @abstractmethod
    def stream(self, secret: str, request: dict[str, Any]) -> Any: ...

    @abstractmethod
    async def awhole(self, secret: str, request: dict[str, Any]) -> Any: ...

    @abstractmethod
    async def astream(self, secret: str, request: dict[str, Any]) -> Any: ...

    @abstractmethod
    def read(self, answer: Any) -> Got: ...

    @abstractmethod
    def so_far(self) -> tuple[str, list[str]]:
        """The text of what was heard, and every word in it that says that the answer, or a call, is over."""

    @abstractmethod
    def ended(self, word: Ended, own: bool) -> str:
        """The client's word for it. `own`: the provider speaks the client's API."""

    @abstractmethod
    def told(self, error: Any) -> tuple[int | None, str | None]:
        """Status and code of an error of the client; None where it does not tell one."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    async def aclose(self) -> None: ...


def calls_of(found: list[tuple[str, Any]]) -> tuple[Call, ...]:
    return tuple(Call(name, dict(arguments)) for name, arguments in found)
