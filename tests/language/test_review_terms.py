"""What a gate says of its reviewers' time: reminders, escalation chains, working hours; compiled, or refused at its place."""

import pytest
from tests.language.policies import changed

from orchvynt.language.compile import load
from orchvynt.language.compiled_gates import Escalation, WorkingHours
from orchvynt.language.diff import diff

HOUR = 3_600 * 10**9
HEADS = ("groups: {finance: {", "groups: {heads: {members: [cfo@example.com]}, finance: {")
GATE = "    escalation: [{after: 60m, do: reject}]\n"
FULL = """\
    quorum: 2
    escalation: [{after: 2h, to: heads}, {after: 1d, do: reject}]
    remind: [15m, 1h]
    on_reject: message
    hours: {days: [fri-mon, wed], from: "09:00", to: 17:30, timezone: Europe/Berlin}
"""


def policy(gate: str) -> str:
    return changed(*HEADS).replace(GATE, gate)


def said(gate: str) -> list[tuple[int, int, str]]:
    found = [problem for problem in load(policy(gate), "p.yaml").problems if problem.severity == "error"]
    return [(problem.line, problem.column, problem.message) for problem in found]


def test_what_is_said_is_compiled() -> None:
    loaded = load(policy(FULL), "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    (gate,) = loaded.snapshot.gates
    assert (gate.quorum, gate.rejects_in_words, gate.remind_ns) == (2, True, (HOUR // 4, HOUR))
    assert gate.escalation == (Escalation(2 * HOUR, "heads"), Escalation(24 * HOUR, ""))
    assert gate.hours == WorkingHours((0, 2, 4, 5, 6), 540, 1050, "Europe/Berlin")


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("    remind: [1h, 15m]\n", "the reminder is not later than the one before it"),
        ("    remind: [0s]\n", "the duration must be more than zero"),
        (GATE + "    remind: [1h]\n", "by then the escalation has rejected"),
        ("    escalation: [{after: 1h, to: heads}, {after: 2h, to: heads}]\n", "`heads` are the reviewers already"),
        ("    escalation: [{after: 1h, to: nobody}]\n", "there is no group `nobody`"),
        ("    quorum: 3\n    remind: [1h]\n", ""),
        ('    hours: {from: "09:00", to: "17:00"}\n', "nothing of this gate counts working time"),
        ("    remind: [1h]\n    hours: {from: 540, to: 17:30}\n", "a time of the day must be quoted"),
        ('    remind: [1h]\n    hours: {from: "9:00", to: "17:30"}\n', "`9:00` is no time of the day"),
        ('    remind: [1h]\n    hours: {from: "18:00", to: "09:00"}\n', "the day ends before it begins"),
        ('    remind: [1h]\n    hours: {days: [someday], from: "09:00", to: "17:30"}\n', "`someday` is no day of the week"),
        ('    remind: [1h]\n    hours: {days: [], from: "09:00", to: "17:30"}\n', ""),
        ('    remind: [1h]\n    hours: {from: "09:00", to: "17:30", timezone: Berlin}\n', "`Berlin` is not a timezone"),
        ('    remind: [300d]\n    hours: {days: [sun], from: "09:00", to: "09:30"}\n', "so much working time passes in more than 5 years"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(gate: str, message: str) -> None:
    found = said(gate)
    if "quorum" in gate:
        assert found == [], "whether the identity provider knows three people is not known"
        return
    assert len(found) == 1, found
    assert 39 <= found[0][0] <= 40
    assert found[0][2].startswith(message)


def test_a_change_is_told_in_words() -> None:
    old, new = load(policy(GATE), "p.yaml").snapshot, load(policy(FULL), "p.yaml").snapshot
    assert old is not None
    assert new is not None
    told = "\n".join(diff(old, new))
    for words in ("remind none → after 15m, after 1h", "mon, wed, fri, sat, sun 09:00 to 17:30 Europe/Berlin", "message"):
        assert words in told


@pytest.mark.parametrize("stage", ["input", "output", "tool_call"])
def test_words_take_the_place_of_an_answer_at_every_stage(stage: str) -> None:
    text = policy(GATE + "    on_reject: message\n")
    snapshot = load(text.replace("stage: output", f"stage: {stage}"), "p.yaml").snapshot
    assert snapshot is not None
    assert snapshot.gates[0].rejects_in_words
