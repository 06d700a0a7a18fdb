"""Torn tails are harmless; damage in the middle is said, kept, and loses no more than what cannot be read."""

import zlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.journal.conftest import Shelf
from tests.contract.store import lives

from orchvynt.adapters.journal.frames import FRAME_HEAD, HEADER, frame_bytes, header
from orchvynt.adapters.journal.recovery import delete_filed
from orchvynt.adapters.journal.segments import segment_path
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import JournalUnavailableError

FRAMES: list[list[AnyFact]] = [[lives.routed(number)] for number in range(3)]


def written(shelf: Shelf) -> tuple[bytes, list[int]]:
    """The bytes of one segment with FRAMES, and where each frame ends."""
    journal = shelf.journal()
    ends = []
    for frame in FRAMES:
        journal.append(frame)
        ends.append(journal.end[1])
    journal.close()
    return shelf.segments()[0].read_bytes(), ends


def test_a_tail_torn_at_any_byte_loses_only_the_torn_frame_and_appending_goes_on(shelves: Callable[[], Shelf]) -> None:
    whole, ends = written(shelves())
    shelf = shelves()
    path = segment_path(shelf.folder, 1)
    for cut in range(len(whole) + 1):
        for old in shelf.segments():
            old.unlink()
        path.write_bytes(whole[:cut])
        found, recovery = shelf.read()
        count = len([end for end in ends if end <= cut])
        assert found == FRAMES[:count], cut
        good = ([HEADER.size, *ends][count]) if cut >= HEADER.size else 0
        assert (recovery.torn_bytes, recovery.damages) == (cut - good, ()), cut
        journal = shelf.journal(recovery)
        journal.append([lives.received(9)])
        journal.close()
        assert shelf.read()[0] == [*FRAMES[:count], [lives.received(9)]], cut


@pytest.mark.parametrize("size", [1, 7, 8, 100, 4096, 1_000_000])
def test_a_tail_of_zeros_is_torn_too(shelf: Shelf, size: int) -> None:
    whole, _ = written(shelf)
    shelf.segments()[0].write_bytes(whole + bytes(size))
    found, recovery = shelf.read()
    assert found == FRAMES
    assert (recovery.torn_bytes, recovery.damages) == (size, ())
    assert shelf.segments()[0].stat().st_size == len(whole)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_costs_one_frame_and_is_never_taken_for_a_fact(shelves: Callable[[], Shelf], data: st.DataObject) -> None:
    shelf = shelves()
    whole, ends = written(shelf)
    at = data.draw(st.integers(HEADER.size, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= data.draw(st.integers(1, 255))
    path = shelf.segments()[0]
    path.write_bytes(flipped)
    hit = next(index for index, end in enumerate(ends) if at < end)
    found, recovery = shelf.read()
    assert found == [frame for index, frame in enumerate(FRAMES) if index != hit]
    if hit == len(FRAMES) - 1:
        assert (recovery.damages, path.stat().st_size) == ((), ends[hit - 1])
        return
    (damage,) = recovery.damages
    start = [HEADER.size, *ends][hit]
    assert (damage.offset, damage.lost_bytes) == (start, ends[hit] - start)
    assert str(start) in damage.text
    assert damage.kept_as in damage.text
    # What is filed may be deleted; the damaged segment stays under its other name, and appending goes on in a new one.
    assert recovery.append_at is None
    journal = shelf.journal(recovery)
    delete_filed(shelf.folder, journal.end)
    assert not path.exists()
    assert path.with_suffix(".damaged").read_bytes() == flipped
    journal.close()


def test_a_bad_end_of_an_earlier_segment_is_damage_not_a_torn_tail(shelf: Shelf) -> None:
    journal = shelf.journal(segment_bytes=700)
    frames: list[list[AnyFact]] = [[lives.received(number)] for number in range(3)]
    for frame in frames:
        journal.append(frame)
    journal.close()
    first = shelf.segments()[0]
    first.write_bytes(first.read_bytes()[:-1])
    found, recovery = shelf.read()
    assert found == frames[1:]
    assert [damage.segment for damage in recovery.damages] == [str(first)]
    assert recovery.append_at == journal.end


def test_a_segment_whose_header_is_damaged_is_kept_and_said(shelf: Shelf) -> None:
    whole, _ = written(shelf)
    shelf.segments()[0].write_bytes(b"X" + whole[1:])
    found, recovery = shelf.read()
    assert found == []
    assert [(damage.offset, damage.lost_bytes) for damage in recovery.damages] == [(0, len(whole))]
    assert (recovery.append_at, recovery.next_segment) == (None, 2)


def test_text_that_looks_like_a_frame_is_not_one_under_another_seed() -> None:
    payload = b'[{"fact":"routed","inv":"forged","at":1,"rule":"r","candidates":[]}]'
    assert frame_bytes(payload, 1) != frame_bytes(payload, 2)
    assert frame_bytes(payload, 0)[:8] == FRAME_HEAD.pack(len(payload), zlib.crc32(payload))


def test_facts_of_a_newer_build_refuse_the_start_and_stay(shelf: Shelf) -> None:
    seed = 77
    payload = b'[{"fact":"model_dreamed","inv":"inv_1","at":1}]'
    content = header(seed) + frame_bytes(payload, seed)
    path = segment_path(shelf.folder, 1)
    path.write_bytes(content)
    with pytest.raises(JournalUnavailableError, match=r"model_dreamed.*newer"):
        shelf.read()
    assert path.read_bytes() == content


def test_a_format_of_a_newer_build_refuses_the_start(shelf: Shelf) -> None:
    whole, _ = written(shelf)
    shelf.segments()[0].write_bytes(HEADER.pack(b"OVFACTS\n", 2, 5) + whole[HEADER.size :])
    with pytest.raises(JournalUnavailableError, match="format 2"):
        shelf.read()


def test_a_journal_that_ends_before_what_is_filed_is_said_and_never_written_below_it(shelf: Shelf) -> None:
    whole, _ = written(shelf)
    found, recovery = shelf.read((1, len(whole) + 50))
    assert (found, recovery.missing, recovery.append_at, recovery.next_segment) == ([], True, None, 2)
    found, recovery = shelf.read((7, 100))
    assert (found, recovery.missing, recovery.append_at, recovery.next_segment) == ([], True, None, 8)
