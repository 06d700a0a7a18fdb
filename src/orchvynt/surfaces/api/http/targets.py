"""The request target: which forms are accepted, and how a path is decoded without changing what it names."""

import re
from typing import Final

from orchvynt.surfaces.api.http.refusals import bad_framing

_ABSOLUTE: Final = re.compile(r"https?://[A-Za-z0-9.\-_:\[\]]+(?=[/?]|$)", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
# RFC 3986 pchar, "/" and "?"; besides `[]|^{}` and quotes, which clients do send unescaped. Never blanks, controls, `#`, `\`, `<` or `>`.
_TARGET: Final = re.compile(r"[!\"$-;=?-\[\]-~]*")
_KEPT: Final = frozenset(b"/")


def read_target(target: bytes) -> tuple[str, str]:
    """Path and query of an origin-form or absolute-form target (RFC 9112 section 3.2). Raises RefusedError for everything else."""
    text = target.decode("latin-1")
    if not _TARGET.fullmatch(text):
        raise bad_framing("the request target holds a character that must be percent-encoded")
    if not text.startswith("/"):
        absolute = _ABSOLUTE.match(text)
        if absolute is None:
            raise bad_framing("the request target must be a path that begins with `/`")
        text = text[absolute.end() :]
        if not text.startswith("/"):
            text = f"/{text}"
    path, _, query = text.partition("?")
    if "%" in path:
        path = _decode(path)
    if "/." in path and any(part in (".", "..") for part in path.split("/")):
        raise bad_framing("the path holds `.` or `..` segments")
    return path, query


def _decode(path: str) -> str:
    """Percent-decoding as UTF-8. An encoded slash stays encoded, so that it cannot become a separator."""
    out = bytearray()
    at = 0
    for escape in _ESCAPE.finditer(path):
        digits = escape.group(1)
        if digits is None:
            raise bad_framing("the path holds a `%` without two hexadecimal digits")
        byte = int(digits, 16)
        if byte < 0x20 or byte == 0x7F:
            raise bad_framing("the path holds an encoded control character")
        out += path[at : escape.start()].encode("latin-1")
        out += b"%2F" if byte in _KEPT else bytes((byte,))
        at = escape.end()
    out += path[at:].encode("latin-1")
    try:
        return out.decode()
    except UnicodeDecodeError:
        raise bad_framing("the path's escapes are not UTF-8") from None
