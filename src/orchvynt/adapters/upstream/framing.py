"""How a response says where it ends, and whether it ended there. It knows no connection; llhttp has parsed what is looked at here."""

from typing import Final, NamedTuple

Fields = list[tuple[bytes, bytes]]
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


def ends_in_line_ends(data: bytes, parts: list[bytes], chunked: bool) -> bool:
    """Whether the read that ended a response may end in CRs and LFs that are not part of it: llhttp skips those without a word.

    What is no body must end with a line and an empty one after it. A read that does not show both is doubted: it costs a connection.
    """
    if data[-1] not in b"\r\n":
        return False
    if not chunked and parts:
        data = data[: len(data) - sum([len(part) for part in parts])]
        if not data:
            return False
    return not data.endswith(b"\r\n\r\n") or data[-5:-4] in (b"", b"\n", b"\r")
