"""Signatures of webhooks, against the official verifier and the example of the specification."""

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from orchvynt.dialects.standard_webhooks import UnusableSecretError, Verdict, read_status, signed_headers


def test_the_example_of_the_specification() -> None:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md and its libraries' tests."""
    headers = dict(
        signed_headers("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=64), st.text(max_size=200), st.booleans())
def test_the_official_library_verifies_what_we_sign(key: bytes, text: str, padded: bool) -> None:
    encoded = base64.b64encode(key).decode()
    secret = "whsec_" + (encoded if padded else encoded.rstrip("="))
    body = text.encode(errors="replace")
    headers = dict(signed_headers(secret, "msg_1", int(time.time()), body))
    Webhook(secret).verify(body, headers, json_parse=False)


def test_a_secret_without_prefix_is_taken_as_it_is() -> None:
    headers = dict(signed_headers("any words, even ünusual", "msg_1", int(time.time()), b"{}"))
    assert Webhook("any words, even ünusual".encode()).verify(b"{}", headers) == {}


@pytest.mark.parametrize("secret", ["whsec_", "whsec_?", "whsec_abc", "whsec_a", "whsec_ü"])
def test_a_secret_that_cannot_sign_is_refused_without_being_quoted(secret: str) -> None:
    if secret == "whsec_abc":
        assert signed_headers(secret, "msg_1", 1, b"")
        return
    with pytest.raises(UnusableSecretError) as refused:
        signed_headers(secret, "msg_1", 1, b"")
    assert secret.removeprefix("whsec_") == "" or secret not in str(refused.value)


HOUR_NS = 3_600 * 10**9


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [
        (200, "", Verdict()),
        (299, "20", Verdict()),
        (302, "", Verdict("it answered 302")),
        (429, "20", Verdict("it answered 429", 20 * 10**9)),
        (503, "Thu, 01 Jan 1970 00:00:30 GMT", Verdict("it answered 503", 25 * 10**9)),
        (503, "99999999999", Verdict("it answered 503", HOUR_NS)),
        (500, "soon", Verdict("it answered 500")),
        (410, "20", Verdict("it answered 410: it wants no message any more", final=True)),
    ],
)
def test_what_a_receiver_answers_says_when_to_come_again(status: int, retry_after: str, expected: Verdict) -> None:
    headers = {"retry-after": retry_after} if retry_after else {}
    assert read_status(status, headers, 5 * 10**9) == expected
