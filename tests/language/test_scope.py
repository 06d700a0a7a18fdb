"""The values that expressions read: each variable has the value its table says, and records keep what was read and no more."""

from datetime import datetime

import msgspec
import pytest

from orchvynt.catalog.bounds import input_tokens_bound_anywhere
from orchvynt.language.candidate_figures import CandidateFigures
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.values import NotKnownYetError, kind
from orchvynt.language.kinds import may_be
from orchvynt.language.scope import CandidateValues, OutputValues, RequestValues, recorded
from orchvynt.language.snapshot import EvaluationError, Expression
from orchvynt.language.variables import TABLES, Stage
from orchvynt.model.chat import Reply
from orchvynt.model.invocation import Ask, Claims, Invocation
from orchvynt.model.usage import Usage

CONTEXT = {"user_tier": "premium", "secret_note": "never asked for", "nested": {"a": {"b": 1}, "c": 2}}
CLAIMS = Claims(
    workflow="doc-analysis", agent="drafting", run="r1", session="s1", workload="synthesis", user="u1", flags=("f",), context=CONTEXT
)
ASK = Ask("gpt-4o", b'{"a":1}', stream=True, max_output_tokens=99, message_count=2, tool_names=("t",), image_count=1, input_text_bytes=10)
INVOCATION = Invocation(
    "inv_1", 0, "/v1/chat/completions", "openai_chat", "k", CLAIMS, ASK, retry_count=1, key="doc-team", key_owner="lead@example.com"
)
FRIDAY_23_UTC = 1_767_999_600 * 10**9  # 2026-01-09T23:00:00Z
FIGURES = CandidateFigures("claude", "anthropic", "eu", 0.91, 0.002, 700.0, 2000.0, 4000.0, 0.01, 200_000.0, True, 40)
REPLY = Reply("id", "m", 0, '{"x": 1}', (), "stop", Usage(10, 7))


def _request() -> RequestValues:
    return RequestValues(INVOCATION, FRIDAY_23_UTC, lambda: "the text")


def _output(reply: Reply = REPLY) -> OutputValues:
    return OutputValues(INVOCATION, FRIDAY_23_UTC, lambda: "the text", lambda: reply, "claude", "anthropic", 2, 0.0031, 812.0)


def _expression(text: str, stage: Stage = "request") -> Expression:
    compiled = compile_expression(text, stage)
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression


def test_every_variable_of_a_stage_exists_and_has_its_type() -> None:
    for name, variable in TABLES["request"].items():
        assert may_be(variable.type, kind(_request()[name])), name
    for name, variable in TABLES["output"].items():
        if name in ("confidence", "unusual"):
            continue  # each gate has its own, and the process knows it (lifecycle.parking)
        assert may_be(variable.type, kind(_output()[name])), name
        assert may_be(variable.type, kind(_output(msgspec.structs.replace(REPLY, usage=None))[name])), name
    for name, variable in TABLES["candidate"].items():
        assert may_be(variable.type, kind(CandidateValues(_request(), FIGURES)[name])), name


@pytest.mark.parametrize(
    "text",
    [
        'workflow == "doc-analysis" && agent == "drafting" && run == "r1" && session == "s1" && user == "u1"',
        'requested_model == "gpt-4o" && endpoint == "/v1/chat/completions" && stream && caller_retry == 1',
        "now.hour == 23 && now.weekday == 5",
        'input.messages == 2 && input.bytes == 7 && input.images == 1 && input.text == "the text"',
        '"t" in tools && max_output_tokens == 99 && !wants.json_schema && min_quality == null',
        'key.name == "doc-team" && key.owner == "lead@example.com" && "f" in flags && context.nested.a.b == 1',
    ],
)
def test_request_values(text: str) -> None:
    assert _expression(text).evaluate(_request()) is True


