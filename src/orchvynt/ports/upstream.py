"""HTTP to providers. Calls are callbacks, not coroutines: the data path starts no task per invocation."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

FailureKind = Literal["busy", "connect", "tls", "dns", "connect_timeout", "reset", "closed", "malformed", "too_large"]


class UpstreamFailure(msgspec.Struct, frozen=True):
    """Why an exchange ended without a whole response. `busy`: all our connections to the address are in use; the provider is not at fault.

    `bytes_seen` says whether any byte of the response came. `sent` is false when it is certain that the provider cannot
    have read the whole request (no connection was made). `stale` is set when a connection that was used before closed without a
    byte of the response: most likely it was closed already, but the provider may have read the request and run it.
    """

    kind: FailureKind
    message: str
    bytes_seen: bool
    sent: bool
    stale: bool = False


class UpstreamListener(Protocol):
    """Who started an exchange. After `on_end` or `on_failure` nothing more is called; after `cancel()` nothing at all."""

    def on_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """The final head (never a 1xx). Header names are in lower case."""
        ...

    def on_data(self, data: bytes) -> None:
        """A part of the decoded body (content-encoding and chunks are already undone)."""
        ...

    def on_end(self) -> None: ...

    def on_failure(self, failure: UpstreamFailure) -> None: ...


class UpstreamCall(Protocol):
    def cancel(self) -> None:
        """Closes the exchange at once. Idempotent; the listener hears nothing more."""
        ...

    def pause(self) -> None:
        """Stops reading: back-pressure from a slow caller."""
        ...

    def resume(self) -> None: ...


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int
    tls: bool


class Upstream(Protocol):
    def send(
        self,
        address: Address,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        connect_ns: int,
        listener: UpstreamListener,
        shared: tuple[tuple[str, str], ...] = (),
        fresh: bool = False,
    ) -> UpstreamCall:
        """POSTs `body` to an address of the policy. `host`, `content-length` and `accept-encoding` are added here.

        `shared` are headers that many requests have in common; they are encoded once. `fresh` asks for a connection that was not used
        before: whoever met a stale one is not to meet the next.

        Redirects are never followed, and nothing is sent twice. The listener is never called before `send` has returned.
        """
        ...
