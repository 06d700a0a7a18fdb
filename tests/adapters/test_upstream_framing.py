"""What a response says of its length, and whether the read that ended it ends with it."""

import pytest

from orchvynt.adapters.upstream.framing import Framing, ends_in_line_ends, read_framing, tail_of

HEAD = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "framing"),
    [
        ([], Framing()),
        ([(b"server", b"x")], Framing()),
        ([(b"content-length", b"3")], Framing(said=True)),
        ([(b"transfer-encoding", b"Chunked ")], Framing(said=True, chunked=True)),
        ([(b"content-encoding", b" GZIP"), (b"content-length", b"3")], Framing(coding=b"gzip", said=True)),
        ([(b"content-encoding", b"gzip"), (b"content-encoding", b"br")], Framing(coding=b"gzip,br")),
        ([(b"content-length", b"3")] * 2, Framing(said=True, wrong="its length is said more than once")),
        (
            [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")],
            Framing(said=True, chunked=True, wrong="its length is said more than once"),
        ),
        (
            [(b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")],
            Framing(said=True, chunked=True, wrong="its transfer-encoding is not `chunked`"),
        ),
    ],
)
def test_framing(headers: list[tuple[bytes, bytes]], framing: Framing) -> None:
    assert read_framing(headers) == framing


PLAIN, CHUNKS = Framing(said=True), Framing(said=True, chunked=True)


@pytest.mark.parametrize(
    ("before", "data", "parts", "framing", "doubted"),
    [
        (b"", HEAD + b"{}", [b"{}"], PLAIN, False),
        (b"", HEAD + b"{}\n", [b"{}\n"], PLAIN, False),
        (b"", HEAD + b"\r\n", [b"\r\n"], PLAIN, False),
        (HEAD, b"{}\n", [b"{}\n"], PLAIN, False),
        (b"", HEAD + b"{}\n\r\n", [b"{}\n"], PLAIN, True),
        (b"", HEAD + b"\r\n\r\n", [b"\r\n"], PLAIN, True),
        (HEAD, b"}\n\n", [b"}\n"], PLAIN, True),
        (HEAD + b"\r\n\r", b"\n\n", [b"\n"], PLAIN, True),
        (b"", HEAD, [], Framing(), False),
        (HEAD[:-1], b"\n", [], Framing(), False),
        (HEAD[:-1], b"\n\r", [], Framing(), True),
        (b"", HEAD + b"\r\n", [], Framing(), True),
        (b"", HEAD + b"\n", [], Framing(), True),
        (b"", HEAD + b"2\r\n{}\r\n0\r\n\r\n", [b"{}"], CHUNKS, False),
        (b"", HEAD + b"2\r\n{}\r\n0\r\n\r\n\r\n", [b"{}"], CHUNKS, True),
        (HEAD + b"2\r\n{}\r\n", b"0\r\n\r\n", [], CHUNKS, False),
        (HEAD + b"2\r\n{}\r\n0\r", b"\n\r\n", [], CHUNKS, False),
        (HEAD + b"2\r\n{}\r\n0\r\n", b"\r\n\r\n", [], CHUNKS, True),
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
def test_line_ends_behind_a_response(
    before: bytes, data: bytes, parts: list[bytes], framing: Framing, doubted: bool, bytewise: bool
) -> None:
    tail = b""
    for part in [before[at : at + 1] for at in range(len(before))] if bytewise else [before]:
        tail = tail_of(tail, part)
    assert ends_in_line_ends(tail, data, parts, framing, HEAD in before) == doubted
