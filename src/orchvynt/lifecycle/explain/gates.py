"""What gates read of an answer, and what they said of it, in words."""

from typing import Final

from orchvynt.lifecycle.explain.phrases import count, listing, quoted
from orchvynt.model.facts import AnswerMeasured, ConfidenceTaken, GateJudged

WOULD: Final[dict[str, str]] = {
    "would_park": "would have parked it",
    "would_refuse": "would have refused the stream",
    "would_review": "would have had it reviewed after the delivery",
}


def judged_text(fact: GateJudged) -> str:
    gate = f"gate {fact.gate} ({fact.stage})"
    calls = listing([f"{quoted(tool)} (call {index})" for index, tool in fact.calls])
    on = f" on {calls}" if calls else ""
    because = f" ({quoted(fact.problem)})" if fact.problem else ""
    if fact.would:
        verdict = f"{fact.verdict}{on}" if fact.verdict != "failed" else f"could not be judged{on}"
        return f"{gate} {verdict}{because}; it only observes, and {WOULD[fact.would]}"
    match fact.verdict:
        case "matched":
            return f"{gate} matched{on}: a person must look first{because}"
        case "passed":
            return f"{gate} passed{because}"
        case "failed":
            return f"{gate} could not be judged{on} and closes{because}"


def confidence_text(fact: ConfidenceTaken) -> str:
    """`the confidence of the answer of gpt-4o is 0.62, by its log probabilities`."""
    kind, _, of = fact.source.partition(":")
    match kind:
        case "judge":
            by = f"as {of} judges"
        case "json":
            by = f"by {of} in its JSON"
        case _:
            by = "by its log probabilities"
    if fact.value is None:
        return f"the confidence of the answer of {fact.model} is unknown, {by}: {quoted(fact.why)}"
    return f"the confidence of the answer of {fact.model} is {fact.value:.3g}, {by}"


def measured_text(fact: AnswerMeasured) -> str:
    """`the answer of gpt-4o is unusual in length (chars 9000), beside the 120 before it`."""
    beside = f"beside the {count(fact.samples, 'answer')} before it"
    if not fact.measured:
        return f"whether the answer of {fact.model} is unusual is unmeasured: there are {count(fact.samples, 'answer')} to compare it with"
    if not fact.unusual:
        return f"the answer of {fact.model} is as usual, {beside}"
    figures = ", ".join(f"{name} {value}" for name, value in fact.figures.items())
    return f"the answer of {fact.model} is unusual in {listing(list(fact.unusual))} ({quoted(figures)}), {beside}"
