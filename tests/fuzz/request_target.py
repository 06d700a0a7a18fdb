"""Fuzz target: bytes of a caller to the server's connection. One message has one reading, h11's, or it is refused."""

from itertools import zip_longest

from tests.fuzz.chunks_reference import FRAMING_IN_TRAILER
from tests.fuzz.cutting import ways
from tests.fuzz.request_reference import STRICTER, Read, place, read_all
from tests.fuzz.requests import Outcome, Seen, serve


def http_requests(data: bytes) -> None:
    parts = ways(data)
    first = serve(parts[0], late=False)
    for way in parts:
        for late in (False, True):
            assert serve(way, late) == first, f"another reading when it comes as {way}, late={late}"
    assert first.answered == len(first.seen), "one request, one answer"
    _compare(first, data)


def _compare(ours: Outcome, data: bytes) -> None:
    theirs = read_all(data)
    for seen, read in zip_longest(ours.seen, theirs.requests):
        if seen is None:
            assert not read.whole or _reasons(read), f"h11 accepts {read}; we say {ours.refusal or 'nothing'}"
            assert not read.whole or ours.refusal, "neither read nor refused"
            return
        assert read is not None, f"h11 does not accept {seen}"
        if not read.whole and FRAMING_IN_TRAILER.search(read.raw):
            return
        assert read.whole, f"for h11 this is not whole: {seen}"
        _same(seen, read)
    # Half of an empty line is no message yet.
    assert ours.closed or not theirs.refused or theirs.rest == b"\r", "h11 refuses what follows, and we wait for more"


def _reasons(read: Read) -> list[str]:
    return [what for what, applies in STRICTER.items() if applies(read)]


def _same(seen: Seen, read: Read) -> None:
    """What we accept is none of what the list calls ambiguous, and is what h11 read."""
    assert _reasons(read) == [], f"accepted, although it is {_reasons(read)}"
    assert seen.method == read.method.decode()
    assert (seen.path, seen.query) == place(read.target)
    assert seen.http_1_0 == (read.version == b"1.0")
    assert [name for name, _ in seen.headers] == [name for name, _ in read.headers]
    # A head that its client repeats is read once, whatever the length of the body that follows it.
    loose = (b"transfer-encoding", b"content-length")
    assert all(ours == theirs or name in loose for (name, ours), (_, theirs) in zip(seen.headers, read.headers, strict=True))
    assert seen.body == read.body
    assert seen.keep_alive == read.keep_alive
