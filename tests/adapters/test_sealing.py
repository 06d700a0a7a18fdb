"""Sealed content opens with its own key, for its own record, and in no other way."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.adapters.sealing import AesGcm
from orchvynt.ports.sealing import Sealed, SealingError

KEY, OTHER = "ab" * 32, "cd" * 32


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=40), st.integers(0, 10_000))
def test_what_is_sealed_opens_and_any_change_is_seen(plain: bytes, bound: bytes, place: int) -> None:
    box = AesGcm()
    sealed = box.seal(KEY, plain, bound)
    assert box.unseal(KEY, sealed, bound) == plain
    assert sealed.key_id == box.key_id(KEY) != box.key_id(OTHER)
    assert box.seal(KEY, plain, bound).nonce != sealed.nonce
    at = place % len(sealed.sealed)
    changed = bytearray(sealed.sealed)
    changed[at] ^= 1
    for wrong, key, name in (
        (sealed._replace(sealed=bytes(changed)), KEY, bound),
        (sealed, KEY, bound + b"x"),
        (sealed, OTHER, bound),
        (sealed._replace(nonce=b"\0" * 12), KEY, bound),
    ):
        with pytest.raises(SealingError):
            box.unseal(key, wrong, name)


def test_a_key_is_thirty_two_bytes_in_either_spelling() -> None:
    box = AesGcm()
    assert box.key_id(KEY) == box.key_id(base64.b64encode(bytes.fromhex(KEY)).decode())
    for wrong in ("", "ab" * 31, "zz" * 32, "passw0rd", base64.b64encode(b"x" * 16).decode()):
        with pytest.raises(SealingError, match="32 random bytes") as said:
            box.seal(wrong, b"", b"")
        assert not wrong or wrong not in str(said.value)
    assert isinstance(box.seal(KEY, b"", b""), Sealed)
