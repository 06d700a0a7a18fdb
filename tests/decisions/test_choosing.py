"""The best of a rule's candidates, and what a plan is where none passes."""

from typing import Any

import pytest
from tests.decisions.routing_policies import MINUTE, asking, chosen, names, planned, policy, reasons, rule

from orchvynt.decisions.routing.figures import Observed, nothing_observed
from orchvynt.model.invocation import Claims
from orchvynt.model.usage import Usage

FROM = ("gpt", "claude", "mini")


def choosing(asked: Any = None, observed: Observed | None = None, tiers: tuple[str, ...] = (), **how: Any) -> Any:
    made = policy(rule("best", choose=chosen(how.pop("models", FROM), **how)), tiers=tiers)
    return planned(made, asked or asking(), observed)


@pytest.mark.parametrize(
    ("prefer", "model", "why"),
    [
        ("cost", "mini", "rule best: cost 0.0003105, the best of 3"),
        ("latency", "mini", "rule best: p95_ms 2000, the best of 3"),
        ("quality", "claude", "rule best: quality 0.91, the best of 3"),
        ("1 - quality", "claude", "rule best: 1 - quality = 0.09, the best of 3"),
        ("samples", "gpt", "rule best: samples = 0, the best of 3"),
    ],
)
def test_by_what_is_preferred(prefer: str, model: str, why: str) -> None:
    found = choosing(prefer=prefer, asked=asking(input_text_bytes=54))
    assert names(found) == [model]
    assert found.candidates[0].why == why
    assert len(found.rejected) == 2


def test_a_test_rejects_with_its_numbers() -> None:
    found = choosing(where="quality >= 0.85 && p95_ms < 8000")
    assert names(found) == ["gpt"]
    assert reasons(found)["mini"] == "where: p95_ms 2000, quality 0.79"
    assert reasons(found)["claude"].startswith("cost 0.005")
    assert found.figures["gpt"].keys() == {"quality", "p95_ms", "cost"}


def test_an_unmeasured_figure_passes_and_is_marked() -> None:
    found = choosing(where="p95_ms < 1000", prefer="quality")
    assert [(one.model, one.unmeasured) for one in found.candidates] == [("claude", ("p95_ms",))]
    measured = nothing_observed()
    for _ in range(20):
        measured.statistics.answered("anthropic", "claude", 3_000_000_000, None, 0)
    fault = choosing(where="p95_ms < 1000", prefer="quality", observed=measured).refusal
    assert (fault.code, fault.status, fault.should_retry, fault.retry_after_seconds) == ("all_providers_failed", 503, True, 30)
    assert "claude: where: p95_ms 3" in fault.message
    assert [one["model"] for one in fault.detail["skipped"]] == ["gpt", "claude", "mini"]


def test_what_was_measured_wins_over_what_was_declared() -> None:
    observed = nothing_observed()
    for _ in range(20):
        observed.statistics.answered("openai", "mini", 9_000_000_000, None, 0)
    assert names(choosing(prefer="latency", observed=observed)) == ["gpt"]
    again = planned(policy(rule("best", choose=chosen(FROM, prefer="latency"))), asking(), observed, 6 * MINUTE)
    assert names(again) == ["mini"], "five minutes later only the declaration is left"


def test_measured_answers_make_the_cost() -> None:
    observed = nothing_observed()
    for _ in range(20):
        observed.statistics.answered("openai", "mini", 1_000_000, Usage(10, 60_000), 0)
    assert names(choosing(prefer="cost", observed=observed)) == ["gpt"]
    assert names(choosing(asking(max_output_tokens=10), prefer="cost", observed=observed)) == ["mini"], "the caller's limit bounds it"


def test_what_cannot_be_ranked_comes_last() -> None:
    found = choosing(models=("local", "gpt"), prefer="cost")
    assert names(found) == ["gpt"]
    assert reasons(found)["local"] == "cost unmeasured, and gpt has cost 0.0050625"
    alone = choosing(models=("local",), prefer="cost")
    assert [(one.model, one.unmeasured) for one in alone.candidates] == [("local", ("context", "cost"))]


def test_equals_keep_the_order_of_the_policy() -> None:
    assert names(choosing(models=("mini", "gpt"), prefer="samples")) == ["mini"]


def test_a_test_that_fails_admits_nobody() -> None:
    found = choosing(asking(claims=Claims(context={"n": "x"})), where="context.n + 1 > 0", tiers=("claude",))
    assert reasons(found) == dict.fromkeys(FROM, "where failed: `+` cannot take string and number")
    assert names(found) == ["claude"]


def test_a_preference_that_fails_chooses_all_the_same() -> None:
    found = choosing(asking(claims=Claims(context={"n": "x"})), prefer="context.n + 1")
    assert names(found) == ["gpt"]
    assert "a preference that failed" in found.candidates[0].why


def test_where_no_candidate_passes_the_chain_serves() -> None:
    found = choosing(where="quality > 0.99", tiers=("gpt", "claude"))
    assert [(one.tier, one.model, one.why) for one in found.candidates] == [(1, "gpt", "chain default"), (2, "claude", "chain default")]
    assert (found.rule, len(found.rejected), found.refusal) == ("best", 3, None)


def test_a_later_rule_does_not_serve_in_place_of_one_that_matched() -> None:
    made = policy(rule("best", choose=chosen(FROM, "quality > 0.99")), rule("next", use="mini"))
    found = planned(made, asking())
    assert (found.rule, found.candidates) == ("best", ())
    assert found.refusal is not None


def test_who_may_not_be_asked_is_no_candidate() -> None:
    found = choosing(asking(image_count=1), prefer="quality")
    assert names(found) == ["gpt"]
    assert reasons(found)["claude"] == "no images"
    fault = choosing(asking(image_count=1), models=("claude",)).refusal
    assert fault.code == "unsupported"


def test_the_chain_follows_without_the_chosen_one() -> None:
    found = choosing(prefer="cost", tiers=("gpt", "mini", "claude"))
    assert names(found) == ["mini", "gpt", "claude"]


def test_who_rests_is_not_healthy() -> None:
    observed = nothing_observed()
    tired = Observed(observed.statistics, observed.scores, lambda model, mono: model.name != "mini" or mono >= 10)
    made = policy(rule("best", choose=chosen(FROM, "healthy")))
    assert names(planned(made, asking(), tired)) == ["gpt"]
    assert names(planned(made, asking(), tired, 10)) == ["mini"]
