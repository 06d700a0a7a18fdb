"""Refuses what a browser could be tricked into: a request whose Host is not a name of this server (DNS rebinding)."""

import re
from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from orchvynt.model.faults import Fault
from orchvynt.surfaces.admin.refusals import refusal

HOST_PATTERN: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def host_name(value: str) -> str:
    """The name in a Host header, without its port, in lower case: `[::1]:4822` → `[::1]`. Empty for what is no host."""
    matched = HOST_PATTERN.fullmatch(value.lower())
    return matched.group(1).rstrip(".") if matched else ""


class HostGuard:
    """ASGI middleware. `hosts` are the names that this server is reached by, besides the loopback's; ports do not matter."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._names = (LOOPBACK_NAMES | {host_name(host) for host in hosts}) - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(given) == 1 and host_name(given[0]) in self._names:
            await self._app(scope, receive, send)
            return
        fault = Fault(
            "forbidden",
            "The Host header does not name this server.",
            "Use the address that --admin was given, or a name of the loopback.",
            param="host",
        )
        await refusal(fault)(scope, receive, send)
