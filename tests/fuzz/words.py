"""What means something to each target: pieces that a fuzzer puts in, beside arbitrary bytes."""

from typing import Final

_LINES: Final = (b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"\x00", b"\x7f", b"\xff")
_FIELDS: Final = (
    b"Content-Length: 5\r\n", b"content-length: 0\r\n", b"Content-Length: 5, 5\r\n", b"Content-Length : 5\r\n", b"Content-Length: +5\r\n",
    b"Content-Length: 18446744073709551621\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding:\tchunked \r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"transfer_encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
    b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"0\r\n\r\n", b"5\r\nhello\r\n", b";ext=\"a\"", b"0x5", b"00000000000000005", b"\r\n folded",
)  # fmt: skip
_JSON: Final = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"null", b"true", b"false", b"NaN", b"Infinity", b"1e999", b"-0", b"01", b"1.",
    b"99999999999999999999", b"-1", b"\\ud800", b"\\u0000", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"/**/", b'"x":01,', b'"x":"\t",', b'"x":"\\q",',
)  # fmt: skip
_EVENTS: Final = (
    b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\n\r\n", b"\xef\xbb\xbf", b"data", b"data: ", b"data:", b"event: error\n", b"id: 1\n", b": c\n",
    b"data: [DONE]\n\n", b"retry: 5\n",
)  # fmt: skip

WORDS: Final[dict[str, tuple[bytes, ...]]] = {
    "http_requests": (
        *_LINES, *_FIELDS, b"GET ", b"POST ", b"Host: x\r\n", b"Host: y@z\r\n", b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"%2e%2e/", b"%2F",
        b"http://a/", b"*", b"%c3%a9",
    ),
    "http_responses": (
        *_LINES, *_FIELDS, b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 103 E\r\nlink: a\r\n\r\n", b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b" 204 ", b" 304 ", b" 000 ", b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Content-Encoding: br\r\n",
    ),
    "server_sent_events": _EVENTS,
    "newline_delimited_lines": (b"\n", b"\r\n", b"\x0b", b"\x85", b"\xe2\x80\xa8", b"{}"),
    "compressed_bodies": (b"\x1f\x8b\x08\x00", b"\x78\x9c", b"\x03\x00", b"\x00" * 8, b"\xff" * 4, b"\x08", b"\x1f"),
    "request_bodies": (
        *_JSON, b'"model":"z",', b'"max_tokens":3,', b'"max_completion_tokens":null,', b'"stream":true,', b'"stream":null,', b'"n":2,',
        b'"stream_options":{"include_usage":false},', b'"metadata":{"orchvynt_run":"a"},', b'"messages":[],', b'"options":{},', b'"tool_calls":[',
    ),
    "provider_answers": (*_JSON, b'"usage":null,', b'"error":{"message":"m"},', b'"choices":[],', b'"content":null,', b'"created":1.5,'),
    "provider_streams": (
        *_EVENTS, *_JSON, b'"usage":null,', b'"error":{"message":"m"},', b'"choices":[],', b'"delta":{},', b'"done":true,', b'"index":1,',
        b'{"type":"message_stop"}', b'{"type":"ping"}', b'"finish_reason":"stop"',
    ),
}  # fmt: skip
"""By target."""
