"""Splitting a byte stream into events or lines: the same frames under any split, bounded in size."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import cut_up, cuts

from orchvynt.dialects.frames import FRAME_BYTES_MAX, EventFrames, FrameTooLargeError, LineFrames, event_data, is_event_stream

# Dense in line ends, so that every confusion of CR, LF and CRLF comes up.
line_soup = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"data: x", b"data:y", b": c", b"event: e", b"\xc3\xa9"]), max_size=24).map(
    b"".join
)


def meanings(frames: list[bytes]) -> list[tuple[bytes, bytes]]:
    return [told for told in map(event_data, frames) if told != (b"", b"")]


@given(data=line_soup, places=cuts)
@settings(max_examples=400)
def test_any_split_gives_the_same_events_and_loses_no_byte(data: bytes, places: list[int]) -> None:
    whole, parts = EventFrames(), EventFrames()
    at_once = whole.feed(data)
    in_parts = [frame for part in cut_up(data, places) for frame in parts.feed(part)]
    assert meanings(in_parts) == meanings(at_once)
    assert b"".join(in_parts) + parts.rest == data
    assert b"".join(at_once) + whole.rest == data


@given(data=line_soup, places=cuts)
def test_a_byte_order_mark_is_taken_off_the_beginning_and_nowhere_else(data: bytes, places: list[int]) -> None:
    marked, plain = EventFrames(), EventFrames()
    frames = [frame for part in cut_up(b"\xef\xbb\xbf" + data, places) for frame in marked.feed(part)]
    assert meanings(frames) == meanings(plain.feed(data))
    assert b"".join(frames) + marked.rest == data
    assert meanings(EventFrames().feed(b"data: a\n\n\xef\xbb\xbfdata: b\n\n")) == [(b"", b"a")]


@given(data=line_soup, places=cuts)
def test_any_split_gives_the_same_lines(data: bytes, places: list[int]) -> None:
    whole, parts = LineFrames(), LineFrames()
    assert [line for part in cut_up(data, places) for line in parts.feed(part)] == whole.feed(data)
    assert parts.rest == whole.rest


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_frames_come_as_soon_as_their_blank_line_is_there(line_end: bytes) -> None:
    frames = EventFrames()
    assert frames.feed(b"data: a" + line_end) == []
    assert meanings(frames.feed(line_end)) == [(b"", b"a")]


def test_a_line_feed_that_completes_a_cr_is_a_frame_without_meaning() -> None:
    frames = EventFrames()
    assert frames.feed(b"data: a\r\r") == [b"data: a\r\r"]
    assert frames.feed(b"\ndata: b\r\n\r\n") == [b"\n", b"data: b\r\n\r\n"]


def test_a_cr_after_a_crlf_waits_for_its_line_feed() -> None:
    """Without it a frame would be no frame for whoever knows LF and CRLF only, and what comes after a rescue would be a part of it."""
    frames = EventFrames()
    assert frames.feed(b"data: a\r\n\r") == []
    assert frames.feed(b"\ndata: b\r\n\r") == [b"data: a\r\n\r\n"]
    assert frames.rest == b"data: b\r\n\r"
    assert frames.feed(b"data: c\r\n\r\n") == [b"data: b\r\n\r", b"data: c\r\n\r\n"]


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (b"data: a\n\n", (b"", b"a")),
        (b"data:a\n\n", (b"", b"a")),
        (b"data:  a\n\n", (b"", b" a")),
        (b"event: error\ndata: a\n\n", (b"error", b"a")),
        (b"data: a\ndata: b\n\n", (b"", b"a\nb")),
        (b"id: 1\r\nevent: x\r\ndata: a\r\n\r\n", (b"x", b"a")),
        (b": comment\n\n", (b"", b"")),
        (b"data\n\n", (b"", b"")),
        (b"\xef\xbb\xbfdata: a\n\n", (b"", b"")),
        (b"\n\n", (b"", b"")),
    ],
)
def test_event_data(frame: bytes, told: tuple[bytes, bytes]) -> None:
    assert event_data(frame) == told


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_frame_larger_than_the_bound_is_an_error(pieces: int) -> None:
    frame = b"data: " + b"x" * FRAME_BYTES_MAX + b"\n\n"
    frames, lines = EventFrames(), LineFrames()
    step = len(frame) // pieces + 1
    parts = [frame[start : start + step] for start in range(0, len(frame), step)]
    for one in (frames, lines):
        with pytest.raises(FrameTooLargeError):
            list(map(one.feed, parts))


def test_a_large_frame_in_small_parts_is_put_together() -> None:
    frame = b"data: " + b"x" * 300_000 + b"\n\n"
    frames = EventFrames()
    got = [whole for start in range(0, len(frame), 50) for whole in frames.feed(frame[start : start + 50])]
    assert got == [frame]


@pytest.mark.parametrize(
    ("start", "verdict"),
    [
        (b"", None),
        (b"da", None),
        (b"data", None),
        (b"\xef", None),
        (b"\n", None),
        (b"data:", True),
        (b"event: x", True),
        (b": ping", True),
        (b"id:1", True),
        (b"retry: 5", True),
        (b"data\n", True),
        (b"\xef\xbb\xbfdata:", True),
        (b"{", False),
        (b"<html>", False),
        (b"database: x", False),
        (b"Internal", False),
    ],
)
def test_what_can_be_an_event_stream(start: bytes, verdict: bool | None) -> None:
    assert is_event_stream(start) is verdict


LONE = (b"data: {}\n\n", b"data: a\rb\n\n", b"data: \n\n", b"data: x\n", b"data: x\ndata: y\n\n", b": c\n\n", b"\n\n")


@given(st.sampled_from(LONE), st.sampled_from([b"", b"d", b"data: x\n", b"data: x\r\r"]))
def test_a_lone_event_is_what_the_general_way_makes_of_it(frame: bytes, before: bytes) -> None:
    frames = EventFrames()
    frames.feed(before)
    event = frames.lone(frame)
    assert (event != b"") is (frame == LONE[0] and not before)
    if event:
        assert frames.feed(frame) == [frame]
        assert event_data(frame) == (b"", event)
