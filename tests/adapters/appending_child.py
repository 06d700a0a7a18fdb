"""Run as a process of its own: appends lives to a store until it is killed, and says after each append how far it is.

Arguments: folder, number of the first life. Each line on stdout is the count of frames that `append` has returned for.
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.contract.store import lives

from orchvynt.adapters.sqlite.opening import StoreLimits, open_store


async def main(folder: Path, first: int) -> None:
    # Small segments and a short queue, so that a kill also meets rotation, deletion and re-reading.
    opened = await open_store(folder / "store.db", folder / "journal", limits=StoreLimits(segment_bytes=40_000, feed_frames=50))
    count, number = 0, first
    while True:
        for frame in lives.life(number):
            opened.journal.append(frame)
            count += 1
            os.write(1, b"%d\n" % count)
        number += 1
        if number % 7 == 0:
            await asyncio.sleep(0.002)
        if number % 90 == 0:
            await opened.store.settled()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
