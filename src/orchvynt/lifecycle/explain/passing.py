"""The words for a threshold of a budget that was passed."""

from orchvynt.lifecycle.explain.phrases import quoted
from orchvynt.model import facts as f
from orchvynt.model.money import usd_text


def passed_text(fact: f.BudgetThresholdPassed) -> str:
    """`80% of budget docs (docs) is spent, for the first time in its window: 2.1 of 2.5 usd`."""
    settled, limit = (usd_text(fact.settled), usd_text(fact.limit)) if fact.unit == "usd" else (fact.settled, fact.limit)
    share = f"{fact.share // 100}%" if fact.share % 100 == 0 else f"{fact.share / 100:g}%"
    how = {"refused": "; the call did not fit any more", "clamped": "; its answer had to be shortened"}.get(fact.why, "")
    first = "for the first time in this window" if fact.window else "for the first time"
    return f"{share} of budget {fact.budget} ({quoted(fact.subject)}) is reached {first}: {settled} of {limit} {fact.unit} are spent{how}"
