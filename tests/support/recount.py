"""Counts records again, by hand and another way: what the metrics page must show is what the records say."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

Entry = tuple[str, dict[str, Any]]
"""The kind of a fact and its fields, those with their default values left out."""

Counts = Counter[tuple[str, ...]]
"""By metric and the values of its labels, the labels in alphabetical order."""


def shown(page: str) -> dict[tuple[str, ...], float]:
    """All samples of a page, each under its name and its label values in the alphabetical order of the labels."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def recount(records: Iterable[list[Entry]], name: Callable[[str], str] = lambda model: model) -> Counts:
    """What whole records say. `name` gives the policy's name of a model."""
    counts: Counts = Counter()
    for record in records:
        _one(record, counts, name)
    return counts


def _one(record: list[Entry], counts: Counts, name: Callable[[str], str]) -> None:
    sent = {fields["attempt"]: (name(fields["model"]), fields["provider"]) for kind, fields in record if kind == "attempt_sent"}
    gates = {fields["review"]: fields["gate"] for kind, fields in record if kind == "review_opened"}
    dialect = next(fields["dialect"] for kind, fields in record if kind == "invocation_received")
    rule = next((fields["rule"] for kind, fields in record if kind == "routed"), "")
    for kind, fields in record:
        match kind:
            case "attempt_ended":
                model, provider = sent[fields["attempt"]]
                counts["orchvynt_attempts_total", model, fields["outcome"], provider] += 1
                if fields["outcome"] == "answered":
                    counts["orchvynt_attempt_duration_seconds_count", model, provider] += 1
            case "attempt_settled":
                _settled(fields, sent[fields["attempt"]], counts)
            case "retry_scheduled":
                counts["orchvynt_retries_total", name(fields["model"])] += 1
            case "fallback_activated":
                counts["orchvynt_fallbacks_total", name(fields["from_model"]), name(fields["to_model"]), fields["trigger"]] += 1
            case "gate_judged":
                counts["orchvynt_gates_judged_total", fields["gate"], fields["stage"], fields["verdict"]] += 1
            case "review_opened":
                counts["orchvynt_reviews_opened_total", fields["gate"]] += 1
            case "review_decided":
                counts["orchvynt_reviews_decided_total", fields["decision"], gates[fields["review"]]] += 1
            case "hold_awaited":
                counts["orchvynt_holds_awaited_total", fields["budget"]] += 1
            case "candidate_skipped":
                counts["orchvynt_candidates_skipped_total", name(fields["model"]), fields["why"].partition(":")[0]] += 1
            case "stream_ended":
                counts["orchvynt_streams_total", "whole" if fields["whole"] else "broken"] += 1
                counts["orchvynt_invocations_refused_total", fields.get("code", "")] += 1
            case "invocation_refused":
                counts["orchvynt_invocations_refused_total", fields["code"]] += 1
                if fields["code"] == "budget_exceeded":
                    counts["orchvynt_budget_refusals_total", fields["detail"]["budget"]] += 1
            case "caller_left":
                counts["orchvynt_callers_left_total", fields["where"]] += 1
                counts["orchvynt_streams_total", "caller_left"] += fields["where"] == "streaming"
            case "invocation_finished":
                model = name(fields["model"]) if fields.get("model") else ""
                who = (dialect, model, fields["outcome"], fields.get("provider", ""), rule)
                counts[("orchvynt_invocations_total", *who)] += 1
                counts["orchvynt_invocation_duration_seconds_count", fields["outcome"]] += not gates
    del counts["orchvynt_invocations_refused_total", ""]


def _settled(fields: dict[str, Any], asked: tuple[str, str], counts: Counts) -> None:
    usage = fields["usage"]
    model, provider = asked
    counts["orchvynt_tokens_total", model, provider, "input"] += usage.get("input_tokens", 0)
    counts["orchvynt_tokens_total", model, provider, "output"] += usage.get("output_tokens", 0)
    counts["orchvynt_cached_input_tokens_total", model, provider] += usage.get("cached_input_tokens", 0)
    counts["orchvynt_cost_usd_total", model, provider] += fields["nanos"]
    counts["orchvynt_receipts_total", model, provider, "estimated" if usage.get("estimated") else "reported"] += 1
    counts["orchvynt_overruns_total", model, provider] += bool(fields.get("overrun"))


def differences(page: str, counts: Counts) -> dict[tuple[str, ...], tuple[float, float]]:
    """Where a page and the records differ: what is shown, and what should be. Of counters that the page has and no record speaks of,
    all must be 0."""
    found = {key: value for key, value in shown(page).items() if any(key[0] == counted[0] for counted in counts)}
    merged: dict[tuple[str, ...], float] = {}
    for key, value in found.items():
        # The reason of a retry is a word of its own.
        short = key[:2] if key[0] == "orchvynt_retries_total" else key
        merged[short] = merged.get(short, 0) + value
    told = {key: count / 1e9 if key[0] == "orchvynt_cost_usd_total" else count for key, count in counts.items()}
    keys = sorted({*merged, *told})
    return {key: (merged.get(key, 0), told.get(key, 0)) for key in keys if abs(merged.get(key, 0) - told.get(key, 0)) > 1e-9}
