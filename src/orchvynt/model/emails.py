"""E-mail addresses as identities: normalised once, here, and compared as they are everywhere else."""

import re
from typing import Final

CHARS_MAX: Final = 254
_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS: Final = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def normalised(text: str) -> str | None:
    """The address in lower case without space around it; None for what is no address (RFC 5321: 64 signs before the `@`, 254 in all).

    ASCII alone: two addresses that look alike must not be two people. A domain with other letters is written as `xn--…`.
    """
    address = text.strip(" \t").lower()
    return address if text.isascii() and len(address) <= CHARS_MAX and _ADDRESS.fullmatch(address) else None
