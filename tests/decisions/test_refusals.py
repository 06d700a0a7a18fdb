"""What a refused caller is told: which budget, the numbers that decided, when it resets, and what to do."""

import json

import msgspec
from tests.support.budgets import line

from orchvynt.decisions.budgets.ledger import Line
from orchvynt.decisions.budgets.needs import Short
from orchvynt.decisions.budgets.refusals import budget_exceeded, detail, no_room, too_deep
from orchvynt.language.snapshot import Budget, Limits

MIDNIGHT = 1_798_848_000_000_000_000  # 2027-01-02T00:00:00Z
DAILY = line(subject="doc-analysis", resets_at=MIDNIGHT, terms=Budget("docs", "workflow", None, "day", Limits(2_500_000_000)))
FOREVER = line(subject="r1", terms=Budget("cap", "run", None, "lifetime", Limits(tokens=100)))


def test_money_is_told_in_dollars_and_tokens_as_they_are() -> None:
    money = detail(Short(DAILY, False, "nanos", 2_500_000_000, 2_400_000_000, 50_000_000, 123_000_000))
    assert money == {
        "budget": "docs", "subject": "doc-analysis", "unit": "usd", "limit": "2.5", "spent": "2.4", "held": "0.05", "needed": "0.123",
        "resets": "2027-01-02T00:00:00Z",
    }  # fmt: skip
    tokens = detail(Short(FOREVER, False, "tokens", 100, 90, 0, 30))
    assert (tokens["unit"], tokens["limit"], tokens["spent"], tokens["needed"], tokens["resets"]) == ("tokens", 100, 90, 30, None)


def test_what_rolls_resets_at_the_next_whole_second() -> None:
    """Whoever comes back then must find room, so it is never told too early."""
    rolling = msgspec.structs.replace(DAILY, resets_at=MIDNIGHT + 1)
    assert detail(Short(rolling, False, "nanos", 3, 2, 0, 2))["resets"] == "2027-01-02T00:00:01Z"


def test_the_refusal_says_it_all_and_forbids_a_retry() -> None:
    fault = budget_exceeded(Short(DAILY, False, "nanos", 2_500_000_000, 2_400_000_000, 50_000_000, 123_000_000), waited=False)
    assert (fault.code, fault.status, fault.should_retry) == ("budget_exceeded", 402, False)
    for words in ("docs", "workflow doc-analysis", "limit 2.5 USD", "spent 2.4", "held 0.05", "needs 0.123", "2027-01-02T00:00:00Z"):
        assert words in fault.message
    assert "orchvynt budgets" in fault.help
    json.dumps(fault.detail)


def test_who_waited_in_vain_and_what_never_resets_are_said() -> None:
    fault = budget_exceeded(Short(FOREVER, True, "tokens", 100, 50, 40, 30), waited=True)
    assert "Holds in flight stood in the way" in fault.message
    assert "does not reset by itself" in fault.message
    assert "Holds in flight" not in budget_exceeded(Short(FOREVER, False, "tokens", 100, 90, 0, 30), waited=False).message


def test_who_came_too_often_is_stopped_and_told_how_often() -> None:
    fault = no_room(Short(FOREVER, False, "invocations", 200, 198, 2, 1), waited=True)
    assert (fault.code, fault.status, fault.should_retry) == ("run_stopped", 402, False)
    for words in ("Budget cap (run r1)", "200 invocations", "2 of them in flight", "the limit is 200", "does not reset"):
        assert words in fault.message
    assert "limit.invocations" in fault.help
    assert (fault.detail["unit"], fault.detail["spent"], fault.detail["held"], fault.detail["limit"]) == ("invocations", 198, 2, 200)


def test_who_repeats_itself_is_told_so_without_the_digest() -> None:
    prompts = Line(DAILY.terms, "docs#same_prompt", "a:b:0123abcd", 0, MIDNIGHT, Limits(invocations=5))
    fault = no_room(Short(prompts, False, "invocations", 5, 5, 0, 1), waited=False)
    assert fault.code == "run_stopped"
    for words in ("Budget docs (workflow a:b)", "the same prompt came 5 times", "the limit is 5", "resets at 2027-01-02T00:00:00Z"):
        assert words in fault.message
    assert "in flight" not in fault.message
    assert (fault.detail["unit"], fault.detail["subject"]) == ("same_prompt", "a:b")
    assert "0123abcd" not in json.dumps([fault.message, fault.detail])


def test_who_is_nested_too_deep_is_told_how_deep() -> None:
    fault = too_deep(msgspec.structs.replace(DAILY.terms, depth=8), "doc-analysis", 9)
    assert (fault.code, fault.detail["depth"], fault.detail["limit"]) == ("run_stopped", 9, 8)
    assert "its depth is 9, the limit 8" in fault.message


def test_money_and_tokens_are_refused_as_before() -> None:
    assert no_room(Short(FOREVER, True, "tokens", 100, 50, 40, 30), waited=True).code == "budget_exceeded"
