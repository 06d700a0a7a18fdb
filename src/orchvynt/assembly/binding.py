"""Takes the admin plane's address, before its libraries are loaded and before anything else begins."""

import socket


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError that names the address if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"the admin plane cannot listen on {host}:{port}: {error.strerror}") from error
    bound.setblocking(False)
    return bound
