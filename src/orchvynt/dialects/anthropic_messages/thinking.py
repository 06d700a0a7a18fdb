"""The budget of a caller's extended thinking beside its output limit: the API demands at least 1,024 tokens, and fewer than `max_tokens`
(https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking). A lowered limit lowers the budget in the same proportion."""

from typing import Final

from orchvynt.dialects.shapes import UnsupportedError

BUDGET_TOKENS_LEAST: Final = 1_024


def thinking_budget(thinking: object) -> int:
    """The budget that the caller gave; 0 where it gave none that the API would take."""
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return 0
    budget = thinking.get("budget_tokens")
    return budget if type(budget) is int and budget >= BUDGET_TOKENS_LEAST else 0


def fitted(thinking: object, limit: int, asked: int) -> object:
    """The same below a limit that was lowered from `asked`. Raises UnsupportedError where no budget is small enough.

    One that did not stand below the caller's own limit is left to the API to judge: with interleaved thinking it may."""
    budget = thinking_budget(thinking)
    if not isinstance(thinking, dict) or not budget or budget < limit or budget >= asked:
        return thinking
    if limit <= BUDGET_TOKENS_LEAST:
        raise UnsupportedError(
            f"Extended thinking needs more than {BUDGET_TOKENS_LEAST} tokens of output, and {limit} are left", "thinking"
        )
    return {**thinking, "budget_tokens": max(BUDGET_TOKENS_LEAST, limit * budget // asked)}
