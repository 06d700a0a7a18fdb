"""A head that repeats the one before it is not parsed again: what comes of it must be what a fresh connection makes of it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.messages import MessageReader
from orchvynt.surfaces.api.http.refusals import RefusedError
from orchvynt.surfaces.api.http.request import Request

PEER = "127.0.0.1:9"
LIMITS = Limits(body_bytes_max=64)
HEADS = (
    b"POST /v1/a HTTP/1.1\r\nHost: h\r\nContent-Length: %b\r\nX-A: 1\r\n\r\n",
    b"POST /v1/a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\ncontent-length:%b\r\n\r\n",
    b"POST /v1/b?c=d HTTP/1.1\r\nHost: h\r\nX-Note: \tcontent-length: 5\r\nContent-Length:  %b \r\n\r\n",
    b"POST /v1/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %b\r\n\r\n",
    b"PUT /v1/a HTTP/1.0\r\nContent-Length: %b\r\nConnection: keep-alive\r\n\r\n",
)
LENGTHS = st.one_of(
    st.integers(0, 70).map(lambda number: b"%d" % number), st.sampled_from([b"", b"-1", b"+3", b"07", b"9" * 19, b"1 2", b"3\r\nX: y"])
)
ASKED = st.lists(st.tuples(st.sampled_from(HEADS), LENGTHS), min_size=1, max_size=6)


def read(reader: MessageReader, data: bytes, cut: int) -> tuple[object, ...] | Fault | None:
    try:
        request = reader.feed(data[:cut]) if 0 < cut < len(data) else None
        request = request or reader.feed(data[cut:] if 0 < cut < len(data) else data)
    except RefusedError as refused:
        return refused.fault
    return shown(request) if request is not None else None


def shown(request: Request) -> tuple[object, ...]:
    fields = tuple(field for field in request.headers if field[0] != b"content-length")
    plain = (request.method, request.path, request.query, fields, request.body, request.body_bytes)
    return (*plain, request.keep_alive, request.http_1_0, request.expects_continue, request.header("x-a"), request.peer)


@settings(max_examples=150, deadline=None)
@given(ASKED, st.integers(0, 120))
def test_a_connection_reads_like_a_fresh_one(asked: list[tuple[bytes, bytes]], cut: int) -> None:
    reader = MessageReader(LIMITS, PEER)
    for head, length in asked:
        body = b"x" * int(length) if length.isdigit() and int(length) < 70 else b""
        data = head % length + body
        fresh = read(MessageReader(LIMITS, PEER), data, cut)
        assert read(reader, data, cut) == fresh
        if not isinstance(fresh, tuple) or b"close" in head:
            break  # a connection is not read beyond either


def test_what_is_derived_of_a_head_is_derived_once_and_keeps_no_body() -> None:
    reader = MessageReader(LIMITS, PEER)
    made: list[Request] = []

    def derive(request: Request) -> int:
        made.append(request)
        return len(made)

    bodies = []
    for length in (5, 7, 7):
        request = reader.feed(HEADS[0] % str(length).encode() + b"y" * length)
        assert request is not None
        bodies.append(request.body)
        assert request.derived(derive, frozenset()) == 1
    assert [len(body) for body in bodies] == [5, 7, 7]
    other = reader.feed(HEADS[1] % b"1" + b"z")
    assert other is not None
    assert other.derived(derive, frozenset()) == 2


VALUES = st.sampled_from(
    [
        b"1",
        b"2",
        b"a b",
        b" \tpadded",
        b"trailing ",
        b"\xc3\xa9",
        b"\xff",
        b"",
        b" ",
        b"a\rb",
        b"a\x00",
        b"a\r\n b",
        b"1\r\nX-C: 3",
        b"chunked",
    ]
)
VARIED = (
    b"POST /v1/a HTTP/1.1\r\nHost: h\r\nContent-Length: %b\r\nX-A: %b\r\nX-B:%b\r\n\r\n",
    b"POST /v1/a HTTP/1.1\r\nHost: h\r\nX-A: %b\r\nContent-Length: %b\r\nX-A: %b\r\n\r\n",
    b"POST /v1/a HTTP/1.1\r\nHost: %b\r\nX-A: %b\r\ncontent-length:%b\r\n\r\n",
    b"POST /v1/a HTTP/1.1\r\nX-A: %b\r\nConnection: %b\r\nHost: h\r\ncontent-length: %b\r\n\r\n",
    b"POST /v1/%b HTTP/1.1\r\nHost: h\r\nX-%b: 1\r\ncontent-length: %b\r\n\r\n",
)
PIECES = st.tuples(*[st.one_of(VALUES, LENGTHS)] * 3)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(VARIED), st.lists(PIECES, min_size=2, max_size=6))
def test_values_that_differ_are_read_like_those_of_a_fresh_one(head: bytes, asked: list[tuple[bytes, bytes, bytes]]) -> None:
    reader = MessageReader(LIMITS, PEER)
    for pieces in asked:
        data = head % pieces
        # Its body, if there is one: what follows it is not looked at here.
        data += b"x" * 70
        fresh = read(MessageReader(LIMITS, PEER), data, 0)
        assert read(reader, data, 0) == fresh
        if not isinstance(fresh, tuple) or not fresh[6]:
            break


def test_a_value_that_differs_is_read_without_the_parser() -> None:
    reader = MessageReader(LIMITS, PEER)
    head = b"POST /v1/a HTTP/1.1\r\nHost: h\r\nX-A: %b\r\nContent-Length: %d\r\nX-B: 1\r\n\r\n"
    first = reader.feed(head % (b"one", 1) + b"x")
    assert first is not None
    made: list[str] = []

    def derive(request: Request) -> list[str]:
        made.append(request.header("x-b"))
        return made

    def of_a(request: Request) -> str:
        return request.header("x-a")

    assert first.derived(derive, frozenset({"x-b"})) == ["1"]
    assert first.derived(of_a, frozenset({"x-a"})) == "one"
    for length, value in enumerate((b"two", b" three", b"four")):
        request = reader.feed(head % (value, length) + b"x" * length)
        assert request is not None
        assert request is not first
        assert (request.header("x-a"), request.body, request.headers[1]) == (value.decode().strip(), b"x" * length, (b"x-a", value.strip()))
        assert request.derived(derive, frozenset({"x-b"})) == ["1"]
        assert request.derived(of_a, frozenset({"x-a"})) == value.decode().strip()
    assert first.header("x-a") == "one"
