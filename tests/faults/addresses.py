"""Addresses at which no provider answers: one that swallows connections, one that hangs up, and one that nobody should trust."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final

CERTIFICATE: Final = Path(__file__).parents[1] / "contract" / "upstream" / "tls" / "server.pem"


@contextmanager
def black_hole() -> Iterator[int]:
    """A port whose queue of new connections is full, so that a further one never comes about."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = int(hole.getsockname()[1])
        full = [socket.socket() for _ in range(4)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for one in full:
                one.close()


@contextmanager
def _accepting(meet: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port that does one thing with whoever connects, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listening.accept()
                    with caller, suppress(OSError):
                        meet(caller)

        thread = Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            # A thread that waits in accept() is not woken by close().
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def hanging_up() -> AbstractContextManager[int]:
    """A port that accepts connections and closes them at once."""
    return _accepting(lambda caller: None)


def untrusted() -> AbstractContextManager[int]:
    """A port that speaks TLS, for `localhost`, with a certificate of an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def shake_hands(caller: socket.socket) -> None:
        caller.settimeout(5)
        context.wrap_socket(caller, server_side=True).close()

    return _accepting(shake_hands)
