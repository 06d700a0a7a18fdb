"""What is spelt in many ways is read as one; nothing else changes, and no text grows."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.detectors.folding import FOLDS, folded


@pytest.mark.parametrize(
    ("text", "read"),
    [
        *(
            ("plain 12", "plain 12"),
            ("٣", "3"),
            ("𝟗", "9"),
            ("１２Ａ", "12A"),
            ("a\u200bb\u00adc\ufeff", "abc"),
            ("a\u00a0b\u3000c", "a b c"),
        ),
        *(
            ("a–b—c−d", "a-b-c-d"),
            ("it’s", "it's"),
            ("a·b。", "a.b."),
            ("é日", "é日"),
            (r"a\u0040b\n\"c\"", 'a@b\n"c"'),
            (r"C:\x", r"C:\x"),
        ),
        *((r"\ud83d", "\ud83d"), ("\u2028", "\n")),
    ],
)
def test_one_spelling(text: str, read: str) -> None:
    assert folded(text) == read


@given(st.text())
def test_no_text_grows_and_what_is_read_is_read_the_same_again(text: str) -> None:
    once = folded(text)
    assert len(once) <= len(text)
    if "\\" not in text:
        assert folded(once) == once


def test_the_tables_are_unicode_s() -> None:
    for code, read in FOLDS.items():
        category = unicodedata.category(chr(code))
        if category == "Nd":
            assert read == str(unicodedata.decimal(chr(code)))
        elif category == "Zs":
            assert read == " "
        elif category == "Cf":
            assert read == ""
    for code in range(0x80, 0x1E000):
        if unicodedata.category(chr(code)) == "Nd":
            assert code in FOLDS
