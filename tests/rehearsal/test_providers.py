"""How a test tells providers to behave: in the scripted provider's own words, and refused at the word that is wrong."""

from typing import Any

import pytest
from tests.support.snapshots import snapshot

from orchvynt.language.document.scripted import ScriptedEntry
from orchvynt.language.document.section import fields_of
from orchvynt.model.facts import AttemptSent
from orchvynt.rehearsal.providers import BehaviourError, ScriptedProviders, behaviour, script_of
from orchvynt.scripted.connection import Connection
from orchvynt.scripted.faults import Fault
from orchvynt.scripted.script import Answer, Match


def test_the_policy_language_has_exactly_the_words_of_the_scripted_provider() -> None:
    assert set(fields_of(ScriptedEntry)) == {*Answer.__struct_fields__, *Fault.__struct_fields__}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, Answer()),
        ({"status": 200}, Answer()),
        ({"status": 503}, Answer(fault=Fault(status=503))),
        ({"status": 429, "retry_after": "20s"}, Answer(fault=Fault(status=429, retry_after="20"))),
        ({"status": 429, "retry_after": "250ms"}, Answer(fault=Fault(status=429, retry_after="0.25"))),
        ({"status": 429, "retry_after": 3}, Answer(fault=Fault(status=429, retry_after=3))),
        (
            {"status": 429, "retry_after": "Wed, 15 Jan 2025 12:00:05 GMT"},
            Answer(fault=Fault(status=429, retry_after="Wed, 15 Jan 2025 12:00:05 GMT")),
        ),
        ({"fault": "silent"}, Answer(fault=Fault(silent=True))),
        ({"fault": {"cut_after": 2}}, Answer(fault=Fault(cut_after=2))),
        ({"fault": {"status": 500}, "message": "no"}, Answer(fault=Fault(status=500, message="no"))),
        ({"text": "hm", "logprobs": 0.5}, Answer(text="hm", logprobs=0.5)),
    ],
)
def test_faults_may_stand_beside_the_answer_or_below_fault(entry: dict[str, Any], expected: Answer) -> None:
    made = behaviour("openai", entry)
    assert made.match == Match(provider="openai")
    assert (made.fault, made.text, made.logprobs) == (expected.fault, expected.text, expected.logprobs)


def test_paces_and_matches_are_those_of_a_script() -> None:
    made = behaviour("openai", {"latency": "2s", "match": {"model": "m", "nth": 1}})
    assert (made.latency, made.match) == (2.0, Match(provider="openai", model="m", nth=1))


@pytest.mark.parametrize(
    ("entry", "steps", "said"),
    [
        ({"statuss": 503}, ("statuss",), "a scripted provider knows no `statuss`; did you mean `status`?"),
        ({"fault": {"silnet": True}}, ("silnet",), "a scripted provider knows no `silnet`; did you mean `silent`?"),
        ({"status": "503"}, ("status",), "expected `int | null`, got `str`"),
        ({"status": 302}, (), "`status` is 302; give an error status, 400 to 599"),
        ({"status": 503, "silent": True}, (), "a fault names one failure, this one names 2: status, silent; keep one"),
        ({"text": "a", "refusal": "b"}, (), "an answer has one of `text`, `json`, `refusal`; this one has text and refusal"),
        (
            {"latency": "2 hours"},
            ("latency",),
            "expected a duration such as `250ms`, `1.5s`, `2m`, or a number of seconds, at most an hour",
        ),
        ({"fault": 3}, ("fault",), "a fault is a word or a map, as the scripted provider's file names them"),
    ],
)
def test_a_word_that_is_wrong_is_named_at_its_place(entry: dict[str, Any], steps: tuple[str, ...], said: str) -> None:
    with pytest.raises(BehaviourError) as refused:
        script_of({"openai": entry})
    assert (refused.value.provider, refused.value.steps, str(refused.value)) == ("openai", steps, said)


def listening(**providers: dict[str, Any]) -> ScriptedProviders:
    return ScriptedProviders(
        snapshot(), script_of(providers), lambda: 0, lambda attempt: AttemptSent("inv_1", 1, attempt, 1, 1, "m", attempt, "m")
    )


def test_only_the_addresses_of_the_policy_answer() -> None:
    there = snapshot().providers["openai"]
    assert isinstance(listening().accept(there.host, there.port), Connection)
    with pytest.raises(ConnectionRefusedError):
        listening().accept("elsewhere.example", 443)


def test_a_provider_that_refuses_connections_refuses_them() -> None:
    there = snapshot().providers["openai"]
    with pytest.raises(ConnectionRefusedError):
        listening(openai={"refuse_connections": True}).accept(there.host, there.port)
    # The first call only: then it has to be reached to be counted.
    once = {"fault": "refuse_connections", "match": {"nth": 1}}
    assert isinstance(listening(openai=once).accept(there.host, there.port), Connection)
