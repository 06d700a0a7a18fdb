"""A relay in front of a server's port that can cut a connection: before a message reaches the server, or before its answer comes."""

import socket
import threading
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

When = Literal["before", "behind"]


class Relay:
    """While `cut` is set, who next sends `word` (empty: anything) is cut off: the server never sees it (`before`), or nobody its answer
    (`behind`). Who comes while no server listens at the port `target` is hung up on."""

    def __init__(self, port: int, word: bytes) -> None:
        self.target = port
        self.word = word
        self.cut: When | None = None
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    client.close()
                    continue
                deaf = threading.Event()
                threading.Thread(target=self._pass_on, args=(client, server, deaf), daemon=True).start()
                threading.Thread(target=self._pass_back, args=(server, client, deaf), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self.cut is not None and self.word in data:
                    when, self.cut = self.cut, None
                    self.cuts += 1
                    if when == "before":
                        break
                    deaf.set()
                server.sendall(data)
                if deaf.is_set():
                    # The server does what it was told; its answer ends here.
                    return
        _end(client, server)

    def _pass_back(self, server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if deaf.is_set():
                    break
                client.sendall(data)
        _end(client, server)


def relayed(url: str, relay: Relay) -> str:
    """The URL of a PostgreSQL, by way of the relay."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"postgres@127.0.0.1:{relay.port}").geturl()


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
