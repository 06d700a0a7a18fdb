"""One of several workers, as its parent starts it: `python -m orchvynt.assembly.worker DESCRIPTOR`."""

import gc
import socket
import sys

from orchvynt.assembly import serve, settings
from orchvynt.assembly.posts import AtWork
from orchvynt.assembly.worker_line import receive_start


def main(descriptor: int) -> int:
    # As in `main`: `serve` turns it on again.
    gc.disable()
    end = socket.socket(fileno=descriptor)
    start = receive_start(end)
    if start is None:
        return 0
    try:
        return serve.run(start.settings, settings.environment(), AtWork(start, end))
    except settings.WrongUseError as error:
        sys.stderr.write(f"orchvynt serve: {error}\n")
        return serve.EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
