"""Takes addresses, before what serves on them is loaded and before anything else begins."""

import os
import socket
import sys
from typing import Final, Literal

_ADMIN_BACKLOG: Final = 1024
_DATA_BACKLOG: Final = 4096
_FLAGS: Final = {"admin": "--admin", "data": "--listen"}


def bind(host: str, port: int) -> socket.socket:
    """The admin plane's listening socket. Raises OSError that names the address if it cannot be had."""
    bound = _bound(host, port, "admin")
    bound.listen(_ADMIN_BACKLOG)
    bound.setblocking(False)
    return bound


def bind_for_workers(host: str, port: int, workers: int) -> list[socket.socket]:
    """The data plane's listening sockets, among which the kernel distributes connections: one for each worker, or one for all where it
    does not. Raises OSError that names the address if it cannot be had."""
    first = _bound(host, port, "data")
    if sys.platform != "linux":
        made = [first]
    else:
        # Others that share the port would be let in, too, so it is first had alone.
        port = first.getsockname()[1]
        first.close()
        made = [_bound(host, port, "data", shared=True) for _ in range(workers)]
    for one in made:
        one.listen(_DATA_BACKLOG)
        one.setblocking(False)
    return made


def _bound(host: str, port: int, plane: Literal["admin", "data"], shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise refused(error, plane, host, port) from error
    return bound


def refused(error: OSError, plane: Literal["admin", "data"], host: str, port: int) -> OSError:
    """In words, whoever said it: the system, a resolver of names or an event loop."""
    why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)
    return OSError(
        f"the {plane} plane cannot listen on {host}:{port}: {why}. Stop who has it, or name another address with {_FLAGS[plane]}."
    )
