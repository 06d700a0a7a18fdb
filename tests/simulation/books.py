"""The timeline, put in order by invocation and attempt: who asked, what was held, what arrived, what was billed, what was settled."""

import re
from dataclasses import dataclass, field
from typing import Final

from tests.simulation import timeline as seen
from tests.simulation.plan import Behaviour, Call, Plan, Policy

from orchvynt.model import facts as f

MARK: Final = re.compile(r"#(\d+)#")
NEVER: Final = 1 << 62


@dataclass
class Attempt:
    """`*_seq` are places in the timeline, NEVER for what did not come."""

    attempt: str
    inv: str
    hold: f.HoldPlaced | None = None
    held_seq: int = NEVER
    sent_seq: int = NEVER
    arrivals: list[tuple[int, seen.Arrival]] = field(default_factory=list)
    bill: seen.Bill | None = None
    billed_seq: int = NEVER
    receipts: list[f.AttemptSettled] = field(default_factory=list)
    settled_seq: int = NEVER
    void: f.HoldVoided | None = None
    over_seq: int = NEVER
    outcome: str = ""
    behaviour: Behaviour | None = None
    healthy: bool = False
    """The provider was told to answer this attempt as it should."""
    before: tuple["Attempt", ...] = ()
    """Those of the same invocation."""

    @property
    def calls(self) -> int:
        """1 if it counts its invocation: whatever came before it was voided."""
        return int(all(one.void is not None for one in self.before))


@dataclass
class Invocation:
    inv: str
    policy: Policy
    call: Call | None = None
    facts: list[tuple[int, f.AnyFact]] = field(default_factory=list)
    attempts: dict[str, Attempt] = field(default_factory=dict)


class Books:
    """Everything of one seed. `heard` is by call; `settled` counts receipts as they came on record."""

    def __init__(self, plan: Plan, timeline: seen.Timeline) -> None:
        self.plan = plan
        self.calls = {call.number: call for call in plan.calls}
        self.entries = timeline.entries
        self.invocations: dict[str, Invocation] = {}
        self.attempts: dict[str, Attempt] = {}
        self.stray: list[seen.Arrival] = []
        self.heard: dict[int, list[tuple[int, seen.Heard]]] = {}
        self.versions: dict[int, Policy] = {}
        self._by_arrival: dict[int, Attempt] = {}
        self._asked: dict[tuple[int, str], int] = {}
        self._of_call = {(one.call, one.provider): one for one in plan.behaviours}
        for seq, entry in enumerate(self.entries):
            self._take(seq, entry)

    def _take(self, seq: int, entry: seen.Entry) -> None:
        match entry:
            case seen.Applied():
                self.versions[entry.version] = self.plan.policies[entry.policy]
            case seen.Written():
                for fact in entry.facts:
                    self._fact(seq, fact)
            case seen.Arrival():
                self._arrival(seq, entry)
            case seen.Bill():
                attempt = self._by_arrival.get(entry.entry.n)
                if attempt is not None:
                    attempt.bill, attempt.billed_seq = entry, seq
            case seen.Heard():
                self.heard.setdefault(entry.call, []).append((seq, entry))
                inv = self.invocations.get(entry.headers.get("x-orchvynt-invocation", ""))
                if inv is not None and inv.call is None:
                    inv.call = self.calls[entry.call]
            case _:
                pass

    def _fact(self, seq: int, fact: f.AnyFact) -> None:
        if isinstance(fact, f.InvocationReceived):
            self.invocations[fact.inv] = Invocation(fact.inv, self.versions[fact.policy_version])
        inv = self.invocations.get(fact.inv)
        if inv is None:
            return
        inv.facts.append((seq, fact))
        attempt = self._attempt(inv, fact.attempt) if isinstance(fact, OF_ATTEMPTS) else None
        if attempt is None:
            return
        match fact:
            case f.HoldPlaced():
                attempt.hold, attempt.held_seq = fact, seq
            case f.AttemptSent():
                attempt.sent_seq = seq
            case f.AttemptEnded():
                attempt.outcome = fact.outcome
            case f.AttemptSettled():
                attempt.receipts.append(fact)
                attempt.settled_seq = min(attempt.settled_seq, seq)
                attempt.over_seq = min(attempt.over_seq, seq)
            case f.HoldVoided():
                attempt.void = fact
                attempt.over_seq = min(attempt.over_seq, seq)

    def _attempt(self, inv: Invocation, name: str) -> Attempt:
        attempt = self.attempts.get(name)
        if attempt is None:
            attempt = Attempt(name, inv.inv, before=tuple(inv.attempts.values()))
            self.attempts[name] = inv.attempts[name] = attempt
        return attempt

    def _arrival(self, seq: int, entry: seen.Arrival) -> None:
        attempt = self.attempts.get(entry.entry.client_request_id)
        if attempt is None:
            self.stray.append(entry)
            return
        attempt.arrivals.append((seq, entry))
        self._by_arrival[entry.entry.n] = attempt
        inv = self.invocations[attempt.inv]
        if mark := MARK.match(entry.entry.last_user):
            inv.call = inv.call or self.calls[int(mark[1])]
            asked = (int(mark[1]), entry.entry.provider)
            attempt.behaviour = self._of_call.get(asked)
            nth = self._asked[asked] = self._asked.get(asked, 0) + 1
            one = attempt.behaviour
            attempt.healthy = one is not None and (not one.fault or (one.once and nth > 1))


OF_ATTEMPTS: Final = (f.HoldPlaced, f.AttemptSent, f.AttemptEnded, f.AttemptSettled, f.HoldVoided)
