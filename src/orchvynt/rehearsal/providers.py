"""The policy's providers, each played by the scripted provider in this process. It speaks their wire formats and decides nothing."""

import asyncio
import difflib
import errno
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from orchvynt.language.snapshot import Snapshot, Wire
from orchvynt.model.facts import AttemptSent
from orchvynt.scripted.connection import Connection, Request
from orchvynt.scripted.faults import Fault, decode_hook, seconds
from orchvynt.scripted.ledger import MemoryBooks
from orchvynt.scripted.performing import Performance
from orchvynt.scripted.player import Player
from orchvynt.scripted.script import Answer, Match, Script

ATTEMPT_HEADER: Final = "x-client-request-id"
_PATHS: Final[Mapping[Wire, str]] = MappingProxyType(
    {"openai_chat": "/v1/chat/completions", "anthropic_messages": "/v1/messages", "ollama_chat": "/api/chat"}
)
_OF_FAULTS: Final = frozenset(Fault.__struct_fields__)
_WORDS: Final = sorted({*Answer.__struct_fields__, *Fault.__struct_fields__})
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")


class BehaviourError(Exception):
    """A provider is told to behave in a way that there is not. `steps` lead to the value, below the provider's name."""

    def __init__(self, provider: str, steps: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.provider = provider
        self.steps = steps


def script_of(providers: Mapping[str, Mapping[str, Any]]) -> Script:
    """How each provider behaves, in the words of a script's answers, with those of `fault` beside them. Raises BehaviourError."""
    return Script(answers=[behaviour(name, entry) for name, entry in providers.items()])


def behaviour(provider: str, entry: Mapping[str, Any]) -> Answer:
    """`{status: 503}` is `{fault: {status: 503}}`, `{text: hi, latency: 2s}` an answer as it is. Raises BehaviourError."""
    # The language's numbers are of a class of its own; here they are JSON like all else.
    plain: dict[str, Any] = json.loads(json.dumps(entry))
    flat = {name: plain.pop(name) for name in list(plain) if name in _OF_FAULTS}
    nested = plain.pop("fault", {})
    if isinstance(nested, str):
        nested = {nested: True}
    elif not isinstance(nested, dict):
        raise BehaviourError(provider, ("fault",), "a fault is a word or a map, as the scripted provider's file names them")
    said = {**nested, **flat}
    if said.get("status") == 200:
        del said["status"]
    if isinstance(said.get("retry_after"), str):
        said["retry_after"] = _seconds(said["retry_after"])
    try:
        fault = msgspec.convert(said, Fault, dec_hook=decode_hook) if said else None
        answer = msgspec.convert(plain, Answer, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise _refused(provider, str(error)) from error
    match = msgspec.structs.replace(answer.match, provider=provider)
    return msgspec.structs.replace(answer, match=match, fault=fault)


def _seconds(wait: str) -> str:
    """A duration as Retry-After has it, in seconds; an HTTP date as it is."""
    try:
        return f"{seconds(wait):g}"
    except ValueError:
        return wait


def _refused(provider: str, said: str) -> BehaviourError:
    """What msgspec says, at the place that it names, in a sentence of ours."""
    words, _, path = said.partition(" - at `$")
    steps = tuple(step for step in path.rstrip("`").split(".") if step)
    if unknown := _UNKNOWN.fullmatch(words):
        near = difflib.get_close_matches(unknown[1], _WORDS, n=1)
        meant = f"; did you mean `{near[0]}`?" if near else ""
        return BehaviourError(provider, (*steps, unknown[1]), f"a scripted provider knows no `{unknown[1]}`{meant}")
    return BehaviourError(provider, steps, f"{words[:1].lower()}{words[1:]}")


class ScriptedProviders:
    """Implements virtual_time.Network: every address of the policy answers, and no other.

    `sent` tells for which provider an attempt was sent, and what for: several of them may share an address. A judge whose provider has no
    script is sure of every answer.
    """

    def __init__(self, snapshot: Snapshot, script: Script, now: Callable[[], int], sent: Callable[[str], AttemptSent]) -> None:
        self.books = MemoryBooks()
        self._snapshot = snapshot
        self._script = script
        self._sent = sent
        self._player = Player(script, self.books, now)
        self._judges = Player(Script(answers=[*script.answers, Answer(text="1")]), self.books, now)

    def accept(self, host: str, port: int) -> asyncio.Protocol:
        """Raises OSError where nobody listens, or where all that listen refuse connections."""
        there = [provider.name for provider in self._snapshot.providers.values() if (provider.host, provider.port) == (host, port)]
        if not there or all(self._refuses(name) for name in there):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        return Connection(self._begin, lambda _: None)

    def _refuses(self, provider: str) -> bool:
        always = Match(provider=provider)
        return any(
            answer.match == always and answer.fault is not None and answer.fault.refuse_connections for answer in self._script.answers
        )

    def _begin(self, request: Request, line: Connection) -> Performance:
        sent = self._sent(request.headers.get(ATTEMPT_HEADER, ""))
        path = _PATHS[self._snapshot.providers[sent.provider].wire]
        player = self._judges if sent.purpose == "judge" else self._player
        return player.begin(msgspec.structs.replace(request, target=path), line, sent.provider)
