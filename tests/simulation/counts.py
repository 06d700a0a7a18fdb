"""What a seed reached: steps of the lifecycle, what happened on budgets, how providers and processes failed."""

from collections import Counter
from typing import Final

from tests.simulation import timeline as seen
from tests.simulation.plan import Plan
from tests.simulation.timeline import Timeline

from orchvynt.model import facts as f

BUDGET_EVENTS: Final = (
    "hold placed", "hold awaited", "hold voided", "output limited", "settled as reported", "settled at an estimate", "overrun",
    "settled after a crash", "voided after a crash", "interrupted", "candidate skipped", "refused with 402", "waited in vain",
    "let in after a wait", "condition failed", "refused for a full disk", "hold in a later window", "free past an exhausted budget",
    "policy applied", "answered again", "rescued",
)  # fmt: skip


def counts(plan: Plan, timeline: Timeline, edges: Counter[tuple[str, str]]) -> Counter[str]:
    """By words; edges as `phase × Event`."""
    found: Counter[str] = Counter({f"edge: {phase} × {event}": number for (phase, event), number in edges.items()})
    windows: dict[tuple[str, str], int] = {}
    waiting: set[str] = set()
    arrived: set[int] = set()
    for entry in timeline.entries:
        match entry:
            case seen.Written():
                for fact in entry.facts:
                    _fact(fact, found, windows, waiting)
            case seen.Began():
                found["settled after a crash"] += entry.settled_at_bound
                found["voided after a crash"] += entry.voided
                found["interrupted"] += entry.interrupted
                found["lives"] += 1
            case seen.Ended():
                found[f"death: {entry.how} {entry.where}".rstrip()] += 1
                found["kills"] += entry.how == "kill"
            case seen.Applied():
                found["policy applied"] += entry.version > 1
            case seen.Heard():
                found["calls"] += 1
                found[f"heard: {entry.how} {entry.status}"] += 1
                found["refused with 402"] += entry.status == 402
                found["refused for a full disk"] += entry.status == 503 and b"store_unavailable" in entry.body
            case seen.Arrival():
                found["arrivals"] += 1
                arrived.add(entry.entry.n)
            case seen.Bill():
                found[f"bill: {entry.entry.how}"] += 1
            case _:
                pass
    found["provider faults"] += sum(bool(one.fault or one.usage) for one in plan.behaviours)
    found["outages"] += len(plan.outages)
    found["full disks"] += len(plan.disk_full)
    return found


def _fact(fact: f.AnyFact, found: Counter[str], windows: dict[tuple[str, str], int], waiting: set[str]) -> None:
    match fact:
        case f.HoldPlaced():
            found["hold placed"] += bool(fact.reserved)
            found["output limited"] += bool(fact.limited_by)
            found["let in after a wait"] += fact.inv in waiting
            waiting.discard(fact.inv)
            for part in fact.reserved:
                before = windows.setdefault((part.budget, part.subject), part.window)
                found["hold in a later window"] += part.window > before
                windows[part.budget, part.subject] = part.window
        case f.HoldAwaited():
            found["hold awaited"] += 1
            waiting.add(fact.inv)
        case f.HoldVoided():
            found["hold voided"] += 1
        case f.AttemptSettled():
            found["settled at an estimate" if fact.usage.estimated else "settled as reported"] += 1
            found["overrun"] += fact.overrun
        case f.CandidateSkipped():
            found["candidate skipped"] += 1
            found["waited in vain"] += fact.inv in waiting
            waiting.discard(fact.inv)
        case f.InvocationRefused():
            found["condition failed"] += fact.code == "policy_error"
        case f.StreamRescued():
            found["rescued"] += 1
        case _:
            found["answered again"] += type(fact).__name__ == "AnswerRepeated"
