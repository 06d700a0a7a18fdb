"""Requests to providers as bytes: no header can hold a line end, whatever number of them goes with the request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.adapters.upstream.requests import UnsendableError, fields

TEXT = st.text(st.sampled_from("az09: ;\t\r\n\x00\x1f\x7f\x80é€\u2028\ud800"), max_size=6)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=3))
def test_a_header_is_one_line_or_is_refused(headers: list[tuple[str, str]]) -> None:
    illegal = any((character < " " and character != "\t") or character == "\x7f" for pair in headers for text in pair for character in text)
    if illegal:
        with pytest.raises(UnsendableError):
            fields(headers)
        return
    lines = fields(headers).split(b"\r\n")
    assert lines == [*(f"{name}: {value}".encode("utf-8", "surrogatepass") for name, value in headers), b""]


def test_a_secret_is_named_by_its_header_and_never_shown() -> None:
    for headers in ([("authorization", "Bearer sk\n")], [("accept", "a"), ("authorization", "Bearer sk\n")]):
        with pytest.raises(UnsendableError) as refused:
            fields(headers)
        assert "authorization" in str(refused.value)
        assert "sk" not in str(refused.value)
