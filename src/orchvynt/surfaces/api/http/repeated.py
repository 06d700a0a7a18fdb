"""The head that a connection keeps sending: what of it is the same as before is not read again.

Clients repeat their head from request to request. The length of the body differs, and often a few values: an id, a trace, a run. A head
with the same request line and the same names in the same order is the known one with those values, and llhttp need not see it.
"""

import re
from typing import Final

from orchvynt.surfaces.api.http.request import Request

# What a value may hold (RFC 9110 section 5.5); what llhttp says to the rest, and to an empty one, is its own.
_VALUE: Final = re.compile(rb"[\t ]*[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
# Whoever changes these changes where the message ends, or what follows it.
_FRAMING: Final = (b"host", b"transfer-encoding", b"connection", b"expect", b"upgrade")


class KnownHead:
    """`start` and `end` are where the digits of its length stand in `head`; `request` is what was made of it."""

    __slots__ = ("_before", "_behind", "_length_line", "_lines", "_request", "_steady")

    def __init__(self, head: bytes, start: int, end: int, request: Request) -> None:
        self._before = head[:start]
        self._behind = head[end:]
        # A copy, because the request will hold its body.
        self._request = request.again(0)
        # Made when a value differs for the first time: many connections never need them.
        self._lines: list[bytes] = []
        self._length_line = 0
        self._steady: frozenset[bytes] = frozenset()

    def again(self, head: bytes) -> tuple[Request, bytes] | None:
        """The request of a head that repeats this one, and the digits of its length; None where it has to be read like any other."""
        before, behind = self._before, self._behind
        start, end = len(before), len(head) - len(behind)
        if start < end and head.startswith(before) and head.endswith(behind) and (digits := head[start:end]).isdigit():
            return self._request.again(0), digits
        lines, known = head.split(b"\r\n"), self._lines or self._look()
        if len(lines) != len(known):
            return None
        changed: list[tuple[int, bytes]] = []
        for number in [number for number, line in enumerate(lines) if line != known[number]]:
            name, _, value = lines[number].partition(b":")
            if number == 0 or not known[number].startswith(name + b":") or not _VALUE.fullmatch(value):
                return None
            if self._request.headers[number - 1][0] in self._steady:
                return None
            changed.append((number - 1, value.lstrip(b" \t")))
        digits = lines[self._length_line].partition(b":")[2].strip(b" \t")
        return (self._request.varied(changed), digits) if digits.isdigit() else None

    def _look(self) -> list[bytes]:
        """The lines of the known head, and the names whose values must not differ: those that frame the message, and repeated ones."""
        names = [name for name, _ in self._request.headers]
        lines = (self._before + b"0" + self._behind).split(b"\r\n")
        # Behind the fields stand two empty lines. Of a head whose lines end otherwise, nothing is known line by line.
        self._lines = lines if len(lines) == len(names) + 3 else [b""]
        self._length_line = names.index(b"content-length") + 1
        self._steady = frozenset((*_FRAMING, *(name for name in names if names.count(name) > 1)))
        return self._lines
