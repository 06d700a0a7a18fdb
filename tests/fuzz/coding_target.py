"""Fuzz target: compressed bodies. What the decoder gives is what zlib gives, and it never gives more than its limits allow.

EMPTY, the one thing that differs: a body of no bytes is whole, though neither format has one.
"""

import zlib
from typing import Final, NamedTuple

from tests.fuzz.cutting import ways

from orchvynt.adapters.upstream.decoding import PIECE_BYTES, CorruptBodyError, Decoder, ExpandedBodyError
from orchvynt.adapters.upstream.limits import UpstreamLimits

LIMITS: Final = UpstreamLimits(body_bytes_max=262_144, expansion_max=50, expansion_free_bytes=8_192)
_READ_MAX: Final = 1 << 20


class Decoded(NamedTuple):
    plain: bytes
    end: str


def compressed_bodies(data: bytes) -> None:
    for coding in ("gzip", "deflate"):
        expected = decoded(coding, data)
        for way in ways(data):
            _check(_decode(coding, way), expected, data)


def _check(told: Decoded, expected: bytes | None, data: bytes) -> None:
    assert len(told.plain) <= LIMITS.body_bytes_max + PIECE_BYTES
    if told.end == "":
        assert expected is not None, "whole, and zlib does not say so"
        assert told.plain == expected
    elif told.end == "corrupt":
        assert expected is None, "corrupt, and zlib does not say so"
    else:
        # A body that is corrupt further on may grow too much before; how much came by then depends on the cuts.
        assert len(told.plain) <= LIMITS.body_bytes_max, "more than the limit was given on"
        assert expected is None or len(expected) > LIMITS.expansion_free_bytes, "it does not grow too much"


def _decode(coding: str, parts: list[bytes]) -> Decoded:
    decoder = Decoder(coding, LIMITS)
    plain = bytearray()
    try:
        for part in parts:
            decoder.push(part)
            while piece := decoder.pull():
                assert len(piece) <= PIECE_BYTES
                plain += piece
            assert not decoder.waiting
        decoder.finish()
    except CorruptBodyError:
        return Decoded(bytes(plain), "corrupt")
    except ExpandedBodyError:
        return Decoded(bytes(plain), "expanded")
    return Decoded(bytes(plain), "")


def decoded(coding: str, data: bytes) -> bytes | None:
    """By zlib in one go, a member at a time; None where it is corrupt, cut, or of a coding that is not understood."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        return None
    if not data:
        return b""
    plain = bytearray()
    while data and len(plain) < _READ_MAX:
        # RFC 9110 section 8.4.1.2: deflate is zlib's format; some leave its header out.
        deflate = zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS
        inflater = zlib.decompressobj(deflate if coding == "deflate" else 16 + zlib.MAX_WBITS)
        try:
            plain += inflater.decompress(data, _READ_MAX)
        except zlib.error:
            return None
        if inflater.unconsumed_tail:
            break
        if not inflater.eof or (coding == "deflate" and inflater.unused_data):
            return None
        data = inflater.unused_data
    return bytes(plain)


def grows(data: bytes, plain: bytes) -> bool:
    """Whether some part of `data` may have grown beyond the limits, however it was cut."""
    return len(plain) > LIMITS.expansion_free_bytes and len(plain) > LIMITS.expansion_max