@pytest.mark.parametrize(
    ("at", "zone", "hour", "weekday"),
    [
        ("2026-01-09T23:00:00+00:00", "UTC", 23, 5),
        ("2026-01-09T23:00:00+00:00", "Europe/Berlin", 0, 6),
        ("2026-03-29T00:59:59+00:00", "Europe/Berlin", 1, 7),
        ("2026-03-29T01:00:00+00:00", "Europe/Berlin", 3, 7),
        ("2026-10-25T00:30:00+00:00", "Europe/Berlin", 2, 7),
        ("2026-10-25T01:30:00+00:00", "Europe/Berlin", 2, 7),
        ("2026-01-11T18:40:00+00:00", "Asia/Kathmandu", 0, 1),
        ("2026-01-12T04:59:00+00:00", "America/New_York", 23, 7),
    ],
)
def test_the_hour_and_the_day_are_those_of_the_policys_timezone(at: str, zone: str, hour: int, weekday: int) -> None:
    now = int(datetime.fromisoformat(at).timestamp()) * 10**9 + 999_999_999
    values = RequestValues(INVOCATION, now, lambda: "", zone)
    assert (values["now.hour"], values["now.weekday"]) == (hour, weekday)


def test_the_bound_of_tokens_is_that_of_any_provider() -> None:
    assert _request()["input.tokens_bound"] == input_tokens_bound_anywhere(ASK)


@pytest.mark.parametrize(
    "text",
    [
        'output.tokens == 7 && output.finish == "stop" && output.refusal == "" && output.valid_json',
        'model == "claude" && provider == "anthropic" && tier == 2 && !rescued && cost == 0.0031 && latency_ms == 812',
        'output.text.contains(\'"x"\') && workflow == "doc-analysis"',
    ],
)
def test_output_values(text: str) -> None:
    assert _expression(text, "output").evaluate(_output()) is True


@pytest.mark.parametrize("text", ["", "{", "1 2", "[" * 100_000, "\ud800"])
def test_what_is_no_json(text: str) -> None:
    assert _output(msgspec.structs.replace(REPLY, text=text))["output.valid_json"] is False


def test_before_the_answer_only_what_is_decided_is_known() -> None:
    false = _expression('workflow == "other" && output.text.contains("x")', "output")
    true = _expression('output.text.contains("x") || "f" in flags', "output")
    open_ = _expression('workflow == "doc-analysis" && output.text.contains("x")', "output")
    assert false.evaluate(_request()) is False
    assert true.evaluate(_request()) is True
    with pytest.raises(NotKnownYetError):
        open_.evaluate(_request())
    with pytest.raises(EvaluationError):
        _request()["no.such.name"]


def test_records_keep_what_was_read_and_no_more() -> None:
    values = _request()
    assert recorded(values) == {}
    _expression('workload == "x" && agent == "y"').evaluate(values)
    assert recorded(values) == {"workload": "synthesis"}
    _expression('context.user_tier == "premium" && context.nested.a.b == 2').evaluate(values)
    assert recorded(values)["context"] == {"user_tier": "premium", "nested": {"a": {"b": 1}}}


def test_records_keep_no_text() -> None:
    values = _output()
    _expression('input.text.contains("text") && output.text.contains("x")', "output").evaluate(values)
    assert recorded(values) == {"input.text": "<text>", "output.text": "<text>"}


def test_records_name_what_the_caller_left_out() -> None:
    values = _request()
    _expression("context.customer == null && context.nested.z == null && context.missing.deep == null").evaluate(values)
    found = recorded(values)
    assert found["unknown"] == ["customer", "missing", "nested.z"]
    assert found["context"] == {"customer": None, "nested": {"z": None}, "missing": None}


def test_records_are_json_and_bounded() -> None:
    huge = {
        "text": "x" * 10_000,
        "list": list(range(1000)),
        "deep": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}},
    }
    invocation = msgspec.structs.replace(INVOCATION, claims=Claims(context=huge, flags=tuple(map(str, range(200)))))
    values = RequestValues(invocation, 0, lambda: "")
    _expression('context.text == "a" || context.list == 1 || context.deep == flags || size(context) == 0 || "z" in flags').evaluate(values)
    assert len(msgspec.json.encode(recorded(values))) < 1000


def test_values_are_computed_when_they_are_read() -> None:
    def text() -> str:
        raise AssertionError("nobody asked for the text")

    values = RequestValues(INVOCATION, 0, text)
    assert _expression('workload == "x" && input.text == "y"').evaluate(values) is False


UNKNOWN = CandidateFigures("new", "lab")


