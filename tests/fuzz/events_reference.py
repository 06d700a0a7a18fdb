"""The parsing of an event stream, written from the specification and from nothing else, to compare ours with.

Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream". Bytes stay bytes: decoding UTF-8 changes no line and no colon.
"""

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    name: bytes
    data: bytes


def events(stream: bytes) -> list[Event]:
    """What is dispatched, without events whose data is empty. What has no blank line behind it is discarded."""
    dispatched: list[Event] = []
    name, buffer = b"", b""
    for line in lines(stream.removeprefix(_BOM)):
        if line == b"":
            if buffer.removesuffix(b"\n"):
                dispatched.append(Event(name, buffer.removesuffix(b"\n")))
            name, buffer = b"", b""
        elif line.startswith(b":"):
            continue
        else:
            field, value = line, b""
            if b":" in line:
                at = line.index(b":")
                field, value = line[:at], line[at + 1 :]
                if value[:1] == b" ":
                    value = value[1:]
            if field == b"event":
                name = value
            elif field == b"data":
                buffer += value + b"\n"
    return dispatched


def lines(stream: bytes) -> list[bytes]:
    """Ended by CRLF, by LF not after CR, or by CR not before LF; what has no end is no line."""
    found: list[bytes] = []
    line = bytearray()
    at = 0
    while at < len(stream):
        byte = stream[at]
        at += 1
        if byte == 0x0D and stream[at : at + 1] == b"\n":
            at += 1
        if byte in (0x0A, 0x0D):
            found.append(bytes(line))
            line.clear()
        else:
            line.append(byte)
    return found
