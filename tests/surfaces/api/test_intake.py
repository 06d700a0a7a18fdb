"""What a request's header says beyond who calls: how long it waits, its own id, and what is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import READ, caller_timeout_ns, check_headers, head, request_id

SECOND = 1_000_000_000


def request(**headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("POST", "/v1/chat/completions", "", fields, "127.0.0.1:9")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 600),
        ({"x_stainless_read_timeout": "30"}, 30),
        ({"x_stainless_timeout": "12.5"}, 12.5),
        ({"x_stainless_read_timeout": "30", "x_stainless_timeout": "60"}, 30),
        ({"x_stainless_read_timeout": "NOT_GIVEN", "x_stainless_timeout": "60"}, 60),
        ({"x_stainless_read_timeout": "nan"}, 600),
        ({"x_stainless_read_timeout": "inf"}, 600),
        ({"x_stainless_read_timeout": "-5"}, 600),
        ({"x_stainless_read_timeout": "1e300"}, 600),
    ],
)
def test_how_long_the_caller_itself_waits(headers: dict[str, str], seconds: float) -> None:
    assert caller_timeout_ns(request(**headers).header) == int(seconds * SECOND)


@pytest.mark.parametrize("media", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_what_is_no_json_by_its_own_word_is_refused(media: str) -> None:
    fault = check_headers(request(content_type=media).header)
    assert fault is not None
    assert (fault.code, fault.status, fault.param) == ("unsupported_media", 415, "content-type")


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
def test_what_is_json_is_taken(media: str) -> None:
    assert check_headers(request(content_type=media, content_encoding="identity").header) is None


def test_a_body_that_would_have_to_be_decoded_is_refused() -> None:
    fault = check_headers(request(content_encoding="gzip").header)
    assert fault is not None
    assert (fault.code, fault.param) == ("unsupported_media", "content-encoding")


def test_an_idempotency_key_is_part_of_the_head() -> None:
    assert head(request()).idempotency_key == ""
    said = head(request(idempotency_key=" k-1 "))
    assert (said.idempotency_key, said.fault) == ("k-1", None)


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb", "\u202e"])
def test_an_idempotency_key_that_cannot_be_honoured_is_refused_rather_than_ignored(key: str) -> None:
    fault = head(request(idempotency_key=key)).fault
    assert fault is not None
    assert (fault.code, fault.param) == ("invalid_request", "idempotency-key")


def test_of_two_idempotency_keys_none_counts() -> None:
    twice = Request("POST", "/v1/route", "", [(b"idempotency-key", b"a"), (b"idempotency-key", b"a")], "127.0.0.1:9")
    fault = head(twice).fault
    assert fault is not None
    assert "more than once" in fault.message


@given(st.text(max_size=300))
def test_a_request_id_is_echoed_only_where_it_is_safe_in_a_header(text: str) -> None:
    echoed = request_id(request(x_request_id=text).header)
    assert echoed in ("", text.strip(" \t"))
    assert echoed.isascii()
    assert len(echoed) <= 200
    assert not set(echoed) & set("\r\n\x00")


class Reading:
    """A request that remembers which values were asked for."""

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self.headers = fields
        self._request = Request("POST", "/v1/chat/completions", "", fields, "127.0.0.1:9")
        self.has_any, self.fields = self._request.has_any, self._request.fields
        self.asked: set[str] = set()

    def header(self, name: str) -> str:
        self.asked.add(name)
        return self._request.header(name)


SAID = st.sampled_from(["", "1", "application/json", "text/plain", "gzip", "Bearer x", "nan", "x y", "é"])


@given(st.dictionaries(st.sampled_from(sorted(READ)), SAID), st.booleans())
def test_it_is_made_of_nothing_but_what_it_says_that_it_reads(said: dict[str, str], claims: bool) -> None:
    """A connection that repeats its head keeps what was made of it as long as these values stay the same."""
    fields = [(name.encode(), value.encode()) for name, value in said.items()]
    fields += [(b"x-orchvynt-run", b"r1")] if claims else []
    reading = Reading(fields)
    head(reading)
    assert reading.asked <= READ
