"""Whether a body is in chunks exactly as RFC 9112 section 7.1 writes them, for the lists of what we may refuse and h11 accepts."""

import re

FRAMING_IN_TRAILER = re.compile(rb"(?i)\r\n0+[^\r\n]*\r\n(?:[^\r\n]+\r\n)*?(?:transfer-encoding|content-length)[ \t]*:")
"""A trailer that speaks of framing: h11 refuses what such a field says wrongly, and we read no trailer (RFC 9110 section 6.5.1)."""

_LINE_MAX = 1_024
_TRAILERS_MAX = 8_192


def plain_chunks(rest: bytes, body_bytes_max: int) -> bool:
    """`rest` begins with the first chunk. Lines and trailers must be of a size that is read to the end."""
    whole = 0
    while True:
        line = re.match(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n", rest)
        if line is None or len(line.group()) > _LINE_MAX:
            return False
        size, rest = int(line.group(1), 16), rest[line.end() :]
        whole += size
        if whole > body_bytes_max:
            return False
        if not size:
            trailers = re.match(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n", rest)
            if trailers is None or trailers.end() > _TRAILERS_MAX:
                return False
            return all(len(each) < _LINE_MAX for each in trailers.group().split(b"\n"))
        if rest[size : size + 2] != b"\r\n":
            return False
        rest = rest[size + 2 :]
