"""E-mail addresses as identities: one spelling each, and nothing that could be taken for something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.model.emails import CHARS_MAX, normalised


@pytest.mark.parametrize("text", ["ana@example.com", " Ana@EXAMPLE.com\t", "ANA@Example.Com"])
def test_one_address_has_one_spelling(text: str) -> None:
    assert normalised(text) == "ana@example.com"


@pytest.mark.parametrize("text", ["a@b", "a.b+c_d-e@x.y", "o'hara@example.com", "x/y=z@xn--bcher-kva.example", "1@2.3", "a" * 64 + "@x"])
def test_addresses(text: str) -> None:
    assert normalised(text) == text


WRONG = [
    "", "@", "a@", "@b", "a", "a@b@c", "a b@c", "a@b c", ".a@b", "a.@b", "a..b@c", "a@.b", "a@b.", "a@-b", "a@b-", "a@b_c",
    '"a b"@c', "a@[::1]", "a\n@b", "a@b\n", "a\0@b", "ａ@b", "ana@exаmple.com", "token:x@y", "Ana <a@b>",
    "a@" + "b" * 64, "a" * 65 + "@b", "a@" + "b." * 130 + "c",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_address(text: str) -> None:
    assert normalised(text) is None


@given(st.text() | st.from_regex(r"[A-Za-z0-9.+:@_ -]{1,12}@[A-Za-z0-9.@-]{1,12}"))
def test_what_is_normalised_stays_so_and_is_harmless(text: str) -> None:
    found = normalised(text)
    if found is not None:
        assert normalised(found) == found == found.lower()
        assert len(found) <= CHARS_MAX
        assert found.isascii()
        assert found.isprintable()
        assert not set(found) & set(' :<>"\\,;()[]')
