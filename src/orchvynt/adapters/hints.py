"""Hints on their way to other processes, as bytes and as a bounded set: what does not fit any more becomes `everything`. It sends none."""

from typing import Final, cast, get_args

import msgspec

from orchvynt.ports.wakeups import EVERYTHING, PAYLOAD_BYTES_MAX, Topic

WAITING_MAX: Final = 256

Hint = tuple[Topic, str]

_ALL: Final[Hint] = (EVERYTHING, "")
_TOPICS: Final = frozenset(get_args(Topic))
_decode: Final = msgspec.json.Decoder(tuple[str, str]).decode


def encoded(hint: Hint) -> bytes:
    assert len(hint[1].encode()) <= PAYLOAD_BYTES_MAX, "a hint names what changed; what it is stands in the store"
    return msgspec.json.encode(hint)


def decoded(data: bytes | str) -> Hint:
    """What this build does not know may be anything."""
    try:
        topic, payload = _decode(data)
    except msgspec.MsgspecError:
        return _ALL
    return cast(Hint, (topic, payload)) if topic in _TOPICS else _ALL


class Waiting:
    """Hints that are not sent yet, each once, in their order."""

    def __init__(self) -> None:
        self._hints: dict[Hint, None] = {}

    def __bool__(self) -> bool:
        return bool(self._hints)

    def add(self, hint: Hint) -> None:
        self._hints[hint] = None
        if len(self._hints) > WAITING_MAX:
            self._hints = {_ALL: None}

    def first(self) -> Hint:
        return next(iter(self._hints))

    def sent(self, hint: Hint) -> None:
        self._hints.pop(hint, None)

    def take(self) -> list[Hint]:
        taken, self._hints = list(self._hints), {}
        return taken
