"""Heads of answers: whatever a value holds, it stays within its line."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.surfaces.api.http.answers import head

TEXT = st.text(st.sampled_from("az09: ;\t\r\n\x00\x1f\x7f\x80é€\u2028\ud800"), max_size=6)
FIELDS = st.lists(st.tuples(TEXT, TEXT), max_size=3)


@given(FIELDS, FIELDS)
def test_each_field_is_one_line_of_ascii(own: list[tuple[str, str]], shared: list[tuple[str, str]]) -> None:
    lines = head(200, "application/json", own, tuple(shared)).split(b"\r\n")
    assert lines[:2] == [b"HTTP/1.1 200 OK", b"content-type: application/json"]
    assert len(lines) == 2 + len(shared) + len(own) + 1
    assert lines[-1] == b""
    for line, (name, value) in zip(lines[2:], (*shared, *own), strict=False):
        assert len(line) == len(name) + 2 + len(value)
        assert not any((byte < 32 and byte != 9) or byte >= 127 for byte in line), line
