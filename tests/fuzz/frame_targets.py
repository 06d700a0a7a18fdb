"""Fuzz targets: the framing of streams. Server-sent events against the specification and the official SDK, lines against a split."""

import re

from openai._streaming import SSEDecoder
from tests.fuzz.cutting import ways
from tests.fuzz.events_reference import Event, events

from orchvynt.dialects.frames import EventFrames, LineFrames, event_data

_BOM = b"\xef\xbb\xbf"
_BLANK_END = re.compile(rb"(?:\r\n|\n|\r)\r\Z")


def server_sent_events(data: bytes) -> None:
    expected = events(data)
    for way in ways(data):
        cutter = EventFrames()
        frames = [frame for part in way for frame in cutter.feed(part)]
        assert b"".join(frames) + cutter.rest in (data, data.removeprefix(_BOM)), "bytes were lost or added"
        # A CR that nothing follows waits for a line feed; when no more comes it was a line end by itself.
        last = [cutter.rest] if _BLANK_END.search(cutter.rest) else []
        found = [Event(*event_data(frame)) for frame in (*frames, *last)]
        assert [event for event in found if event.data] == expected, f"another reading when it comes as {way}"
    _same_for_the_sdk(data, expected)


def _same_for_the_sdk(data: bytes, expected: list[Event]) -> None:
    """It takes UTF-8 only, knows no byte order mark, and tells events without data too."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return
    if data.startswith(_BOM):
        return
    told = [Event((event.event or "").encode(), event.data.encode()) for event in SSEDecoder().iter_bytes(iter([data]))]
    assert [event for event in told if event.data] == expected


def newline_delimited_lines(data: bytes) -> None:
    *whole, rest = data.split(b"\n")
    expected = [line + b"\n" for line in whole if line.strip()]
    for way in ways(data):
        cutter = LineFrames()
        assert [line for part in way for line in cutter.feed(part)] == expected, f"other lines when it comes as {way}"
        assert cutter.rest == rest
