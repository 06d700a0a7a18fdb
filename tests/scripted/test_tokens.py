"""The tokeniser: lossless, bounded by bytes, and counting without splitting gives the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.scripted import tokens

TEXTS = st.text(max_size=300) | st.text(alphabet=" \n\tab.,;éß漢🎉", max_size=300)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_pieces_join_to_the_text_and_are_small(text: str) -> None:
    pieces = tokens.split(text)
    assert "".join(pieces) == text
    assert all(1 <= len(piece.encode("utf-8", "surrogatepass")) <= tokens.PIECE_BYTES_MAX for piece in pieces)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_count_is_the_number_of_pieces_and_never_above_the_bytes(text: str) -> None:
    assert tokens.count(text) == len(tokens.split(text)) <= len(text.encode("utf-8", "surrogatepass"))


def test_words_keep_the_blank_before_them() -> None:
    assert tokens.split("Hi there, you") == ["Hi", " the", "re", ",", " you"]
