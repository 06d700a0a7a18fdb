"""All records of a store, as batches: what a later step fills its tables from."""

from collections.abc import Iterator
from typing import Final

import msgspec

from orchvynt.adapters.journal.frames import decode_record
from orchvynt.adapters.projection import Batch
from orchvynt.adapters.sqlite.connection import SqliteConnection
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.ports.store import StoreUnavailableError

FRAMES_AT_ONCE: Final = 500


def record_batches(connection: SqliteConnection) -> Iterator[Batch]:
    """In the order in which they were filed. Raises StoreUnavailableError where one cannot be read."""
    rows = connection.execute(QUERIES["all_frames"])
    while bodies := rows.fetchmany(FRAMES_AT_ONCE):
        batch = Batch(0)
        for inv, body in bodies:
            try:
                batch.add(decode_record(bytes(body)), b"")
            except msgspec.MsgspecError as error:
                unknown = f"the record of {inv} holds facts that this build does not know ({error})."
                raise StoreUnavailableError(f"{unknown} Start the build that wrote it, or a newer one.") from None
        yield batch
