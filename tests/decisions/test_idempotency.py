"""What an idempotency key stands for, and which answers it keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.identity.idempotency import KEY_CHARS_MAX, check_key, idempotency, is_kept, mismatch, not_replayable
from orchvynt.model.faults import KINDS


def test_a_scope_is_of_one_caller_one_endpoint_and_one_key() -> None:
    one = idempotency("k", "key:docs", "/v1/chat/completions", b"{}")
    assert idempotency("k", "key:docs", "/v1/chat/completions", b"{}") == one
    for other in (("j", "key:docs", "/v1/chat/completions"), ("k", "key:ops", "/v1/chat/completions"), ("k", "key:docs", "/v1/route")):
        assert idempotency(*other, b"{}").scope != one.scope
    again = idempotency("k", "key:docs", "/v1/chat/completions", b"{ }")
    assert (again.scope, again.request == one.request) == (one.scope, False)


@given(st.text(max_size=300), st.integers(1, 3))
def test_a_key_is_a_line_of_printable_text_that_is_there_once(key: str, times: int) -> None:
    fault = check_key(key, times)
    assert (fault is None) == (times == 1 and 0 < len(key) <= KEY_CHARS_MAX and key.isprintable())
    if fault is not None:
        assert (fault.code, fault.param) == ("invalid_request", "idempotency-key")


@pytest.mark.parametrize(
    ("status", "kept"),
    [(200, True), (400, True), (404, True), (413, True), (422, True), (202, False), (402, False), (403, False), (409, False), (429, False)],
)
def test_what_a_retry_may_change_is_not_kept(status: int, kept: bool) -> None:
    assert is_kept(status) == kept


def test_no_failure_on_the_side_of_server_or_provider_is_kept() -> None:
    assert not any(is_kept(kind.status) for kind in KINDS.values() if kind.status >= 500)


def test_refusals_name_the_invocation_and_what_to_do() -> None:
    for fault, status in ((mismatch("inv_1"), 422), (not_replayable("inv_1"), 409)):
        assert fault.status == status
        assert "inv_1" in fault.message
        assert "new idempotency key" in fault.help
        assert fault.param == "idempotency-key"
