"""What a policy may say of Presidio: terms, kinds, what is refused at its place, what of a change is told and what is weaker."""

import pytest

from orchvynt.language.compile import load
from orchvynt.language.compiled_gates import Presidio
from orchvynt.language.diff import diff
from orchvynt.language.packing import pack, unpack
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.weakening import weakened

HEAD = """
version: 1
providers: {openai: {kind: openai, api_key: "${env:OPENAI_API_KEY}"}}
models: {gpt-4o: {provider: openai}}
groups: {people: {members: [ana@example.com, ben@example.com]}}
protected: {gates: [names], approvers: {group: people}}
"""
GATE = "gates: [{name: names, stage: output, when: 'detects(\"presidio:US_PASSPORT\")', reviewers: people}]\n"
TERMS = "presidio: {language: de, model: de_core_news_sm, least_score: 60%, within: 500ms}\n"


def compiled(text: str) -> Snapshot:
    loaded = load(HEAD + text, "p.yaml")
    assert loaded.snapshot is not None, [one.text for one in loaded.problems]
    return loaded.snapshot


def problems(text: str) -> list[str]:
    return [one.text for one in load(HEAD + text, "p.yaml").problems]


def test_its_terms_have_defaults_and_stand_only_where_a_gate_asks() -> None:
    assert compiled(GATE).presidio == Presidio("en", "", 4_000, 2_000_000_000)
    assert compiled(GATE + TERMS).presidio == Presidio("de", "de_core_news_sm", 6_000, 500_000_000)
    plain = GATE.replace("presidio:US_PASSPORT", "iban")
    assert compiled(plain).presidio is None
    told = problems(plain + TERMS)
    assert any("no gate asks Presidio for anything" in one for one in told), told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GATE.replace("US_PASSPORT", "PERSON"), "`presidio:PERSON` is found by a language model, and the policy names none"),
        (GATE.replace("US_PASSPORT", "PASPORT"), "Presidio knows no `PASPORT`"),
        (GATE.replace("stage: output", "stage: input"), "looks into answers only"),
        (GATE + "presidio: {language: english}\n", "is no language"),
        (GATE + "presidio: {model: ../model}\n", "is no model of spaCy"),
        (GATE + "presidio: {least_score: 0.4}\n", "has no percent sign"),
        (GATE + "presidio: {within: 0s}\n", "more than zero"),
        (GATE + "presidio: {models: x}\n", "models"),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(text: str, said: str) -> None:
    loaded = load(HEAD + text, "p.yaml")
    assert loaded.snapshot is None
    found = [one for one in loaded.problems if said in one.message]
    assert found, [one.text for one in loaded.problems]
    assert found[0].line > HEAD.count("\n") - 1


def test_a_change_of_its_terms_is_told() -> None:
    old, new = compiled(GATE), compiled(GATE + TERMS)
    assert diff(old, new) == [
        "presidio: language en → de",
        "presidio: model none → de_core_news_sm",
        "presidio: least_score 40% → 60%",
        "presidio: within 2s → 500ms",
    ]
    without = compiled(GATE.replace("presidio:US_PASSPORT", "iban"))
    assert "presidio: no gate asks it any more" in diff(old, without)
    assert "presidio: gates ask it from now on" in diff(without, old)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ("{least_score: 60%}", ["presidio: least_score 40% → 60%"]),
        ("{language: de}", ["presidio: language en → de"]),
        ("{model: en_core_web_sm}", ["presidio: model none → en_core_web_sm"]),
        ("{least_score: 30%, within: 9s}", []),
    ],
)
def test_what_decides_whether_a_protected_gate_takes_hold_is_protected(terms: str, told: list[str]) -> None:
    assert list(weakened(compiled(GATE), compiled(f"{GATE}presidio: {terms}\n"))) == told


def test_it_travels_with_the_snapshot() -> None:
    text = HEAD + GATE + TERMS
    steps, arrived = unpack(pack(load(text, "p.yaml")), text), None
    while arrived is None:
        try:
            next(steps)
        except StopIteration as done:
            arrived = done.value
    assert arrived.snapshot.presidio == Presidio("de", "de_core_news_sm", 6_000, 500_000_000)
