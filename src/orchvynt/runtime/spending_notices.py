"""Tells of thresholds of budgets: a sentence, the body of the message, and the lines that operators see while they stand."""

from typing import Any, Final

import msgspec

from orchvynt.decisions.alerts.spending import Reached
from orchvynt.decisions.budgets.refusals import amount_of
from orchvynt.language.document.amounts import share_text
from orchvynt.language.snapshot import Budget, Snapshot
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.facts import BudgetThresholdPassed
from orchvynt.runtime.control import AlertLine

MEMBERS_MAX: Final = 100
SAID_MAX: Final = 3
NEXT: Final = "orchvynt budgets"


def alert_name(budget: str) -> str:
    """What a budget's thresholds are called among the alerts."""
    return f"budget:{budget}"


def sentence(reached: Reached) -> str:
    """What happened, in plain text. Subjects are in it, for they say whose money it is; they are the caller's words."""
    said = "; ".join(_spent(one) for one in reached.members[:SAID_MAX])
    rest = len(reached.members) + reached.more - min(SAID_MAX, len(reached.members))
    more = f"; and {rest} more" if rest else ""
    return f"Budget {reached.budget} reached {share_text(reached.share)} of its limit: {said}{more}."


def _spent(one: BudgetThresholdPassed) -> str:
    whose = f"{one.scope} {one.subject}" if one.subject != "*" else "all together"
    how = {"refused": ", and a call did not fit any more", "clamped": ", and an answer had to be shortened"}.get(one.why, "")
    return f"{whose} spent {_amount(one, one.settled)} of {_amount(one, one.limit)} {_unit(one)}{how}"


def _amount(one: BudgetThresholdPassed, amount: int) -> str | int:
    return amount_of(one.unit, amount)


def _unit(one: BudgetThresholdPassed) -> str:
    return "USD" if one.unit == "usd" else one.unit.replace("_", " ")


def body(reached: Reached, version: int, at: int) -> bytes:
    """The message as JSON. `version` is of the policy in force, `at` now."""
    threshold = share_text(reached.share)
    data: dict[str, Any] = {
        "alert": alert_name(reached.budget),
        "when": f"{threshold} of budget {reached.budget}",
        "status": "firing",
        "repeated": False,
        "text": sentence(reached),
        "next": NEXT,
        "policy_version": version,
        "budget": reached.budget,
        "threshold": threshold,
        "group": [_member(one) for one in reached.members[:MEMBERS_MAX]],
        "more": max(0, len(reached.members) - MEMBERS_MAX) + reached.more,
    }
    return msgspec.json.encode({"type": "alert.firing", "timestamp": instant_text(at), "data": data})


def _member(one: BudgetThresholdPassed) -> dict[str, Any]:
    return {
        "scope": one.scope,
        "subject": one.subject,
        "unit": one.unit,
        "limit": _amount(one, one.limit),
        "spent": _amount(one, one.settled),
        "why": one.why,
        "since": instant_text(one.at),
        "resets": instant_text(one.resets_at) or None,
        "invocation": one.inv,
    }


def told(snapshot: Snapshot, budget: str) -> tuple[str, ...]:
    """Who is told, as the policy in force says; nobody, of a budget that it no longer has."""
    found = _budget(snapshot, budget)
    return tuple(name for name in found.notify if name in snapshot.destinations) if found is not None else ()


def _budget(snapshot: Snapshot, name: str) -> Budget | None:
    return next((budget for budget in snapshot.budgets if budget.name == name), None)


def alert_line(snapshot: Snapshot, one: BudgetThresholdPassed) -> AlertLine | None:
    """How it stands among the alerts; None for a budget that the policy no longer has."""
    if _budget(snapshot, one.budget) is None:
        return None
    when = f"{share_text(one.share)} of budget {one.budget}"
    spent = f"{_amount(one, one.settled)} of {_amount(one, one.limit)} {_unit(one)}"
    notify = told(snapshot, one.budget)
    return AlertLine(
        alert_name(one.budget), when, 0, "firing", "", "", None, 1, one.at, one.inv, notify, one.budget, one.subject,
        share_text(one.share), spent,
    )  # fmt: skip
