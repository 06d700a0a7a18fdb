"""`--where`: every variable of stage record has its value, and what is no condition is refused with the place."""

import pytest
from tests.lifecycle.explain import lives

from orchvynt.language.record_values import _VALUES, RecordValues, compile_where
from orchvynt.language.snapshot import Expression
from orchvynt.language.variables import TABLES
from orchvynt.model import facts as f
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims


def answers(where: str, record: list[f.AnyFact]) -> object:
    compiled = compile_where(where)
    assert isinstance(compiled, Expression), compiled
    return compiled.evaluate(RecordValues(record, lambda name: f"owner of {name}", "Europe/Berlin"))


def test_every_variable_of_the_stage_has_a_value() -> None:
    assert set(_VALUES) == set(TABLES["record"])
    for values in (RecordValues([]), RecordValues(lives.approved())):
        for name in TABLES["record"]:
            assert values[name] is not None or name == "min_quality"


RECORD: list[f.AnyFact] = [
    f.InvocationReceived(
        "inv_1", 1_700_000_000_000_000_000, "/v1/messages", "anthropic_messages", "k", "big", True,
        Claims("doc", user="u-1", context={"customer": "c-1"}, flags=("x",)), 3, "d", 9, key="docs",
    ),
    f.Routed("inv_1", 2, "cheap", ()),
    f.CandidateSkipped("inv_1", 2, 1, "gpt", "budget:purse"),
    f.GateJudged("inv_1", 3, "money", "output", "matched"),
    f.GateJudged("inv_1", 3, "calm", "output", "passed"),
    f.InvocationFinished("inv_1", 4, "answered", "gpt", "openai", 2, 2_000_000_000, 1_500_000_000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ('user == "u-1"', True),
        ('user == "u-2" || context.customer == "c-1"', True),
        ("context.nothing == 1", False),
        ('key.owner == "owner of docs" && stream', True),
        ('model == "gpt" && provider == "openai" && tier == 2 && rule == "cheap" && outcome == "answered"', True),
        ("cost == 2 && latency_ms == 1500", True),
        ('"purse" in budget_events && "money" in gates', True),
        ('"calm" in gates', False),
        ("now.hour == 23 && now.weekday == 2", True),
        ('requested_model == "big" && endpoint == "/v1/messages"', True),
    ],
)
def test_conditions_over_records(where: str, answer: bool) -> None:
    assert answers(where, RECORD) is answer


@pytest.mark.parametrize("where", ["", "user ==", "usr == 1", "true", "user", "output.text == ''", "x" * 5_000])
def test_what_is_no_condition_is_refused(where: str) -> None:
    fault = compile_where(where)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.param) == ("invalid_request", "where")
