"""How a response says where it ends, and whether it ended there. It knows no connection; llhttp has parsed what is looked at here."""

from typing import Final, NamedTuple

Fields = list[tuple[bytes, bytes]]
# Two line ends, and the byte that ends the line before them.
TAIL_BYTES: Final = 5
LINE_ENDS: Final = b"\r\n"
_WATCHED: Final = frozenset((b"transfer-encoding", b"content-length", b"content-encoding"))


class Framing(NamedTuple):
    """What a head says of its body. `said`: it says a length, or chunks. `wrong` says what is wrong with that; nothing, if it is empty."""

    coding: bytes = b""
    said: bool = False
    chunked: bool = False
    wrong: str = ""


_PLAIN: Final = (Framing(), Framing(said=True))


def read_framing(headers: Fields) -> Framing:
    """The framing of a head whose names are in lower case. A length that is said twice is none (RFC 9112 section 6.3)."""
    lengths = 0
    coding, chunked, wrong = b"", False, ""
    for name, value in headers:
        if name not in _WATCHED:
            continue
        if name == b"content-encoding":
            coding = (coding + b"," if coding else b"") + value.strip().lower()
            continue
        lengths += 1
        if name == b"transfer-encoding":
            chunked = True
            if value.strip().lower() != b"chunked":
                wrong = "its transfer-encoding is not `chunked`"
    if lengths > 1:
        wrong = wrong or "its length is said more than once"
    if chunked or coding or wrong:
        return Framing(coding, lengths > 0, chunked, wrong)
    return _PLAIN[lengths]


def ends_in_line_ends(tail: bytes, data: bytes, parts: list[bytes], framing: Framing, in_body: bool) -> bool:
    """Whether the read that ended a response ends in CRs and LFs that are not part of it: llhttp skips those without a word.

    `tail` is the end of what came before `data`, TAIL_BYTES at least; `parts` is what of `data` is body; `in_body` says that the head
    came before `data`. What is no body ends with a line and an empty one after it, which are found by looking.
    """
    if data[-1] not in LINE_ENDS:
        return False
    if not framing.chunked:
        size = sum([len(part) for part in parts])
        if in_body or size == len(data):
            return size != len(data)
        data = data[: len(data) - size]
    end = (tail + data)[-TAIL_BYTES:]
    return not end.endswith(b"\r\n\r\n") or end[:1] in LINE_ENDS


def tail_of(tail: bytes, data: bytes) -> bytes:
    """The end of all that came, after `data` too."""
    return (tail + data)[-TAIL_BYTES:]
