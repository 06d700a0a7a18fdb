"""What a lowered limit leaves of a caller's thinking."""

import pytest

from orchvynt.dialects.anthropic_messages.thoughts import thinking_within


@pytest.mark.parametrize(
    ("budget", "limit", "left"),
    [(2_000, 2_001, 2_000), (2_000, 2_000, 1_750), (8_000, 1_171, 1_025), (8_000, 1_169, None), (1_024, 16, None)],
)
def test_thinking_fits_the_limit_or_is_left_out(budget: int, limit: int, left: int | None) -> None:
    found = thinking_within({"type": "enabled", "budget_tokens": budget, "display": "x"}, limit)
    assert found == (None if left is None else {"type": "enabled", "budget_tokens": left, "display": "x"})


@pytest.mark.parametrize(
    "thinking", [{"type": "disabled"}, {"type": "adaptive"}, {"type": "enabled"}, {"type": "enabled", "budget_tokens": "x"}]
)
def test_what_has_no_budget_stays_as_it_is(thinking: dict[str, object]) -> None:
    assert thinking_within(thinking, 16) is thinking
