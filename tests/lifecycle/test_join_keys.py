"""What a retry has in common with its parked invocation: with an idempotency key, that alone."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import invocation

from orchvynt.lifecycle.join_keys import join_key, keyed
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
