"""Who waits for a review that is read from the store: what its row says, and what holds where it says nothing."""

import msgspec
import pytest

from orchvynt.ports.parked import ParkedRow, ParkedTerms
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_rows import Reading

ME, OTHER = "prc_me", "prc_other"
OPENED, LEFT, START = 100, 200, 1_000
TERMS = ParkedTerms((), False, 1, False, "", "output")


def row(owner: str, waits_at: str, left_at: int) -> ParkedRow:
    kept = ParkedRow("rev_1", "inv_1", "gate", "open", OPENED, 0, "", "key", "place", 0, 0, False, "", 0, (), (), 0, TERMS, 3_600, left_at)
    return msgspec.structs.replace(kept, waits_at=waits_at, owner=owner)


@pytest.mark.parametrize(
    ("owner", "waits_at", "left_at", "at_start", "followed"),
    [
        (ME, ME, 0, START, None),
        (OTHER, OTHER, 0, None, None),
        (OTHER, "", LEFT, LEFT, LEFT),
        # An upgraded store: who waited was not noted then, and waits at no process of today.
        (ME, "", 0, START, OPENED),
        (OTHER, "", 0, OPENED, OPENED),
    ],
)
def test_since_when_nobody_waits(owner: str, waits_at: str, left_at: int, at_start: int | None, followed: int | None) -> None:
    read = row(owner, waits_at, left_at)
    for cut_off_at, wanted in ((START, at_start), (None, followed)):
        (one,) = Reading(Parked(), ME, cut_off_at).ones([read])
        assert one.left_at == wanted, cut_off_at
        assert one.waits_at == (waits_at if waits_at != ME else "")
