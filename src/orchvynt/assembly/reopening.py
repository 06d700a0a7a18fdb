"""A store that was moved elsewhere says so, and is opened again only by somebody who says why: `orchvynt store reopen`.

That it was moved is the newest entry about the store itself in its audit, so it is told, too, when, and that it was opened again.
"""

import asyncio
import shlex
import sys
from pathlib import Path
from typing import Final

import msgspec

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.sqlite.opening import Opened
from orchvynt.assembly.build import open_state
from orchvynt.assembly.refusing import refused
from orchvynt.assembly.settings import StorePlace
from orchvynt.decisions.audit.entries import AuditRow
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.ports.audit import AuditStore
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError
from orchvynt.surfaces.operator_shapes import StoreReopened

SUBJECT: Final = "store"
MOVED: Final = "store.moved"
REOPENED: Final = "store.reopen"
COMMAND: Final = "store reopen"
TELLER: Final = "orchvynt store"


async def note_moved(source: AuditStore, to: str) -> None:
    """At the end of the audit of a store that is left behind. Raises StoreUnavailableError."""
    await source.audit(AuditRow(SystemClock().now(), TELLER, MOVED, f"moved to {to}", SUBJECT, {"to": to}))


async def open_not_moved(place: StorePlace, workers: bool = False) -> Opened:
    """Like `open_state`. Raises StoreUnavailableError also for a store that was left behind."""
    opened = await open_state(place, workers)
    try:
        if found := await _moved(opened.store):
            to, at = found
            raise StoreUnavailableError(
                f"the store {place.shown} was moved to {to} at {at}, and goes on there: name that one. If it is lost for good, "
                f"`orchvynt {COMMAND} {shlex.quote(place.shown)} -m WHY` opens this one again, as it was then."
            )
    except BaseException:
        await opened.store.close()
        raise
    return opened


async def _moved(store: AuditStore) -> tuple[str, str] | None:
    """Where to, and when."""
    for kept in await store.audits(1, subject=SUBJECT):
        if kept.what == MOVED:
            return str(msgspec.json.decode(kept.entry.details)["to"]), instant_text(kept.at)
    return None


def run(place: StorePlace, why: str, json: bool) -> int:
    """Gives the exit code."""
    if place.target is None and not Path(place.path).exists():
        # Opening a store makes one where there is none.
        return refused(COMMAND, f"there is no store {place.shown}.", json)
    try:
        to = asyncio.run(_reopen(place, why))
    except (StoreInUseError, StoreUnavailableError, JournalUnavailableError, OSError) as error:
        return refused(COMMAND, str(error), json)
    if json:
        sys.stdout.write(msgspec.json.encode(StoreReopened(place.shown, to)).decode() + "\n")
    else:
        sys.stdout.write(f"{place.shown} may be served from again. What happened since at {to} is not in it.\n")
    return 0


async def _reopen(place: StorePlace, why: str) -> str:
    opened = await open_state(place)
    try:
        found = await _moved(opened.store)
        if found is None:
            raise StoreUnavailableError(f"the store {place.shown} was not moved. Serve from it.")
        await opened.store.audit(AuditRow(SystemClock().now(), TELLER, REOPENED, why, SUBJECT, {"moved_to": found[0]}))
        return found[0]
    finally:
        await opened.store.close()
