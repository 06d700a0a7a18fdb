"""Live control for tests and demos, below `/__script/`: faults, the script, the ledger, what arrived, own addresses, reset."""

import asyncio
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from orchvynt.scripted import http_bytes
from orchvynt.scripted.connection import Connection, Request
from orchvynt.scripted.document import ScriptError, read_script
from orchvynt.scripted.faults import Fault, read_fault
from orchvynt.scripted.ledger import Ledger, LedgerWriter
from orchvynt.scripted.listeners import Listeners
from orchvynt.scripted.player import Player
from orchvynt.scripted.shapes import Json
from orchvynt.scripted.steps import End

PREFIX: Final = "/__script/"
_encode: Final = msgspec.json.encode


class WrongUseError(Exception):
    """A control request that cannot be carried out; the text says why."""


class Control:
    """Carries out control requests on a player and its listeners."""

    def __init__(self, player: Player, listeners: Listeners, books: LedgerWriter) -> None:
        self._player = player
        self._listeners = listeners
        self._books = books

    async def carry_out(self, request: Request, line: Connection) -> bytes:
        """The whole HTTP answer to one control request."""
        parts = urlsplit(request.target)
        what, _, name = parts.path.removeprefix(PREFIX).partition("/")
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        try:
            match request.method, what:
                case "PUT", "faults":
                    return await self._put_fault(unquote(name), request, line)
                case "GET", "faults":
                    return _json(200, self._player.faults.listed)
                case "PUT", "script":
                    self._player.play(read_script(request.body.decode("utf-8"), "script"))
                    await self._listeners.align(self._player.faults.refuses, line)
                    return _json(200, {"ok": True})
                case "PUT", "listeners":
                    return _json(200, {"url": await self._listeners.own(_named(unquote(name)))})
                case "POST", "reset":
                    self._player.reset()
                    await self._listeners.align(self._player.faults.refuses, line)
                    return _json(200, {"last": self._books.last})
                case "GET", "ledger":
                    return self._ledger(_since(query))
                case "GET", "arrivals":
                    since = _since(query)
                    return _json(200, {"items": [kept for kept in self._player.kept if kept.n > since], "next": None})
        except (WrongUseError, ScriptError, UnicodeDecodeError, msgspec.MsgspecError, ValueError) as error:
            return _json(400, {"error": {"message": str(error)}})
        return _json(404, {"error": {"message": f"no control for {request.method} {parts.path}; see docs/how-to/scripted-provider.md"}})

    async def _put_fault(self, name: str, request: Request, line: Connection) -> bytes:
        body: Json = msgspec.json.decode(request.body) if request.body else None
        times: Json = None
        if isinstance(body, dict):
            times = body.pop("times", None)
        if times is not None and type(times) is not int:
            raise WrongUseError("`times` is a number of calls")
        fault: Fault | None = None if body is None else read_fault(body)
        self._player.faults.put(_named(name), fault, times)
        await self._listeners.align(self._player.faults.refuses, line)
        return _json(200, {"ok": True})

    def _ledger(self, since: int) -> bytes:
        """The lines as they stand on disk; `next` is what to pass as `since` for more, null when these are all."""
        lines = list(self._books.lines(since))
        last = Ledger.of_lines(lines).last
        more = str(last).encode() if last and last < self._books.last else b"null"
        body = b'{"items":[' + b",".join(lines) + b'],"next":' + more + b"}"
        return http_bytes.whole(200, (("content-type", "application/json"),), body)


class ControlExchange:
    """One control request on its connection."""

    def __init__(self, control: Control, request: Request, line: Connection) -> None:
        self._control = control
        self._request = request
        self._line = line
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def lost(self) -> None:
        """A control request is carried out to its end, whoever still listens."""

    async def _run(self) -> None:
        self._line.write(await self._control.carry_out(self._request, self._line))
        self._line.finish(End("keep"))


def _json(status: int, value: object) -> bytes:
    return http_bytes.whole(status, (("content-type", "application/json"),), _encode(value))


def _named(name: str) -> str:
    if not name or "/" in name:
        raise WrongUseError("name a provider: /__script/faults/NAME, or `*` for all")
    return name


def _since(query: dict[str, str]) -> int:
    value = query.get("since", "0")
    if not value.isdecimal():
        raise WrongUseError("`since` is the number of an arrival")
    return int(value)
