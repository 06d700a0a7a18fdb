"""What a retry has in common with its parked invocation: with an idempotency key, that alone; else what its body says."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import invocation

from orchvynt.lifecycle.join_keys import CANONICAL_BYTES_MAX, body_digest, join_key, keyed, raw_digest
from orchvynt.lifecycle.state import State
from orchvynt.model.invocation import Claims, Idempotency

NAMED = Idempotency("scope", "request")


def test_an_idempotency_key_alone_says_what_is_joined() -> None:
    one, other = (msgspec.structs.replace(invocation(claims=Claims(run=run)), idempotency=NAMED) for run in ("r-1", "r-2"))
    assert join_key(State(one)) == join_key(State(other))
    assert keyed(join_key(State(one))) == NAMED


@given(st.text(), st.sampled_from(["(none)", "key:idempotency", "0123456789abcdef"]))
def test_no_other_request_can_be_taken_for_one_with_a_key(run: str, caller: str) -> None:
    plain = msgspec.structs.replace(invocation(claims=Claims(run=run)), key_id=caller)
    assert keyed(join_key(State(plain))) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), JSON, max_size=5), st.booleans())
def test_the_order_of_names_blanks_and_escapes_say_nothing(said: dict[str, Any], escaped: bool) -> None:
    plain = json.dumps(said).encode()
    anew = json.dumps(dict(reversed(said.items())), indent=1, ensure_ascii=escaped).encode()
    assert body_digest(plain) == body_digest(anew)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
        (b'{"a": 1}', b'{"a": "1"}'),
        (b'{"a": null}', b"{}"),
        (b'{"a": 123456789012345678901234567890}', b'{"a": 123456789012345678901234567891}'),
        (b'{"a": " b"}', b'{"a": "b"}'),
    ],
)
def test_bodies_that_say_something_else_differ(one: bytes, other: bytes) -> None:
    assert body_digest(one) != body_digest(other)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b'" ' + b"x" * CANONICAL_BYTES_MAX + b'"'])
def test_what_cannot_be_read_or_is_large_is_known_by_its_bytes(body: bytes) -> None:
    assert body_digest(body) == raw_digest(body)
