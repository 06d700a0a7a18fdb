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
        assert request.derived(derive) == 1
    assert [len(body) for body in bodies] == [5, 7, 7]
    other = reader.feed(HEADS[1] % b"1" + b"z")
    assert other is not None
    assert other.derived(derive) == 2
