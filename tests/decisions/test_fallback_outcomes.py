"""Whose breaker counts which outcome."""

import pytest

from orchvynt.decisions.fallback.outcomes import blames_address, blames_model
from orchvynt.language.document.fallback import TRIGGERS


@pytest.mark.parametrize("word", ["server_error", "malformed", "connection", "cut", "timeout", "stall", "overloaded", "rate_limit"])
def test_these_are_the_models(word: str) -> None:
    assert blames_model(word, True, 0)


@pytest.mark.parametrize("word", ["bad_request", "content_filter", "context_length", "policy", "auth", "quota"])
def test_these_are_nobodys(word: str) -> None:
    assert not blames_model(word, True, 0)


def test_a_limit_that_says_when_and_a_crowd_of_ours_are_not_the_models() -> None:
    assert not blames_model("rate_limit", True, 1)
    assert blames_model("overloaded", True, 1)
    assert not blames_model("overloaded", False, 0)


def test_the_address_is_blamed_for_connections_that_never_stood() -> None:
    assert {word for word in TRIGGERS if blames_address(word, False)} == {"connection", "timeout"}
    assert not any(blames_address(word, True) for word in TRIGGERS)
