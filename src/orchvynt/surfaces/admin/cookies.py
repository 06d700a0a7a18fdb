"""The cookies of the admin plane: their names, how they are set and taken away, and how one is read. All are HttpOnly and of no other host.

`SameSite=Lax` and not `Strict`: the identity provider, and links in messages, bring people here from elsewhere, by GET, which changes
nothing. What changes something needs a token beside the cookie.
"""

import hashlib
import hmac
from typing import Final, Literal

import msgspec

Name = Literal["session", "form", "oidc"]

CSRF_HEADER: Final = "x-orchvynt-csrf"
VALUE_CHARS_MAX: Final = 4_096


class Jar(msgspec.Struct, frozen=True):
    """`secure` where browsers reach this server over TLS: then the cookies never travel without, and belong to this host alone."""

    secure: bool

    def name(self, name: Name) -> str:
        return f"{'__Host-' if self.secure else ''}orchvynt-{name}"

    def set(self, name: Name, value: str, seconds: int) -> str:
        """A Set-Cookie header. `seconds` 0: as long as the browser is open."""
        lasting = f"; Max-Age={seconds}" if seconds else ""
        return f"{self.name(name)}={value}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if self.secure else ''}{lasting}"

    def clear(self, name: Name) -> str:
        return f"{self.name(name)}=; Path=/; HttpOnly; SameSite=Lax{'; Secure' if self.secure else ''}; Max-Age=0"

    def read(self, header: str, name: Name) -> str:
        """The value of the first cookie of this name in a Cookie header; empty if there is none, or a giant one."""
        wanted = self.name(name)
        for part in header.split(";"):
            key, _, value = part.strip().partition("=")
            if key == wanted and len(value) <= VALUE_CHARS_MAX:
                return value
        return ""


def csrf_token(session_id: str) -> str:
    """What goes with each change that a session's cookie makes. It tells nothing about the id."""
    return hashlib.sha256(f"orchvynt csrf {session_id}".encode("utf-8", "surrogatepass")).hexdigest()


def equal(one: str, other: str) -> bool:
    """Takes as long wherever they differ. Two empty texts are not equal."""
    return bool(one) and hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
