"""Undoing content codings: the same body under any split, and never more than is allowed, whatever the bytes."""

import gzip
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.adapters.upstream.decoding import PIECE_BYTES, CorruptBodyError, Decoder, ExpandedBodyError
from orchvynt.adapters.upstream.limits import UpstreamLimits

LIMITS = UpstreamLimits(body_bytes_max=400_000, expansion_free_bytes=300_000, expansion_max=50)


def pack_gzip(body: bytes) -> bytes:
    return gzip.compress(body)


def pack_zlib(body: bytes) -> bytes:
    return zlib.compress(body)


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": pack_gzip, "x-gzip": pack_gzip, "deflate": pack_zlib, "deflate, bare": bare_deflate}


def decode(coding: str, parts: list[bytes]) -> bytes:
    decoder = Decoder(coding.split(",")[0], LIMITS)
    out = b""
    for part in parts:
        decoder.push(part)
        while piece := decoder.pull():
            assert len(piece) <= PIECE_BYTES
            out += piece
        assert not decoder.waiting
    decoder.finish()
    return out


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]


bodies = st.one_of(
    st.binary(max_size=2000), st.binary(min_size=1, max_size=20).map(lambda part: part * 3000), st.integers(0, 200_000).map(bytes)
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PACKERS)), bodies, st.lists(st.integers(0, 10**6), max_size=6))
def test_any_split_gives_the_same_body(coding: str, body: bytes, cuts: list[int]) -> None:
    assert decode(coding, split(PACKERS[coding](body), cuts)) == body


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["gzip", "deflate"]), st.binary(max_size=300), st.binary(max_size=100), st.integers(0, 300))
def test_damaged_bodies_are_refused_or_bounded(coding: str, body: bytes, noise: bytes, at: int) -> None:
    packed = PACKERS[coding](body)
    damaged = packed[: at % len(packed)] + noise
    try:
        out = decode(coding, [damaged] if damaged else [])
    except (CorruptBodyError, ExpandedBodyError):
        return
    assert len(out) <= LIMITS.body_bytes_max
    assert noise or not damaged, "a cut body was taken for whole"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(PACKERS)), bodies, st.data())
def test_a_cut_body_is_never_whole(coding: str, body: bytes, data: st.DataObject) -> None:
    packed = PACKERS[coding](body)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CorruptBodyError):
        decode(coding, [packed[:cut]])


@pytest.mark.parametrize("coding", sorted(PACKERS))
def test_limits(coding: str) -> None:
    assert len(decode(coding, [PACKERS[coding](b"\0" * 300_000)])) == 300_000
    with pytest.raises(ExpandedBodyError, match="50 times"):
        decode(coding, [PACKERS[coding](b"\0" * 310_000)])
    with pytest.raises(ExpandedBodyError, match="400000 bytes"):
        decode(coding, [PACKERS[coding](random.Random(3).randbytes(450_000))])


def test_codings_that_are_not_understood() -> None:
    for coding in ("br", "zstd", "gzip,gzip", "identity, gzip", "x" * 1000):
        with pytest.raises(CorruptBodyError) as refused:
            Decoder(coding, LIMITS)
        assert len(str(refused.value)) < 120
