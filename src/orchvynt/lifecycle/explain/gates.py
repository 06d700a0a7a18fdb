"""What gates read of an answer, and what they said of it, in words."""

from orchvynt.lifecycle.explain.phrases import count, listing, quoted
from orchvynt.model.facts import AnswerMeasured, ConfidenceTaken, GateJudged


def judged_text(fact: GateJudged) -> str:
    because = f": {quoted(fact.problem)}" if fact.problem else ""
    match fact.verdict:
        case "matched":
            return f"gate {fact.gate} ({fact.stage}) matched: a person must look first{f' ({quoted(fact.problem)})' if because else ''}"
        case "passed":
            return f"gate {fact.gate} ({fact.stage}) passed{because}"
        case "failed":
            return f"gate {fact.gate} ({fact.stage}) could not be judged and closes{because}"


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
