"""Makes the gates of a snapshot, and what of it is protected."""

from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.compiled_gates import Confidence, Escalation, Gate, Group, Presidio, WorkingHours
from orchvynt.language.compiled_protected import Protected
from orchvynt.language.detecting import of_presidio
from orchvynt.language.document.gates import ConfidenceEntry, PresidioEntry
from orchvynt.language.document.hours import HoursEntry, days_of, minute_of
from orchvynt.language.source import Source
from orchvynt.model.emails import normalised


def build_groups(source: Source) -> dict[str, Group]:
    """Members as identities: an address is the same however it is written."""
    return {
        name: Group(
            name,
            tuple([normalised(member) or member for member in item.section.members]),
            item.section.oidc or "",
            tuple(item.section.notify),
        )
        for name, item in source.groups.items()
    }


def build_gates(source: Source, conditions: Conditions, timezone: str) -> tuple[Gate, ...]:
    """In the policy's order. `timezone` is the policy's."""
    made = []
    for item in source.gates:
        gate = item.section
        made.append(
            Gate(
                name=gate.name,
                stage=gate.stage,
                when=conditions.expression(f"{item.path}.when"),
                reviewers=gate.reviewers,
                require_reason=gate.require_reason,
                wait_up_to_ns=gate.wait.up_to,
                escalation=tuple([Escalation(step.after, step.to or "") for step in gate.escalation]),
                refuse_streams=gate.stream == "refuse",
                confidence=_confidence(gate.confidence) if gate.confidence is not None else None,
                quorum=gate.quorum,
                not_requester=gate.not_requester,
                rejects_in_words=gate.on_reject == "message",
                notify=tuple(gate.notify),
                sample=gate.sample,
                after_delivery=gate.mode == "after_delivery",
                enforced=gate.enforce is True,
                remind_ns=tuple(gate.remind),
                hours=_hours(gate.hours, timezone) if gate.hours is not None else None,
                claim_for_ns=gate.claim_for,
            )
        )
    return tuple(made)


def build_presidio(source: Source, conditions: Conditions) -> Presidio | None:
    """None where no gate asks Presidio: then nothing of it is loaded."""
    asked = [conditions.expression(f"{item.path}.when") for item in source.gates]
    if not any(of_presidio(condition.names) for condition in asked if condition is not None):
        return None
    said = source.operation.section.presidio if source.operation is not None else None
    entry = said or PresidioEntry()
    return Presidio(entry.language, entry.model or "", entry.least_score, entry.within)


def _hours(entry: HoursEntry, timezone: str) -> WorkingHours:
    return WorkingHours(days_of(entry.days), minute_of(entry.from_), minute_of(entry.to), entry.timezone or timezone)


def _confidence(entry: ConfidenceEntry) -> Confidence:
    source, _, of = entry.from_.partition(":")
    passes = entry.unknown == "pass"
    match source:
        case "json" | "judge":
            return Confidence(source, of, passes)
        case _:
            return Confidence("logprobs", "", passes)


def build_protected(source: Source) -> Protected | None:
    """What nobody weakens alone; None where nothing is protected."""
    entry = source.operation.section.protected if source.operation is not None else None
    if entry is None:
        return None
    who = entry.approvers
    return Protected(tuple(sorted(set(entry.gates))), tuple(sorted(set(entry.budgets))), who.group, who.quorum, who.not_author)
