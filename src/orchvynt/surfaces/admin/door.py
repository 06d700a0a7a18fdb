"""What stands at the door of the admin plane: how often somebody may try, the cookies, the identity provider, and the codes that the
command line is let in by."""

import hashlib
import ipaddress
import secrets
from base64 import urlsafe_b64encode
from typing import Final, NamedTuple

from orchvynt.decisions.people.throttle import SECOND, Tries
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.ports.people import How
from orchvynt.surfaces.admin.cookies import Jar

CODES_MAX: Final = 1_000
CODE_NS: Final = 60 * SECOND
NO_ADDRESS: Final = "(not an address)"


class Code(NamedTuple):
    """A command line that a person let in: who, how they had logged in, their groups at the provider, and the challenge it is bound to."""

    email: str
    how: How
    groups: tuple[str, ...]
    challenge: str
    until: int


class Door:
    """Of one process. `url` is what browsers call this server, empty where only its own machine does."""

    def __init__(self, clock: Clock, url: str = "") -> None:
        self.url = url.rstrip("/")
        self.jar = Jar(secure=url.startswith("https://"))
        self._clock = clock
        self._tries = Tries()
        self._codes: dict[str, Code] = {}

    def knock(self, address: str, account: str = "") -> Fault | None:
        """One try, of an account where a guess could be right. A Fault says how long to wait; it is the same whether there is such an
        account or not."""
        wait = self._tries.take(account, network(address), self._clock.monotonic())
        if not wait:
            return None
        seconds = max(1, -(-wait // SECOND))
        return Fault(
            "rate_limited", "There were too many tries to log in.", f"Wait {seconds} s, then try again.", retry_after_seconds=seconds
        )

    def welcome(self, address: str, account: str = "") -> None:
        """The try was a right one, and is not counted."""
        self._tries.right(account, network(address))

    def let_in(self, email: str, how: How, groups: tuple[str, ...], challenge: str) -> str | Fault:
        """A code for the command line that made the challenge, for a minute and once."""
        now = self._clock.monotonic()
        self._codes = {code: kept for code, kept in self._codes.items() if kept.until > now}
        if len(self._codes) >= CODES_MAX:
            return Fault("overloaded", "Too many command lines are logging in.", "Try again in a minute.", retry_after_seconds=60)
        code = secrets.token_urlsafe(32)
        self._codes[_digest(code)] = Code(email, how, groups, challenge, now + CODE_NS)
        return code

    def redeem(self, code: str, verifier: str) -> Code | None:
        """Whom the code is for. It is used up, whatever comes of it."""
        kept = self._codes.pop(_digest(code), None)
        fits = kept is not None and kept.until > self._clock.monotonic() and secrets.compare_digest(kept.challenge, challenge_of(verifier))
        return kept if fits else None


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636: what is shown beforehand of a secret that is shown later."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()).rstrip(b"=").decode()


def network(address: str) -> str:
    """The address that tries are counted for: one of IPv4, or the network of 64 bits that one of IPv6 chooses its own from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return NO_ADDRESS
    if parsed.version == 6 and (mapped := parsed.ipv4_mapped) is not None:
        return str(mapped)
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
