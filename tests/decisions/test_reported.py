"""What providers reported beyond the bound: trust ends with one report, a template is learned, a share of a text is not."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.budgets.reported import EXCESS_TOKENS_MOST, MODELS_KEPT, InputReports


def test_one_report_ends_the_trust_until_a_policy_is_applied() -> None:
    reports = InputReports()
    assert reports.trusts("gpt", 1)
    reports.exceeded("gpt", 1, "o200k_base", 100, 101)
    assert not reports.trusts("gpt", 1)
    assert reports.trusts("mini", 1)
    assert reports.trusts("gpt", 2)
    assert reports.excess("gpt") == 0


@given(st.lists(st.integers(1, EXCESS_TOKENS_MOST), min_size=1, max_size=8), st.integers(1, 10**6))
def test_what_a_template_adds_is_in_every_further_bound(templates: list[int], by_bytes: int) -> None:
    """Whatever the template grew to, the call after it is bounded."""
    reports = InputReports()
    for template in templates:
        bound = by_bytes + reports.excess("llama")
        if by_bytes + template > bound:
            reports.exceeded("llama", 1, "", bound, by_bytes + template)
        assert by_bytes + reports.excess("llama") >= by_bytes + template
    assert reports.excess("llama") == max(templates)
    assert reports.trusts("llama", 1)


def test_what_is_no_template_is_not_learned() -> None:
    reports = InputReports()
    reports.exceeded("llama", 1, "", 100, 100 + EXCESS_TOKENS_MOST + 1)
    assert reports.excess("llama") == 0


def test_it_does_not_grow_with_the_names_that_callers_invent() -> None:
    reports = InputReports()
    for number in range(MODELS_KEPT + 2):
        reports.exceeded(f"m{number}", 1, "", 1, 3)
        reports.exceeded(f"m{number}", 1, "o200k_base", 1, 3)
    assert reports.excess("m0") == 0
    assert reports.trusts("m0", 1)
    assert reports.excess(f"m{MODELS_KEPT + 1}") == 2
