"""Keeps changes of the policy that wait for people. A part of the embedded store."""

import msgspec

from orchvynt.adapters.sql import Reading
from orchvynt.ports.changes import ChangeRow

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ChangeRow).decode


def change_values(row: ChangeRow) -> tuple[str, int, int, int, str, bytes]:
    """The columns of `add_change`."""
    return row.change, row.at, int(row.status == "open"), row.revision, row.yaml, _encode(msgspec.structs.replace(row, yaml=""))


async def read_change(reader: Reading, change: str) -> ChangeRow | None:
    rows = await reader.rows("change", change)
    return msgspec.structs.replace(_decode(rows[0][0]), yaml=rows[0][1]) if rows else None


async def read_changes(reader: Reading, only_open: bool) -> list[ChangeRow]:
    return [_decode(row[0]) for row in await reader.rows("open_changes" if only_open else "all_changes")]
