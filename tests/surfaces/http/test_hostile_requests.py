"""Ambiguous, malformed and oversized requests: each is refused with the right code, closed, and never reaches the handler."""

import msgspec
import pytest
from tests.support.loops import LOOPS, run
from tests.surfaces.http.serving import BODY, LENGTH, MS, POST, WHOLE, Handler, echo, send_all, serving

from orchvynt.surfaces.api.http.limits import Limits

CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LIMITS = Limits(body_bytes_max=100_000, linger_ns=300 * MS, sweep_ns=50 * MS)


def get(target: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET %b %b\r\nHost: x\r\n\r\n" % (target, version)


FRAMING = {
    "CL and TE": POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n" + CHUNKS,
    "TE and CL": POST + CHUNKED + b"Content-Length: 4\r\n\r\n" + CHUNKS,
    "two different CL": POST + b"Content-Length: 5\r\n" + LENGTH + b"\r\n" + BODY,
    "the same CL twice": POST + LENGTH + LENGTH + b"\r\n" + BODY,
    "CL as a list": POST + b"Content-Length: 35, 35\r\n\r\n" + BODY,
    "CL with a plus": POST + b"Content-Length: +35\r\n\r\n" + BODY,
    "CL with garbage": POST + b"Content-Length: 35 x\r\n\r\n" + BODY,
    "CL negative": POST + b"Content-Length: -1\r\n\r\n" + BODY,
    "CL hexadecimal": POST + b"Content-Length: 0x23\r\n\r\n" + BODY,
    "CL empty": POST + b"Content-Length:\r\n\r\n" + BODY,
    "CL of 30 digits": POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + BODY,
    "TE xchunked and CL": POST + LENGTH + b"Transfer-Encoding: xchunked\r\n\r\n" + BODY,
    "TE xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    "TE chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS,
    "TE identity, chunked": POST + b"Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNKS,
    "TE gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "TE twice": POST + CHUNKED + CHUNKED + b"\r\n" + CHUNKS,
    "TE empty": POST + b"Transfer-Encoding:\r\n\r\n" + CHUNKS,
    "TE with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    "TE in HTTP/1.0": (POST + CHUNKED + b"\r\n" + CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    "bare LF line ends": (POST + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + BODY,
    "one bare LF": POST + b"X-A: a\n" + LENGTH + b"\r\n" + BODY,
    "a bare LF before the request": b"\n" + WHOLE,
    "bare CR in a value": POST + b"X-A: a\rb\r\n" + LENGTH + b"\r\n" + BODY,
    "NUL in a value": POST + b"X-A: a\0b\r\n" + LENGTH + b"\r\n" + BODY,
    "a control character in a value": POST + b"X-A: a\x01b\r\n" + LENGTH + b"\r\n" + BODY,
    "a folded field": POST + b"X-A: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY,
    "a blank after the request line": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "no Host": b"POST / HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY,
    "two Hosts": POST + b"Host: y\r\n" + LENGTH + b"\r\n" + BODY,
    "two Hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",
    "a Host that is none": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a chunk size with a bare LF": POST + CHUNKED + b"\r\n%x\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    "a last chunk with a bare LF": POST + CHUNKED + b"\r\n%x\r\n%s\r\n0\n\r\n" % (len(BODY), BODY),
    "a trailer end with a bare LF": POST + CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n\n" % (len(BODY), BODY),
    "chunk data not followed by CRLF": POST + CHUNKED + b"\r\n%x\r\n%sXX0\r\n\r\n" % (len(BODY), BODY),
    "chunk data followed by LF": POST + CHUNKED + b"\r\n%x\r\n%s\n0\r\n\r\n" % (len(BODY), BODY),
    "a negative chunk size": POST + CHUNKED + b"\r\n-1\r\nx\r\n0\r\n\r\n",
    "a chunk size 0x1": POST + CHUNKED + b"\r\n0x1\r\nx\r\n0\r\n\r\n",
    "an empty chunk size": POST + CHUNKED + b"\r\n\r\nx\r\n0\r\n\r\n",
    "a chunk size of 17 digits": POST + CHUNKED + b"\r\n" + b"0" * 16 + b"1\r\nx\r\n0\r\n\r\n",
    "a 64 KB chunk extension": POST + CHUNKED + b"\r\n%x;%s\r\n%s\r\n0\r\n\r\n" % (len(BODY), b"a" * 65536, BODY),
    "a control character in a chunk extension": POST + CHUNKED + b"\r\n1;a=\0\r\nx\r\n0\r\n\r\n",
    "a trailer without a colon": POST + CHUNKED + b"\r\n1\r\nx\r\n0\r\nabc\r\n\r\n",
    "64 KB of trailers": POST + CHUNKED + b"\r\n1\r\nx\r\n0\r\n" + b"a: b\r\n" * 12_000 + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/0.9, said": get(b"/", b"HTTP/0.9"),
    "HTTP/1.2": get(b"/", b"HTTP/1.2"),
    "HTTP/2.0": get(b"/", b"HTTP/2.0"),
    "http/1.1": get(b"/", b"http/1.1"),
    "RTSP/1.0": get(b"/", b"RTSP/1.0"),
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
    "upgrade to websocket": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "upgrade without Connection": b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method nobody knows": b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method that is not served": b"PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a field name with a parenthesis": b"GET / HTTP/1.1\r\nHost: x\r\nA(b): c\r\n\r\n",
    "a field name with a high byte": b"GET / HTTP/1.1\r\nHost: x\r\nA\xc3\xa9: c\r\n\r\n",
    "a field without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n",
    "a field without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n",
    "a control character in the target": get(b"/a\x01b"),
    "NUL in the target": get(b"/a\0b"),
    "a tab in the target": get(b"/a\tb"),
    "a high byte in the target": get(b"/a\xc3\xa9b"),
    "a blank in the target": get(b"/a b"),
    "two blanks before the target": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two blanks after the target": b"GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment in the target": get(b"/a#b"),
    "a backslash in the target": get(b"/a\\b"),
    "a relative target": get(b"a"),
    "an authority as target": get(b"a:443"),
    "an asterisk as target": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target of another scheme": get(b"ftp://a/b"),
    "dot segments": get(b"/v1/../admin"),
    "encoded dot segments": get(b"/v1/%2e%2e/admin"),
    "an encoded NUL": get(b"/v1/%00"),
    "an encoded CR": get(b"/v1/a%0d%0ab"),
    "half an escape": get(b"/v1/a%2"),
    "an escape that is not hexadecimal": get(b"/v1/a%zz"),
    "escapes that are not UTF-8": get(b"/v1/%ff"),
}

SIZES = {
    "a 64 KB field": (POST + b"X-A: " + b"a" * 65536 + b"\r\n" + LENGTH + b"\r\n" + BODY, 431, "headers_too_large"),
    "1000 fields": (POST + b"".join(b"X-%d: a\r\n" % i for i in range(1000)) + LENGTH + b"\r\n" + BODY, 431, "headers_too_large"),
    "129 fields": (get(b"/").removesuffix(b"\r\n") + b"a: b\r\n" * 128 + b"\r\n", 431, "headers_too_large"),
    "8 MB of unfinished header": (POST + b"X-A: " + b"a" * (8 << 20), 431, "headers_too_large"),
    "a 64 KB target": (get(b"/" + b"a" * 65536), 431, "headers_too_large"),
    "a body that is announced too large": (POST + b"Content-Length: 100001\r\n\r\n", 413, "too_large"),
    "a body of 18 digits": (POST + b"Content-Length: " + b"9" * 18 + b"\r\n\r\n", 413, "too_large"),
    "a chunk that is announced too large": (POST + CHUNKED + b"\r\nfffffff\r\n", 413, "too_large"),
    "chunks that become too large": (POST + CHUNKED + b"\r\n" + (b"ff\r\n" + b"a" * 255 + b"\r\n") * 400, 413, "too_large"),
}


async def check_refused(data: bytes, status: int, code: str) -> None:
    handler = Handler(echo)
    async with serving(handler, LIMITS) as (server, port):
        statuses, out = await send_all(port, data)
        assert statuses == [status], out[:300]
        head, _, body = out.partition(b"\r\n\r\n")
        assert b"\r\nconnection: close" in head
        error = msgspec.json.decode(body)["error"]
        assert error["code"] == code
        assert error["message"]
        assert handler.seen == []
        assert server.refusals == {code: 1}
        # Others are served as before.
        statuses, _ = await send_all(port, WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert statuses == [200]


@pytest.mark.parametrize("name", FRAMING)
def test_ambiguous_framing_is_refused_and_closed(name: str) -> None:
    run("uvloop", lambda: check_refused(FRAMING[name], 400, "bad_framing"))


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_too_large_is_refused_and_closed(loop: str, name: str) -> None:
    data, status, code = SIZES[name]
    run(loop, lambda: check_refused(data, status, code))


def test_the_same_refusals_on_the_plain_loop_and_byte_by_byte() -> None:
    """One reading whatever the split: fed to the reader byte by byte, every hostile request is refused as well."""
    from orchvynt.surfaces.api.http.messages import MessageReader
    from orchvynt.surfaces.api.http.refusals import RefusedError

    def refused(data: bytes) -> str:
        reader = MessageReader(LIMITS, "")
        for i in range(len(data)):
            try:
                if reader.feed(data[i : i + 1]) is not None:
                    return "accepted"
            except RefusedError as refusal:
                return refusal.fault.code
        return "undecided"

    short = {name: data for name, data in FRAMING.items() if len(data) < 2000}
    verdicts = {name: refused(data) for name, data in short.items()}
    assert set(verdicts.values()) == {"bad_framing"}, verdicts


def test_a_refusal_waits_for_the_answers_before_it() -> None:
    async def scenario() -> None:
        handler = Handler(echo)
        async with serving(handler) as (_, port):
            statuses, out = await send_all(port, WHOLE + WHOLE + b"GET / HTTP/1.1\r\n\r\n")
            assert statuses == [200, 200, 400]
            assert out.count(BODY) == 2
            assert len(handler.seen) == 2

    run("uvloop", scenario)


def test_a_large_refused_upload_can_still_read_its_refusal() -> None:
    """The caller is in the midst of sending 4 MB: without reading on, its socket would be reset and the refusal lost."""

    async def scenario() -> None:
        async with serving(Handler(echo), LIMITS) as (_, port):
            statuses, _ = await send_all(port, POST + b"Content-Length: 4000000\r\n\r\n" + b"a" * 4_000_000)
            assert statuses == [413]

    for loop in LOOPS:
        run(loop, scenario)
