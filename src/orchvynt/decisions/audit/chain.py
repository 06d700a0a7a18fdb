"""Links what is to be noted to the entry before it, and checks a chain from its first entry to its anchored head. Knows no store.

INVARIANT: whatever one changes in a stored chain (a value, the order, an entry left out, put in, or cut off at the end), `Checker` names
the first number at which it is not what it was.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from orchvynt.decisions.audit.entries import (
    FORGET,
    MISMATCH,
    WHY,
    AuditRow,
    Entry,
    Head,
    Kept,
    Words,
    canonical,
    clean,
    digest,
    hash_of,
)


def link(head: Head, row: AuditRow, salt: Callable[[], bytes]) -> Kept:
    """The entry that follows `head`. `salt` gives fresh random bytes."""
    why = clean(row.why)
    contents = {WHY: why.encode(), **row.contents} if why else row.contents
    salts = {name: salt() for name in contents}
    digests = {name: digest(salts[name], content) for name, content in contents.items()}
    words = Words(canonical({name: one.hex() for name, one in salts.items()}), why)
    unhashed = Entry(
        head.number + 1,
        row.at,
        clean(row.who),
        row.what,
        clean(row.subject),
        canonical(row.details),
        canonical(digests),
        digest(words.salts.encode()),
        head.hash,
        "",
    )
    return Kept(msgspec.structs.replace(unhashed, hash=hash_of(unhashed)), words)


def head_of(kept: Kept) -> Head:
    return Head(kept.entry.number, kept.entry.hash)


def forget_digest(numbers: Iterable[int]) -> str:
    """What the entry of a forgetting says of the entries whose words it took: the SHA-256 of their numbers, ascending, with commas."""
    return digest(",".join(map(str, sorted(numbers))).encode())


class Verified(msgspec.Struct, frozen=True):
    """What a check found. `bad_at` is the first number that is not as it was, 0 if all is well; `problem` says what is wrong there.
    `forgotten` counts entries whose words were forgotten. `anchored` is what the anchor outside of the table says."""

    entries: int
    head: Head
    bad_at: int = 0
    problem: str = ""
    forgotten: int = 0
    anchored: Head | None = None


class Checker:
    """Takes entries from the first on, in the order of their numbers. `anchors` are heads that must be in the chain, each with what to
    call it; `head` is a hash that one of its entries must have, empty where none is asked for."""

    def __init__(self, anchors: Iterable[tuple[str, Head]] = (), head: str = "") -> None:
        self._head = Head()
        self._bad_at = 0
        self._problem = ""
        self._forgotten = 0
        self._anchors = {anchor.number: (name, anchor.hash) for name, anchor in anchors if anchor.number}
        self._wanted = head
        # By the entry that tells of a forgetting: what it says, and the numbers of those that say that it took their words.
        self._told: dict[int, str] = {}
        self._taken: dict[int, list[int]] = {}

    def add(self, kept: Kept) -> None:
        entry, expected = kept.entry, self._head.number + 1
        if entry.number != expected:
            self._bad(min(expected, entry.number), f"entry {expected} is missing, or not in its place")
        elif entry.previous != self._head.hash:
            self._bad(entry.number, f"entry {entry.number} does not follow the one before it")
        if not _has_its_hash(entry):
            self._bad(entry.number, f"entry {entry.number} was changed")
        else:
            self._read(kept)
        name, wanted = self._anchors.get(entry.number, ("", entry.hash))
        if entry.hash != wanted:
            self._bad(entry.number, f"entry {entry.number} is not the one that {name} names")
        if entry.hash == self._wanted:
            self._wanted = ""
        self._head = Head(entry.number, entry.hash)

    def finish(self, anchored: Head | None = None) -> Verified:
        for number in sorted(self._told.keys() | self._taken.keys()):
            taken = self._taken.get(number, [])
            if self._told.get(number, "") != forget_digest(taken):
                first = min(taken or [number])
                self._bad(first, f"words of entries from {first} on are gone, and entry {number} does not tell of just those")
        end = self._head.number + 1
        for number, (name, _) in self._anchors.items():
            if number >= end:
                self._bad(end, f"entry {end} is missing: {name} is entry {number}")
        if self._wanted:
            self._bad(end, f"no entry has the hash {self._wanted[:64]}: those behind it, or all, are not what they were")
        return Verified(self._head.number, self._head, self._bad_at, self._problem, self._forgotten, anchored)

    def _read(self, kept: Kept) -> None:
        entry = kept.entry
        self._check_words(entry, kept.words)
        if entry.what in (FORGET, MISMATCH):
            said = _object(entry.details)
            if entry.what == FORGET:
                self._told[entry.number] = str(said.get("entries_digest", ""))
            else:
                ended = int(said.get("found", 0))
                self._bad(
                    ended + 1, f"entry {entry.number} tells that the chain ended with entry {ended}, and its anchored head was another"
                )

    def _check_words(self, entry: Entry, words: Words) -> None:
        if words.forgotten_by:
            self._forgotten += 1
            self._taken.setdefault(words.forgotten_by, []).append(entry.number)
            if (words.salts, words.why) != ("{}", ""):
                self._bad(entry.number, f"entry {entry.number} has words that were forgotten")
        elif digest(_as_stored(words.salts)) != entry.salted:
            self._bad(entry.number, f"the salts of entry {entry.number} were changed or removed")
        else:
            salt, said = _object(words.salts).get(WHY), _object(entry.digests).get(WHY, "")
            why = digest(bytes.fromhex(salt), _as_stored(words.why)) if salt is not None else ""
            if why != said or (words.why and not said):
                self._bad(entry.number, f"the reason of entry {entry.number} was changed")

    def _bad(self, number: int, problem: str) -> None:
        # Entries have numbers from 1 on: what somebody put before the first one is wrong there.
        at = max(1, number)
        if not self._bad_at or at < self._bad_at:
            self._bad_at, self._problem = at, problem


def _has_its_hash(entry: Entry) -> bool:
    try:
        return entry.hash == hash_of(entry)
    except UnicodeEncodeError:
        return False  # a store gives bytes that are no text as half characters, which no entry has


def _as_stored(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _object(text: str) -> dict[str, Any]:
    """What `canonical` made; its hash was found to be right."""
    told: dict[str, Any] = msgspec.json.decode(text)
    return told
