"""Takes a provider's base_url apart, and refuses what would hide a credential or send a request elsewhere than it says."""

import ipaddress
import re
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import msgspec

DEFAULT_ADDRESSES: Final = MappingProxyType(
    {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com", "ollama": "http://127.0.0.1:11434"}
)
"""Where a provider of a kind is by default, as its vendor's SDK has it. `openai-compatible` has none."""

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """`path_prefix` begins with a slash, or is empty; it never ends with one."""

    host: str
    port: int
    tls: bool
    path_prefix: str

    @property
    def is_loopback(self) -> bool:
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


class AddressError(Exception):
    """Why an address cannot be used; `help` says what to write. The message never quotes the address: it may hold a credential."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


def parse_address(url: str) -> Address:
    """Raises AddressError."""
    if any(char.isspace() or not char.isprintable() for char in url):
        raise AddressError("the address has a space or a control character in it", "Write https://HOST[:PORT][/PATH].")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressError("the address cannot be read", "Write https://HOST[:PORT][/PATH].") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise AddressError("the address must begin with http:// or https://", "Write https://HOST[:PORT][/PATH].")
    if "@" in parts.netloc:
        raise AddressError("the address holds a user or a password", "Remove it; the credential belongs in `api_key`, as a reference.")
    if "?" in url or "#" in url:
        raise AddressError("the address has a query or a fragment", "Remove it; paths are added to the address.")
    if port == 0:
        raise AddressError("port 0 is no port", "Write the port that the provider listens on, or leave it out.")
    if not _PATH.fullmatch(parts.path) or any(step in (".", "..") for step in parts.path.split("/")):
        raise AddressError("the path of the address cannot be used as it is", "Write it percent-encoded, without `.` and `..`.")
    host = _host(parts.hostname or "")
    return Address(host, port or _DEFAULT_PORTS[parts.scheme], parts.scheme == "https", parts.path.rstrip("/"))


def _host(host: str) -> str:
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise AddressError("the address has no valid host", "Write an IPv6 address in brackets: http://[::1]:8080.") from error
    if not _HOST.fullmatch(host):
        raise AddressError("the address has no valid host", "Write https://HOST[:PORT][/PATH], the host in ASCII.")
    return host
