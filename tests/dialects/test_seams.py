"""Where a continuation joins what was delivered: never altered, never repeated, and never two answers in one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.catalog.continues import Continues
from orchvynt.dialects.seams import Prefix, Seam

ANSWER = "The quick brown fox jumps over the lazy dog. It was a fine day, and nobody minded."
texts = st.text(st.characters(codec="utf-8"), max_size=40)
splits = st.lists(st.integers(0, 200), max_size=8)


def joined(method: Continues, delivered: str, *parts: str) -> str | None:
    """The whole answer; None where the seam is torn."""
    seam = Seam(Prefix(method, delivered))
    out = "".join([seam.add(part) for part in parts])
    out += seam.end()
    if seam.torn:
        assert out == "", "nothing goes out of what does not join"
        return None
    return delivered + out


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place for place in places if place < len(text))})
    return [text[start:end] for start, end in pairwise(edges)]


@given(at=st.integers(1, len(ANSWER) - 1), places=splits)
def test_a_prefilled_model_goes_on_with_new_text(at: int, places: list[int]) -> None:
    # Its API takes white space away from the end of the turn, and the model says it again.
    rest = ANSWER[len(ANSWER[:at].rstrip()) :]
    assert joined("prefill", ANSWER[:at], *cut(rest, places)) == ANSWER


@given(at=st.integers(1, len(ANSWER) - 1), back=st.integers(0, len(ANSWER)), places=splits)
def test_a_model_that_was_asked_repeats_the_last_words_and_they_are_cut_away(at: int, back: int, places: list[int]) -> None:
    start = max(0, at - 20 - back)
    assert joined("instruct", ANSWER[:at], *cut(ANSWER[start:], places)) == ANSWER


@given(method=st.sampled_from(["prefill", "instruct"]), delivered=texts.filter(bool), places=splits)
def test_a_model_that_says_everything_again_is_cut_to_what_is_new(method: Continues, delivered: str, places: list[int]) -> None:
    delivered = ANSWER + delivered
    assert joined(method, delivered, *cut(delivered + " And so on.", places)) == delivered + " And so on."


@given(method=st.sampled_from(["prefill", "instruct"]), delivered=texts, continuation=texts, places=splits)
def test_any_split_gives_the_same_and_what_goes_out_is_an_end_of_what_came(
    method: Continues, delivered: str, continuation: str, places: list[int]
) -> None:
    whole = joined(method, delivered, continuation)
    assert joined(method, delivered, *cut(continuation, places)) == whole
    if whole is not None:
        assert whole.startswith(delivered)
        assert continuation.endswith(whole[len(delivered) :])


@pytest.mark.parametrize(
    ("delivered", "continuation", "whole"),
    [
        ("One two ", "three four", "One two three four"),
        ("One two ", " three four", "One two three four"),
        ("One two", ", three", "One two, three"),
        ("One two ", "two three", "One two three"),
        ("One twelve ", "twelve three", "One twelve three"),
        ("The answer is forty", "The answer is forty-two.", "The answer is forty-two."),
        ("The quick brown fox", "The quick brown dog jumps", None),
        ("You said: hel", "The next tier answers.", None),
        ("You said: hel", "something else", None),
        ("It is done. ", "something else", None),
        ("It is so ", "Sure! Here is the rest", None),
        ("It is so ", "", None),
        ("It is so ", "  ", None),
        ("ban", "ana", None),
        ("The capital of France is ", "is Paris", "The capital of France is Paris"),
        ("The capital of France is", "is Paris", "The capital of France is Paris"),
        ("The capital of France is", "isolated", None),
        ("It was then I", "I went", "It was then I went"),
        ("The answer is 42", "42 because", "The answer is 42 because"),
        ("The answer is 1", "1 because", None),
        ("The quick zebras", "k zebras run", "The quick zebras run"),
        ("The quick bras", "ck bras run", None),
    ],
)
def test_a_model_that_was_asked(delivered: str, continuation: str, whole: str | None) -> None:
    assert joined("instruct", delivered, continuation) == whole


@pytest.mark.parametrize(
    ("delivered", "continuation", "whole"),
    [
        ("ban", "ana", "banana"),
        ("ha", "ha", "haha"),
        ("One two ", "three", "One two three"),
        ("One two ", " three", "One two three"),
        ("x = 1\n\n", "\ny = 2", "x = 1\n\ny = 2"),
        ("The sky is blue", "", "The sky is blue"),
        ("The sky is blue because of light", "sky is blue because of light, scattered", "The sky is blue because of light, scattered"),
        ("The sky is blue because", "The sky is blue at noon", None),
        ("Hello wor", "Hello there, friend", None),
        ("One two ", "One two three", "One two three"),
    ],
)
def test_a_prefilled_model(delivered: str, continuation: str, whole: str | None) -> None:
    assert joined("prefill", delivered, continuation) == whole


def test_nothing_delivered_is_nothing_to_join() -> None:
    seam = Seam(Prefix("never", ""))
    assert (seam.add("Anything"), seam.verdict, seam.cut_chars) == ("Anything", "clean", 0)


def test_what_is_cut_is_counted() -> None:
    seam = Seam(Prefix("instruct", "One twelve "))
    assert (seam.add("twel"), seam.add("ve three"), seam.cut_chars) == ("", "three", 7)
