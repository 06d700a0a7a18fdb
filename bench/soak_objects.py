"""OrchVynt that tells what it holds: `soak_objects.py FILE SECONDS LINES ARGUMENTS…`, the arguments of `orchvynt`.

Every so many seconds a line of JSON goes to FILE: how many objects of each type the collector knows, how many it had to find as they held
one another, and, where LINES is 1, how many bytes each line of the program has allocated and not freed, the most first. That takes half
the speed, and half as much memory again.
"""

import gc
import json
import os
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from orchvynt.assembly.main import main

TOLD_LINES: Final = 60


def counted(objects: Iterable[object]) -> dict[str, int]:
    return dict(Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in objects).most_common(TOLD_LINES))


def tell(path: Path, seconds: float, lines: bool) -> None:
    """Until the process ends."""
    while True:
        time.sleep(seconds)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found_late = counted(gc.garbage)
        gc.set_debug(0)
        gc.garbage.clear()
        gc.collect()
        told: dict[str, object] = {"at": time.time(), "types": counted(gc.get_objects()), "circles": found_late}
        if lines:
            found = tracemalloc.take_snapshot().statistics("lineno")
            told["lines"] = {str(one.traceback): [one.size, one.count] for one in found[:TOLD_LINES]}
        with path.open("a") as file:
            file.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    serving = os.getpid()
    by_line = sys.argv[3] == "1"
    work = threading.Thread(target=tell, args=(Path(sys.argv[1]), float(sys.argv[2]), by_line), daemon=True)

    def begin() -> None:
        """`serve` forks who checks policies before it has a thread: this one begins after that, and only here."""
        if os.getpid() == serving and work.ident is None:
            if by_line:
                tracemalloc.start(1)
            work.start()

    os.register_at_fork(after_in_parent=begin)
    sys.argv = ["orchvynt", *sys.argv[4:]]
    main()
