"""Finds the run of a request that goes on with an earlier one: its messages begin with that one's messages and the answer to them.

Only salted hashes of content are kept, bounded, in this process, and never looked at across callers. It is a convenience: a restart or
a long time forgets, and a client that rewrites its history is not recognised.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from orchvynt.model.turns import Digest, Turn, said

KEPT_PER_CALLER: Final = 10_000
KEPT_IN_ALL: Final = 100_000
TURNS_MAX: Final = 2_000
TEXT_BYTES_MAX: Final = 4 * 1024 * 1024

Known = OrderedDict[int, str]


class Conversations:
    """`salt` is random and lives as long as the process. What was not asked for longest goes first.

    Histories are rolled up with Python's own hash, keyed and 64 bits wide: less than half the time of a digest of hashlib over 40 messages
    of 1 KB. Who finds two histories with one hash mixes up his own runs only.
    """

    def __init__(self, salt: int, kept_per_caller: int = KEPT_PER_CALLER, kept_in_all: int = KEPT_IN_ALL) -> None:
        self._salt = salt
        self._per_caller = kept_per_caller
        self._in_all = kept_in_all
        self._kept: OrderedDict[str, Known] = OrderedDict()
        self._count = 0

    def place(self, caller: str, turns: Sequence[Turn]) -> "Conversation":
        """Where a request stands among the conversations of its caller. One pass over its messages."""
        rolled = hash((self._salt, caller))
        marks: list[int] = []
        for turn in turns:
            if turn.role == "assistant":
                rolled = hash((rolled, said(turn)))
                marks.append(rolled)
            else:
                rolled = hash((rolled, turn.role, turn.text, turn.ids))
        run = ""
        if known := self._kept.get(caller):
            # The longest history first: it is the newest.
            for mark in reversed(marks):
                if run := known.get(mark, ""):
                    known.move_to_end(mark)
                    self._kept.move_to_end(caller)
                    break
        return Conversation(self, caller, rolled, run)

    def remember(self, caller: str, mark: int, run: str) -> None:
        """From now on a request of this caller that begins with what `mark` stands for belongs to `run`."""
        known = self._kept.get(caller)
        if known is None:
            known = self._kept[caller] = OrderedDict()
        self._kept.move_to_end(caller)
        self._count += mark not in known
        known[mark] = run
        known.move_to_end(mark)
        if len(known) > self._per_caller:
            known.popitem(last=False)
            self._count -= 1
        while self._count > self._in_all:
            self._forget_one()

    def _forget_one(self) -> None:
        """Of the caller that was quiet for longest, what it did not use for longest."""
        caller, known = next(iter(self._kept.items()))
        known.popitem(last=False)
        self._count -= 1
        if not known:
            del self._kept[caller]


class Conversation:
    """One request's place: `run` is that of the request that it goes on with, empty if none is known."""

    __slots__ = ("_caller", "_rolled", "_with", "run")

    def __init__(self, conversations: Conversations, caller: str, rolled: int, run: str) -> None:
        self._with = conversations
        self._caller = caller
        self._rolled = rolled
        self.run = run

    def answered(self, inv: str, answer: Digest) -> None:
        """The caller was told this. Without a run of its own, the first invocation names it."""
        self._with.remember(self._caller, hash((self._rolled, answer)), self.run or inv)
