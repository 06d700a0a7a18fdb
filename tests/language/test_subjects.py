"""The subject of a scope and of an expression: one text for one value, bounded, safe, and another for another value."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import invocation

from orchvynt.language.compiled import EvaluationError, Expression
from orchvynt.language.snapshot import Scope
from orchvynt.language.subjects import EVERYBODY, NOBODY, SUBJECT_CHARS_MAX, NoScalarError, subject, subject_text
from orchvynt.model.invocation import Claims

CLAIMS = Claims(workflow="docs", agent="drafting", run="r1", session="s1", context={"customer": "c7"})


def by(result: object) -> Expression:
    def evaluate(_: Mapping[str, object]) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    return Expression("context.customer", evaluate, frozenset({"context"}))


@pytest.mark.parametrize(
    ("scope", "named", "unnamed"),
    [
        ("global", EVERYBODY, EVERYBODY),
        ("invocation", "inv_1", "inv_1"),
        ("key", "k", "k"),
        ("workflow", "docs", NOBODY),
        ("agent", "drafting", NOBODY),
        ("run", "r1", NOBODY),
        ("session", "s1", NOBODY),
    ],
)
def test_a_claim_that_is_left_out_is_a_subject_of_its_own(scope: Scope, named: str, unnamed: str) -> None:
    assert subject(scope, None, invocation(claims=CLAIMS), {}) == named
    assert subject(scope, None, invocation(), {}) == unnamed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("c7", "c7"),
        ("Zoë & Söhne", "Zoë & Söhne"),
        (None, NOBODY),
        ("", NOBODY),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (7.0, "7"),
        (-0.0, "0"),
        (7.5, "7.5"),
        (12345678901234567890, "12345678901234567890"),
        (1e300, "1e+300"),
        (float("nan"), "nan"),
    ],
)
def test_a_value_has_one_text(value: object, text: str) -> None:
    assert subject(None, by(value), invocation(), {}) == text
    assert subject(None, by(text), invocation(), {}) == text


@pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}])
def test_a_list_or_a_map_is_no_subject(value: object) -> None:
    with pytest.raises(NoScalarError, match=r"`context\.customer` is a (list|map), and a subject is a text"):
        subject(None, by(value), invocation(), {})


def test_an_expression_that_fails_says_so() -> None:
    with pytest.raises(EvaluationError, match="no such"):
        subject(None, by(EvaluationError("no such")), invocation(), {})


@given(st.one_of(st.text(max_size=600), st.integers(), st.floats(), st.booleans(), st.none()))
def test_every_subject_is_bounded_and_prints(value: object) -> None:
    text = subject_text(value)
    assert 0 < len(text) <= 6 * SUBJECT_CHARS_MAX
    assert text.isprintable()
    assert subject_text(text) == text or len(text) > SUBJECT_CHARS_MAX


def test_long_and_hostile_values_stay_apart() -> None:
    values = ["a" * 256, "a" * 257, "a" * 258, "a\x00", "a\x01", "a\\u0000", "a\u202e", "\ud800", 1 << 4_000, 1 << 4_001]
    texts = [subject_text(value) for value in values]
    assert len(set(texts)) == len(values)
    assert all(text.isprintable() for text in texts)
    assert texts[3].startswith("a\\u0000…")
