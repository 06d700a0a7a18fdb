"""A seed as a person reads it: one line for each thing that was seen, with its virtual time."""

from collections.abc import Iterator
from typing import Final

from tests.simulation import timeline as seen
from tests.simulation.callers import read
from tests.simulation.plan import SECOND, Plan
from tests.simulation.timeline import Timeline

from orchvynt.model import facts as f

_LEFT_OUT: Final = frozenset({"inv", "at", "attempt", "reserved", "usage", "state", "body", "claims", "candidates", "detail", "message"})
_LEFT_OUT_FACTS: Final = (f.InvocationReceived, f.Routed)


def trace(plan: Plan, timeline: Timeline) -> Iterator[str]:
    for number, policy in enumerate(plan.policies):
        yield f"policy {number}:"
        yield from (f"    {line}" for line in policy.yaml.splitlines())
    calls = {call.number: call for call in plan.calls}
    for entry in timeline.entries:
        at = f"{(entry.at - timeline.began) / SECOND:>14.3f}"
        match entry:
            case seen.Asked():
                call = calls[entry.call]
                limit = "" if call.max_tokens is None else f", max_tokens {call.max_tokens}"
                how = f"{call.dialect}{', stream' if call.stream else ''}{limit}, {dict(call.claims)}{', ' + call.key if call.key else ''}"
                yield f"{at}  call {entry.call} asks ({how}), its text is {call.text[:40]!r}"
            case seen.Written():
                yield from (f"{at}    on record: {_fact(fact)}" for fact in entry.facts)
            case seen.Arrival():
                one = entry.entry
                yield f"{at}  {one.client_request_id} arrives at {one.provider} as number {one.n}, max_tokens {one.max_tokens}"
            case seen.Bill():
                billed = entry.entry.billed
                yield f"{at}  number {entry.entry.n} is billed {billed.input} in, {billed.output} out ({entry.entry.how})"
            case seen.Heard():
                said = read(calls[entry.call], entry.status, entry.how, entry.body)
                what = f"{entry.status} {said.code}{' whole' if said.whole else ''}, {len(said.text)} chars"
                yield f"{at}  call {entry.call} is {entry.how}: {what}"
            case seen.Applied():
                yield f"{at}  policy {entry.policy} is in force, as version {entry.version}"
            case seen.Began():
                found = f"{entry.settled_at_bound} settled at their bound, {entry.voided} voided, {entry.interrupted} interrupted"
                yield f"{at}  A PROCESS SERVES: {found}"
            case seen.Ended():
                yield f"{at}  THE PROCESS IS GONE: {entry.how} {entry.where}"
            case seen.Rest():
                yield f"{at}  at rest: open holds {list(entry.open_holds)}, unfinished {list(entry.unfinished)}"
                for line in entry.budgets:
                    used = f"{line.settled_nanos} nanos, {line.settled_tokens} tokens settled"
                    yield f"{at}    {line.name}/{line.subject}: {used}, {line.held_nanos} and {line.held_tokens} held, {line.waiting} wait"
            case seen.Defect():
                yield f"{at}  DEFECT: {entry.text}"


def _fact(fact: f.AnyFact) -> str:
    """Its name, whose it is, and what it says, without what is empty or long."""
    whose = getattr(fact, "attempt", "") or fact.inv
    fields = () if isinstance(fact, _LEFT_OUT_FACTS) else [name for name in fact.__struct_fields__ if name not in _LEFT_OUT]
    said = {name: value for name in fields if (value := getattr(fact, name)) not in ("", 0, (), None, False)}
    parts = [f"{part.budget}/{part.subject}: {part.nanos} nanos, {part.tokens} tokens" for part in getattr(fact, "reserved", ())]
    return f"{type(fact).__name__} {whose} {said or ''}{' on ' + '; '.join(parts) if parts else ''}"