@pytest.mark.parametrize(
    ("where", "figures", "passes", "unmeasured"),
    [
        ("quality >= 0.85 && p95_ms < 8000", FIGURES, True, set()),
        ("quality >= 0.95 && p95_ms < 8000", FIGURES, False, set()),
        ("quality >= 0.85 && p95_ms < 8000", UNKNOWN, True, {"quality", "p95_ms"}),
        ("quality >= 0.85 && p95_ms < 8000", msgspec.structs.replace(FIGURES, p95_ms=None), True, {"p95_ms"}),
        ("quality >= 0.85 && p95_ms < 8000", msgspec.structs.replace(FIGURES, quality=0.5, p95_ms=None), False, set()),
        ("p95_ms < 8000 && quality >= 0.85", msgspec.structs.replace(FIGURES, quality=0.5, p95_ms=None), False, {"p95_ms"}),
        ("!(error_rate > 0.1)", UNKNOWN, True, {"error_rate"}),
        ("error_rate > 0.1 ? false : true", UNKNOWN, True, {"error_rate"}),
        ('model == "new" && provider == "lab" && region == "" && healthy && samples == 0', UNKNOWN, True, set()),
        ('region == "eu" && context_window > 100000 && cost < 0.01 && p50_ms < p99_ms', FIGURES, True, set()),
        ('workload == "other" && cost < 1', UNKNOWN, False, set()),
        ("context.nested / 2 > 1 || cost < 1", UNKNOWN, True, {"cost"}),
    ],
)
def test_a_test_of_a_candidate(where: str, figures: CandidateFigures, passes: bool, unmeasured: set[str]) -> None:
    values = CandidateValues(_request(), figures)
    assert values.satisfies(_expression(where, "candidate")) is passes
    assert values.unmeasured == unmeasured


def test_a_true_error_in_a_test_of_a_candidate_is_none_of_a_missing_figure() -> None:
    with pytest.raises(EvaluationError, match="map") as error:
        CandidateValues(_request(), UNKNOWN).satisfies(_expression("context.nested / 2 > 1", "candidate"))
    assert not isinstance(error.value, NotKnownYetError)


@pytest.mark.parametrize(
    ("prefer", "figures", "rank"),
    [
        ("cost * 2", FIGURES, 0.004),
        ("cost + p95_ms / 1000", FIGURES, 2.002),
        ("-quality", FIGURES, -0.91),
        ("cost", UNKNOWN, None),
        ("samples > 10 ? cost : 1", UNKNOWN, 1.0),
        ("samples > 10 ? cost : 1", FIGURES, 0.002),
        ("min_quality", FIGURES, None),
        ("1e308 * 10 - 1e308 * 10", FIGURES, None),
    ],
)
def test_what_a_candidate_is_preferred_by(prefer: str, figures: CandidateFigures, rank: float | None) -> None:
    compiled = compile_expression(prefer, "candidate", "number")
    assert isinstance(compiled, Compiled), compiled
    assert CandidateValues(_request(), figures).ranked(compiled.expression) == (None if rank is None else pytest.approx(rank))


def test_candidates_share_what_was_read_of_the_request() -> None:
    def text() -> str:
        asked.append("text")
        return "hello"

    asked: list[str] = []
    request = RequestValues(INVOCATION, 0, text)
    where = _expression('input.text == "hello" && context.user_tier == "premium" && quality > 0.5', "candidate")
    for figures in (FIGURES, UNKNOWN):
        values = CandidateValues(request, figures)
        assert values.satisfies(where)
        assert recorded(values) == ({"quality": 0.91} if figures is FIGURES else {})
    assert asked == ["text"]
    assert recorded(request) == {"input.text": "<text>", "context": {"user_tier": "premium"}}


def test_what_is_not_known_yet_outweighs_a_true_error() -> None:
    """The answer may still decide, so the whole is open, in whatever order the two stand."""
    for text in ('context.n.x / 0 > 1 && output.text == "x"', 'output.text == "x" && context.n.x / 0 > 1'):
        invocation = msgspec.structs.replace(INVOCATION, claims=Claims(context={"n": 1}))
        with pytest.raises(NotKnownYetError):
            _expression(text, "output").evaluate(RequestValues(invocation, 0, lambda: ""))
