"""Gates have people enough: every group has somebody in it, and as many as a gate's quorum asks for."""

from typing import Final

from orchvynt.language.document.gates import ApproversEntry, GateEntry, GroupEntry
from orchvynt.language.document.hours import days_of, minute_of
from orchvynt.language.document.policy import OperationEntry
from orchvynt.language.document.scalars import MINUTE
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.source import Source
from orchvynt.model.emails import normalised

WEEKS_MAX: Final = 5 * 52


def check_gates(source: Source, report: Report) -> None:
    for group in source.groups.values():
        _members(group, report)
    for gate in source.gates:
        _escalation(gate, report)
        _large_enough(gate, source, report)
        if gate.section.not_requester:
            _requester(gate, source, report)
    protected = source.operation.section.protected if source.operation is not None else None
    if source.operation is not None and protected is not None:
        _approvers(source.operation, protected.approvers, source, report)


def _escalation(gate: Item[GateEntry], report: Report) -> None:
    asked = {gate.section.reviewers}
    for number, step in enumerate(gate.section.escalation):
        if step.to in asked:
            span, path = gate.at("escalation", number, "to"), f"{gate.path}.escalation[{number}].to"
            report.error(span, f"`{step.to}` are the reviewers already", "Name another group.", path)
        asked |= {step.to} if step.to is not None else set()
    last = gate.section.escalation[-1] if gate.section.escalation else None
    for number, after in enumerate(gate.section.remind):
        if last is not None and last.do is not None and after >= last.after:
            span, path = gate.at("remind", number), f"{gate.path}.remind[{number}]"
            report.error(span, "by then the escalation has rejected", "Remind earlier, or remove it.", path)
    _in_working_time(gate, report)


def _in_working_time(gate: Item[GateEntry], report: Report) -> None:
    """A duration of working time is over one day: within years, not decades."""
    hours = gate.section.hours
    if hours is None:
        return
    weekly = len(days_of(hours.days)) * (minute_of(hours.to) - minute_of(hours.from_)) * MINUTE
    steps: list[tuple[tuple[str | int, ...], int]] = [
        (("escalation", n, "after"), step.after) for n, step in enumerate(gate.section.escalation)
    ]
    steps += [(("remind", number), after) for number, after in enumerate(gate.section.remind)]
    for place, after in steps:
        if after > weekly * WEEKS_MAX:
            said = f"so much working time passes in more than {WEEKS_MAX // 52} years"
            report.error(
                gate.at(*place), said, "Shorten it; with `hours`, only working time counts.", f"{gate.path}.{place[0]}[{place[1]}]"
            )


def _approvers(item: Item[OperationEntry], approvers: ApproversEntry, source: Source, report: Report) -> None:
    group = source.groups.get(approvers.group)
    if group is None or len(group.section.members) >= approvers.quorum:
        return
    if group.section.oidc is not None:
        if approvers.quorum > 1:
            report.warning(
                item.at("protected", "approvers", "quorum"),
                *_not_known(group, approvers.group, approvers.quorum),
                "protected.approvers.quorum",
            )
        return
    said = f"the group `{approvers.group}` has {_people(len(group.section.members))}, and `quorum` asks for {approvers.quorum}"
    report.error(item.at("protected", "approvers", "quorum"), said, "Add members, or lower the quorum.", "protected.approvers.quorum")


def _members(group: Item[GroupEntry], report: Report) -> None:
    if not group.section.members and group.section.oidc is None:
        report.error(group.key, "the group has nobody in it", "Name `members`, or an `oidc` group.", group.path)
    seen: set[str] = set()
    for number, member in enumerate(group.section.members):
        email, path = normalised(member), f"{group.path}.members[{number}]"
        if email is None:
            help_text = "Write it as ana@example.com, other letters of a domain as xn--…."
            report.warning(group.at("members", number), f"`{member}` is no e-mail address, so nobody can log in as it", help_text, path)
        if (email or member) in seen:
            report.error(group.at("members", number), f"`{member}` stands twice", "Remove it.", path)
        seen.add(email or member)


def _large_enough(gate: Item[GateEntry], source: Source, report: Report) -> None:
    quorum, name = gate.section.quorum, gate.section.reviewers
    group = source.groups.get(name)
    if quorum == 1 or group is None:
        return
    members = len(group.section.members)
    path = f"{gate.path}.quorum"
    if group.section.oidc is not None and members < quorum:
        report.warning(gate.at("quorum"), *_not_known(group, name, quorum), path)
    elif members < quorum:
        said = f"the group `{name}` has {_people(members)}, and `quorum` asks for {quorum}"
        report.error(gate.at("quorum"), said, "Add members, or lower the quorum.", path)


def _not_known(group: Item[GroupEntry], name: str, quorum: int) -> tuple[str, str]:
    said = f"whether the group `{name}` has {quorum} people is not known: the identity provider says who is in `{group.section.oidc}`"
    return said, "See that it has, or name `members`."


def _requester(gate: Item[GateEntry], source: Source, report: Report) -> None:
    span, path = gate.at("not_requester"), f"{gate.path}.not_requester"
    if not source.keys and not source.is_broken("keys"):
        said = "`not_requester` compares with the owner of the caller's key, and the policy has no `keys`"
        report.error(span, said, "Add `keys`, each with an `owner`.", path)
        return
    without = [key.section.name for key in source.keys if key.section.owner is None]
    if without:
        said = f"`not_requester` compares with the owner of the caller's key, and {_listed(without)} no `owner`"
        report.error(span, said, "Add `owner: name@example.com` to each key.", path)
    for key in source.keys:
        if key.section.owner is not None and normalised(key.section.owner) is None:
            said = f"`not_requester` of gate `{gate.section.name}` bars nobody here: `{key.section.owner}` is no e-mail address"
            report.warning(key.at("owner"), said, "Write the owner as ana@example.com.", f"{key.path}.owner")
    group = source.groups.get(gate.section.reviewers)
    if group is None or group.section.oidc is not None:
        return
    members = frozenset(normalised(member) or member for member in group.section.members)
    owner = next((key.section.owner for key in source.keys if normalised(key.section.owner or "") in members), None)
    if owner is not None and len(members) - 1 < gate.section.quorum <= len(members):
        said = f"the group `{gate.section.reviewers}` has {_people(len(members) - 1)} beside {owner}, who owns a key"
        report.error(span, said, "Add members, or lower the quorum.", path)


def _people(count: int) -> str:
    return f"{count} people" if count != 1 else "one person"


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"the key {shown} has" if len(names) == 1 else f"the keys {shown}{more} have"
