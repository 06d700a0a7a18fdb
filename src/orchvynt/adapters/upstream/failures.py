"""Foreign exceptions of a connection attempt, mapped once, here, by a table. Messages name the address, never what was sent."""

import socket
import ssl
from typing import Final

from orchvynt.ports.upstream import Address, FailureKind, UpstreamFailure

# The first class that fits decides: most are OSErrors, so the order matters.
_KINDS: Final[tuple[tuple[type[Exception], FailureKind, str], ...]] = (
    (socket.gaierror, "dns", "the name cannot be resolved"),
    (UnicodeError, "dns", "the name is not a host name"),
    (ssl.SSLCertVerificationError, "tls", "the certificate is not valid for it"),
    (ssl.SSLError, "tls", "the TLS handshake failed"),
    (TimeoutError, "connect_timeout", "it did not answer in time"),
    (ConnectionRefusedError, "connect", "it refuses connections"),
    (OSError, "connect", "it cannot be reached"),
)

CONNECT_ERRORS: Final = (OSError, UnicodeError)


def place(address: Address) -> str:
    """`HOST:PORT`, with brackets where IPv6 needs them."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def connect_failure(error: Exception, address: Address, sent: bool) -> UpstreamFailure:
    kind, what = next((kind, what) for cls, kind, what in _KINDS if isinstance(error, cls))
    if kind == "connect" and address.tls and isinstance(error, ConnectionResetError | ConnectionAbortedError):
        kind, what = "tls", "it closed the connection in the TLS handshake"
    return UpstreamFailure(kind, f"{place(address)}: {what} ({_detail(error)}).", bytes_seen=False, sent=sent)


def connect_timeout(address: Address, connect_ns: int, sent: bool) -> UpstreamFailure:
    return UpstreamFailure("connect_timeout", f"{place(address)}: no connection within {connect_ns // 1_000_000} ms.", False, sent)


def no_place(address: Address, connect_ns: int, sent: bool) -> UpstreamFailure:
    what = f"{place(address)}: all connections were in use for {connect_ns // 1_000_000} ms."
    return UpstreamFailure("busy", what, bytes_seen=False, sent=sent)


def _detail(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
