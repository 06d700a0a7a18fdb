"""Text of strangers, made harmless."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.hostile_words import HOSTILE, UNSEEN

from orchvynt.dialects.inert import inert, one_line


def test_what_nobody_sees_is_shown_as_such() -> None:
    assert inert("a\x00b\u202ec\ud800d\r\ne\tf", 99) == "a�b�c�d\ne\tf"
    assert inert("abcdef", 4) == "abc…"
    assert one_line(" a \r\n\t b\u2028c ", 99) == "a b c"


def test_of_the_hostile_nothing_is_left() -> None:
    for text in HOSTILE.values():
        assert not UNSEEN & set(inert(text, 1_000))
        assert "\n" not in one_line(text, 1_000)


@given(st.text(), st.integers(1, 50))
def test_it_is_utf_8_and_bounded(text: str, most: int) -> None:
    assert len(inert(text, most)) <= most
    assert len(one_line(text, most)) <= most
    inert(text, most).encode()
    assert "\n" not in one_line(text, most)
