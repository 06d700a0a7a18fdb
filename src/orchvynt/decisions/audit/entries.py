"""What the audit is made of: entries that nobody can change unseen, and the words beside them that can be forgotten. Pure values.

An entry names no content: of a reason, a request or an answer it holds a salted hash. The salts, and the words of a reason, stand apart.
Without its salt a hash says nothing about anybody, and the chain still verifies.
"""

import hashlib
from typing import Any, Final

import msgspec

FORMAT: Final = "orchvynt audit 1"
GENESIS: Final = "0" * 64
SALT_BYTES: Final = 32
WHY: Final = "why"
"""The name of the reason among an entry's contents."""

FORGET: Final = "audit.forget"
MISMATCH: Final = "audit.mismatch"
UPGRADED: Final = {"chained": "at the upgrade, of an older build"}
"""What the details of entries say that were written before there was a chain."""

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class AuditRow(msgspec.Struct, frozen=True):
    """What is to be noted. `details` are ids, numbers and words of ours, never what people wrote. `contents` are hashed, each with a salt
    of its own, and not kept; of `why` the words are kept, apart."""

    at: int
    who: str
    what: str
    why: str
    subject: str
    details: dict[str, Any] = {}
    contents: dict[str, bytes] = {}


class Entry(msgspec.Struct, frozen=True):
    """One link of the chain, as it is stored. `at` is ns UTC. `details` and `digests` are JSON objects with sorted names; `digests` are
    SHA-256 in hex of salt and content. `salted` is the SHA-256 of the salts' own text. `previous` and `hash` are SHA-256 in hex."""

    number: int
    at: int
    who: str
    what: str
    subject: str
    details: str
    digests: str
    salted: str
    previous: str
    hash: str


class Words(msgspec.Struct, frozen=True):
    """What stands apart from an entry and may be forgotten: the salts (a JSON object, name → hex) and the words of `why`.
    `forgotten_by` is the number of the entry that tells of it, 0 while they are there."""

    salts: str = "{}"
    why: str = ""
    forgotten_by: int = 0


class Kept(msgspec.Struct, frozen=True):
    """An entry with its words."""

    entry: Entry
    words: Words

    @property
    def number(self) -> int:
        return self.entry.number

    @property
    def at(self) -> int:
        return self.entry.at

    @property
    def who(self) -> str:
        return self.entry.who

    @property
    def what(self) -> str:
        return self.entry.what

    @property
    def why(self) -> str:
        return self.words.why

    @property
    def subject(self) -> str:
        return self.entry.subject

    @property
    def details(self) -> dict[str, Any]:
        told: dict[str, Any] = msgspec.json.decode(self.entry.details)
        return told


class Head(msgspec.Struct, frozen=True):
    """The newest entry of a chain: what an anchor outside of it keeps."""

    number: int = 0
    hash: str = GENESIS


def canonical(value: dict[str, Any]) -> str:
    """JSON without blanks, names sorted: RFC 8785 for what stands in an entry."""
    return _encode(value).decode()


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


def hash_of(entry: Entry) -> str:
    """SHA-256 of a JSON list of texts: the format, then all fields but the hash, in their order."""
    said = [FORMAT, str(entry.number), str(entry.at), *msgspec.structs.astuple(entry)[2:-1]]
    return digest(_encode(said))


def clean(text: str) -> str:
    """Text that every store and every encoding can hold: half of a pair of surrogates becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
