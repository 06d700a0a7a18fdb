"""What came of one invocation: read from its record and from what its caller got. It judges nothing."""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from orchvynt.lifecycle.explain import explain
from orchvynt.model import facts as f
from orchvynt.model.budget_facts import PROMPTS
from orchvynt.rehearsal.caller import RehearsedLine

Kind = TypeVar("Kind")
BUDGET: Final = "budget:"


class Happened(msgspec.Struct, frozen=True):
    """Empty texts and 0 stand for nothing. `model`, `provider` and `tier` are those of the answer, delivered or parked.

    `budgets` are those that applied, `breached` those that had no room. `refused` is the code that the caller got. `routed` says
    whether the request came as far as the routing rules.
    """

    model: str = ""
    provider: str = ""
    tier: int = 0
    rule: str = ""
    triggers: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()
    breached: tuple[str, ...] = ()
    refused: str = ""
    status: int = 0
    rejected: tuple[str, ...] = ()
    run: str = ""
    limited_by: str = ""
    routed: bool = False
    outcome: str = "refused"
    verdict: str = ""
    duration_ms: float = 0.0


def read(record: Sequence[f.AnyFact], line: RehearsedLine) -> Happened:
    """`record` is empty where the request was refused before it became an invocation."""
    code, words = line.error
    if not record:
        return Happened(refused=code, status=line.status, verdict=f"Refused ({line.status} {code}): {words}")
    told = explain(record)
    received, routed = _first(record, f.InvocationReceived), _first(record, f.Routed)
    ended = {fact.attempt: fact for fact in record if isinstance(fact, f.AttemptEnded)}
    # The answer is that of the last attempt which gave one; a stream that broke off later was delivered all the same.
    streamed = any(isinstance(fact, f.AnswerDelivered) for fact in record)
    sent = [fact for fact in record if isinstance(fact, f.AttemptSent) and fact.purpose != "judge"]
    answering = [one for one in sent if (end := ended.get(one.attempt)) is not None and end.outcome == "answered"]
    answer = answering[-1] if answering else sent[-1] if sent and streamed else None
    broken = [fact.code for fact in record if isinstance(fact, f.StreamEnded) and not fact.whole]
    holds = [fact for fact in record if isinstance(fact, f.HoldPlaced)]
    breached = _breached(record)
    return Happened(
        model=answer.model if answer else "",
        provider=answer.provider if answer else "",
        tier=answer.tier if answer else 0,
        rule=routed.rule if routed else "",
        triggers=tuple(fact.trigger for fact in record if isinstance(fact, f.FallbackActivated)),
        gates=tuple(fact.gate for fact in record if isinstance(fact, f.GateJudged) and fact.verdict != "passed"),
        budgets=tuple(dict.fromkeys([*_held_on(holds), *breached])),
        breached=breached,
        refused=code or (broken[-1] if broken else ""),
        status=line.status,
        rejected=tuple(one.model for one in routed.rejected) if routed else (),
        run=received.claims.run if received else "",
        limited_by=holds[-1].limited_by if holds else "",
        routed=routed is not None,
        outcome=told.outcome,
        verdict=told.verdict,
        duration_ms=told.totals.duration_ms,
    )


def _held_on(holds: list[f.HoldPlaced]) -> list[str]:
    return [part.budget for hold in holds for part in hold.reserved if not part.budget.endswith(PROMPTS)]


def _breached(record: Sequence[f.AnyFact]) -> tuple[str, ...]:
    found = [fact.why.removeprefix(BUDGET) for fact in record if isinstance(fact, f.CandidateSkipped) and fact.why.startswith(BUDGET)]
    found += [str(fact.detail["budget"]) for fact in record if isinstance(fact, f.InvocationRefused) and "budget" in fact.detail]
    return tuple(dict.fromkeys(found))


def _first(record: Sequence[f.AnyFact], kind: type[Kind]) -> Kind | None:
    return next((fact for fact in record if isinstance(fact, kind)), None)
