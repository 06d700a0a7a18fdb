"""What is appended is in the file, whole, or not at all."""

import os
import signal
import stat
import subprocess
import sys
from typing import cast

import pytest
from tests.contract.journal.conftest import Shelf
from tests.contract.store import lives

from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.file import FileJournal
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import JournalUnavailableError


def test_appends_are_read_back_in_order_from_any_position(shelf: Shelf) -> None:
    journal = shelf.journal()
    frames = [frame for number in range(6) for frame in lives.life(number)]
    ends = []
    for frame in frames:
        journal.append(frame)
        ends.append(journal.end)
    found, recovery = shelf.read()
    assert found == frames
    assert (recovery.torn_bytes, recovery.damages, recovery.missing, recovery.append_at) == (0, (), False, journal.end)
    for count, end in enumerate(ends, 1):
        assert shelf.read(end)[0] == frames[count:]
    journal.close()


def test_files_are_private_and_carry_their_format(shelf: Shelf) -> None:
    shelf.journal().close()
    (segment,) = shelf.segments()
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    assert segment.read_bytes()[:12] == b"OVFACTS\n\x01\x00\x00\x00"


def test_one_append_is_in_the_file_when_it_returns(shelf: Shelf) -> None:
    journal = shelf.journal()
    (segment,) = shelf.segments()
    before = segment.stat().st_size
    journal.append([lives.received(1)])
    assert segment.stat().st_size == journal.end[1] > before
    assert journal.size_bytes() == journal.end[1]
    journal.close()
    with pytest.raises(JournalUnavailableError):
        journal.append([lives.received(2)])


def test_segments_rotate_and_a_frame_larger_than_a_segment_still_fits(shelf: Shelf) -> None:
    journal = shelf.journal(segment_bytes=2000)
    frames: list[list[AnyFact]] = [[lives.received(number)] for number in range(9)]
    frames.insert(4, [lives.opened(4, b"s" * 5000)])
    for frame in frames:
        journal.append(frame)
    journal.close()
    assert len(shelf.segments()) >= 4
    assert all(path.stat().st_size <= 2000 or path.stat().st_size > 5000 for path in shelf.segments())
    assert shelf.read()[0] == frames


def test_several_records_are_a_frame_each_in_one_segment(shelf: Shelf) -> None:
    journal = shelf.journal(segment_bytes=2000)
    groups: list[list[list[AnyFact]]] = [[[lives.received(10 * group + number)] for number in range(1 + group)] for group in range(4)]
    ends = []
    for group in groups:
        journal.append_all(group)
        ends.append(journal.end)
    journal.close()
    frames = [frame for group in groups for frame in group]
    assert shelf.read()[0] == frames
    for count, end in zip((1, 3, 6, 10), ends, strict=True):
        assert shelf.read(end)[0] == frames[count:]


def test_of_several_records_either_all_or_none_are_written(shelf: Shelf) -> None:
    journal = shelf.journal()
    journal.append([lives.received(1)])
    end = journal.end
    with pytest.raises(JournalUnavailableError, match="defect"):
        journal.append_all([[lives.received(2)], [lives.opened(3, cast("bytes", object()))]])
    assert journal.end == end
    journal.append_all([[lives.received(4)], [lives.received(5)]])
    journal.close()
    assert shelf.read()[0] == [[lives.received(number)] for number in (1, 4, 5)]


def test_of_a_torn_group_the_whole_frames_are_kept(shelf: Shelf) -> None:
    journal = shelf.journal()
    journal.append_all([[lives.received(number)] for number in range(3)])
    journal.close()
    (segment,) = shelf.segments()
    os.truncate(segment, segment.stat().st_size - 1)
    found, recovery = shelf.read()
    assert found == [[lives.received(0)], [lives.received(1)]]
    assert recovery.torn_bytes > 0
    assert recovery.damages == ()


def test_power_sync_appends_the_same(shelf: Shelf) -> None:
    journal = FileJournal(shelf.folder, None, Feed(10, 1000), sync="power", segment_bytes=900)
    for number in range(3):
        journal.append([lives.received(number)])
    journal.close()
    assert shelf.read()[0] == [[lives.received(number)] for number in range(3)]


def test_a_queue_that_is_full_leaves_out_and_never_blocks(shelf: Shelf) -> None:
    feed = Feed(2, 1 << 20)
    journal = shelf.journal(feed=feed)
    for number in range(5):
        journal.append([lives.received(number)])
    journal.close()
    assert len(feed) == 2
    assert len(shelf.read()[0]) == 5


def test_a_journal_is_not_appended_to_behind_a_torn_tail(shelf: Shelf) -> None:
    journal = shelf.journal()
    journal.append([lives.received(1)])
    end = journal.end
    journal.close()
    with shelf.segments()[0].open("ab") as file:
        file.write(b"torn")
    with pytest.raises(JournalUnavailableError, match="not recovered"):
        FileJournal(shelf.folder, end, Feed(1, 1))


_FULL_DISK = """
import resource, sys
from pathlib import Path
from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.file import FileJournal
from orchvynt.model.facts import AnyFact
from orchvynt.ports.journal import JournalUnavailableError
from tests.contract.store import lives

journal = FileJournal(Path(sys.argv[1]), None, Feed(10, 10))
journal.append([lives.received(0)])
limit = journal.end[1] + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for number in (1, 2):
    try:
        journal.append([lives.received(number)])
    except JournalUnavailableError as error:
        assert "File too large" in str(error), error
        assert "key_1" not in str(error)
    else:
        raise AssertionError("the append went through")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append([lives.received(3)])
"""


@pytest.mark.parametrize("room", [0, 1, 7, 8, 100])
def test_when_the_file_can_grow_no_more_nothing_is_half_written_and_it_recovers(shelf: Shelf, room: int) -> None:
    """`room` bytes fit before the write fails: a partial write has to be taken back."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", _FULL_DISK, str(shelf.folder), str(room)], check=True, env=environment, timeout=30)
    found, recovery = shelf.read()
    assert found == [[lives.received(0)], [lives.received(3)]]
    assert recovery.torn_bytes == 0
