"""Hints as bytes, and how many may wait."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.adapters.hints import WAITING_MAX, Waiting, decoded, encoded


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_a_hint_comes_back(payload: str) -> None:
    payload = payload.encode(errors="replace").decode()
    assert decoded(encoded(("reviews", payload))) == ("reviews", payload)


@settings(max_examples=50)
@given(st.binary(max_size=100))
def test_what_is_not_understood_may_be_anything(data: bytes) -> None:
    assert decoded(data) == ("everything", "")


def test_what_a_later_build_says_may_be_anything() -> None:
    assert decoded('["weather","rain"]') == ("everything", "")


def test_a_hint_waits_once_and_too_many_are_everything() -> None:
    waiting = Waiting()
    assert not waiting
    for number in range(WAITING_MAX):
        waiting.add(("held", str(number)))
        waiting.add(("held", "0"))
    assert waiting.first() == ("held", "0")
    waiting.sent(("held", "0"))
    assert waiting.first() == ("held", "1")
    waiting.add(("policy", "1"))
    assert waiting.first() == ("held", "1")
    waiting.add(("policy", "2"))
    assert waiting.take() == [("everything", "")]
    assert not waiting
