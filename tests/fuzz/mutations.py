"""Hypothesis strategies: a valid message with a few edits, or two spliced together. Other bytes rarely get past the first check."""

from collections.abc import Sequence

from hypothesis import strategies as st

_EDITS_MAX = 4
_REPEATED_MAX = 64


def messages(seeds: Sequence[bytes], words: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Mostly edited seeds; sometimes words in a row, sometimes any bytes."""
    return st.one_of(_edited(seeds, words), _edited(seeds, words), st.lists(st.sampled_from(words)).map(b"".join), st.binary(max_size=200))


@st.composite
def _edited(draw: st.DrawFn, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    message = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, _EDITS_MAX))):
        at = draw(st.integers(0, len(message)))
        end = min(len(message), at + draw(st.sampled_from((0, 0, 1, 1, 2, 5, 16))))
        piece = draw(
            st.one_of(
                st.sampled_from(words), st.sampled_from(words), st.binary(max_size=3), _part(message), _part(draw(st.sampled_from(seeds)))
            )
        )
        message = message[:at] + piece + message[end:]
    return message


@st.composite
def _part(draw: st.DrawFn, message: bytes) -> bytes:
    """A part of a message, to be repeated elsewhere."""
    at = draw(st.integers(0, len(message)))
    return message[at : at + draw(st.integers(0, _REPEATED_MAX))]
