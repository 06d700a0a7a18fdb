"""Run as a process of its own: serves from a store beside others, appends one life that does not end, and waits to be killed.

Arguments: the store (a path, or a URL), the journal's directory, the life's number, and whether it waits until the life is filed. It says
its process's id once all is appended.
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.contract.store import lives

from orchvynt.adapters.postgres.opening import open_store as open_postgres
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.sqlite.opening import Opened, open_store


async def opened_beside_others(store: str, journal: Path) -> Opened:
    if store.startswith("postgresql:"):
        return await open_postgres(target(store), journal, workers=True)
    return await open_store(Path(store), journal, shared=True)


async def main(store: str, journal: Path, number: int, files: bool) -> None:
    opened = await opened_beside_others(store, journal)
    opened.journal.append([lives.received(number), lives.routed(number), lives.placed(number)])
    opened.journal.append([lives.sent(number)])
    if files:
        await opened.store.settled()
    os.write(1, f"{opened.store.process}\n".encode())
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "files"))
