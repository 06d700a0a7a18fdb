"""How much a model may think where we lowered the limit of its answer, of which thinking is a part.

`budget_tokens` must be at least 1,024 and less than `max_tokens` (https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking).
"""

from typing import Any, Final

THINKING_LEAST: Final = 1_024


def thinking_within(thinking: dict[str, Any], limit: int) -> dict[str, Any] | None:
    """The caller's `thinking` as it may stand beside a limit of `limit` tokens; None where there is no room to think at all.

    What fits stays as it is. Else an eighth of the limit is left for the words of the answer."""
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int) or budget < limit:
        return thinking
    room = limit - max(1, limit // 8)
    return {**thinking, "budget_tokens": room} if room >= THINKING_LEAST else None
