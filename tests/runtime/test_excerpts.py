"""What leaves of content, where a destination may have any: short, inert, and without what detectors find."""

import pytest
from tests.support.hostile_words import HOSTILE, UNSEEN

from orchvynt.runtime.excerpts import CHARS_MAX, clipped


def test_plain_words_pass_and_are_cut() -> None:
    assert clipped("buy ten shares\nof x") == "buy ten shares\nof x"
    assert len(clipped("word " * 1_000)) == CHARS_MAX


@pytest.mark.parametrize(
    ("held", "kind"),
    [("pay to DE89 3704 0044 0532 0130 00", "iban"), ("card 4111 1111 1111 1111", "credit_card"), ("ask ana.lee@example.com", "email")],
)
def test_a_line_with_personal_data_is_held_back(held: str, kind: str) -> None:
    assert clipped(f"before\n{held}\nafter") == f"before\n[held back: {kind}]\nafter"


def test_credentials_do_not_leave() -> None:
    assert "abcdefgh" not in clipped("the key is sk-abcdefgh12345678")


def test_what_nobody_sees_does_not_leave_either() -> None:
    for text in HOSTILE.values():
        assert not UNSEEN & set(clipped(text))
