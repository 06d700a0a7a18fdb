"""Buckets of rate limits as every store keeps them: what a bucket is stored as."""

from typing import Final

import msgspec

from orchvynt.decisions.limits.joint_bucket import SharedBucket
from orchvynt.language.compiled_budgets import RateLimit

_INT_MAX: Final = (1 << 63) - 1


class _Body(msgspec.Struct, frozen=True, array_like=True):
    """Levels are texts, as they may have more than 64 bits. Stored: fields are only added, at the end, with defaults."""

    window_ns: int
    invocations: int | None
    tokens_limit: int | None
    at: int
    calls: str
    tokens: str
    refused: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Body).decode


def body_of(bucket: SharedBucket) -> bytes:
    form = bucket.form
    assert form is not None
    return _encode(_Body(form.window_ns, form.invocations, form.tokens, bucket.at, str(bucket.calls), str(bucket.tokens), bucket.refused))


def bucket_of(name: str, body: bytes | None, elsewhere: int, now: int) -> SharedBucket:
    """`elsewhere` are how many run in other processes. Without a body it is a new one."""
    if body is None:
        return SharedBucket(None, now, elsewhere)
    kept = _decode(body)
    bucket = SharedBucket(RateLimit(name, None, None, kept.window_ns, kept.invocations, kept.tokens_limit), kept.at, elsewhere)
    bucket.calls, bucket.tokens, bucket.refused = int(kept.calls), int(kept.tokens), kept.refused
    return bucket


def empty_at(bucket: SharedBucket) -> int:
    """When the store may forget its levels, in ns."""
    assert bucket.form is not None
    return min(bucket.empty_at(bucket.form), _INT_MAX)
