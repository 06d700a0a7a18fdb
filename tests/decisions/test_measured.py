"""How long a model's answers are: unmeasured at first, then the p99 of the last ones."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.budgets.measured import ANSWERS_KEPT, ANSWERS_NEEDED, OutputSizes
from orchvynt.decisions.budgets.sizing import OUTPUT_TOKENS_UNKNOWN


def test_a_model_is_unmeasured_until_enough_answers_came() -> None:
    sizes = OutputSizes()
    for _ in range(ANSWERS_NEEDED - 1):
        sizes.add("gpt", 10)
    assert sizes.typical("gpt") == OUTPUT_TOKENS_UNKNOWN
    sizes.add("gpt", 10)
    assert sizes.typical("gpt") == 10
    assert sizes.typical("claude") == OUTPUT_TOKENS_UNKNOWN


def test_old_answers_are_forgotten() -> None:
    sizes = OutputSizes()
    for _ in range(ANSWERS_KEPT):
        sizes.add("gpt", 4_000)
    for _ in range(ANSWERS_KEPT):
        sizes.add("gpt", 7)
    assert sizes.typical("gpt") == 7


def test_answers_of_nothing_are_typically_one_token() -> None:
    sizes = OutputSizes()
    for _ in range(ANSWERS_NEEDED):
        sizes.add("gpt", 0)
    assert sizes.typical("gpt") == 1


@settings(max_examples=50)
@given(st.lists(st.integers(1, 10_000), min_size=ANSWERS_NEEDED, max_size=ANSWERS_KEPT + 3 * ANSWERS_NEEDED))
def test_at_most_one_in_a_hundred_of_the_kept_answers_is_longer(answers: list[int]) -> None:
    sizes = OutputSizes()
    for one in answers:
        sizes.add("gpt", one)
    measured = answers[: len(answers) // ANSWERS_NEEDED * ANSWERS_NEEDED][-ANSWERS_KEPT:]
    longer = sum(one > sizes.typical("gpt") for one in measured)
    assert longer * 100 <= len(measured)
    assert sizes.typical("gpt") in measured
