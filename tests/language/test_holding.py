"""Which gates hold which streams, in words: what of a condition the request alone decides."""

from typing import Any

import pytest
from tests.support.snapshots import snapshot

from orchvynt.language.compiled_gates import Stage
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.holding import stream_lines, stream_words
from orchvynt.language.snapshot import Gate


def gate(stage: Stage, text: str = "", **more: Any) -> Gate:
    when = None
    if text:
        compiled = compile_expression(text, stage)
        assert isinstance(compiled, Compiled), compiled
        when = compiled.expression
    return Gate("g", stage, when, "people", False, None, **more)


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        ('"a" in flags', '"a" in flags'),
        ('"a" in flags || output.text == "x"', ""),
        ("output.tokens > 3", ""),
        ('model == "gpt" && stream', "stream"),
        ('"a" in flags && output.tokens > 3', '"a" in flags'),
        ('("a" in flags || stream) && !(workload == "x")', '("a" in flags || stream) && !(workload == "x")'),
        ('(user == ")" || stream) && cost > 1', '(user == ")" || stream)'),
        ('!(cost > 1 && "a" in flags)', ""),
        ('stream ? workload == "x" : workload == "y"', '(stream ? workload == "x" : workload == "y")'),
        ("stream ? cost > 1 : false", ""),
    ],
)
def test_what_the_request_must_fulfil(condition: str, where: str) -> None:
    assert stream_words(gate("output", condition)) == (f"holds streams where `{where}`" if where else "holds every stream")


def test_every_kind_of_gate() -> None:
    assert stream_words(gate("output")) == "holds every stream"
    assert stream_words(gate("output", refuse_streams=True)) == "refuses every stream"
    assert stream_words(gate("output", sample=500)) == "holds 5% of the streams"
    assert stream_words(gate("input", "stream")) == "holds streams where `stream` before they are sent"
    assert stream_words(gate("input", 'detects("iban")')) == 'holds streams where `detects("iban")` before they are sent'
    assert stream_words(gate("output", 'detects("iban")')) == "holds every stream"
    assert stream_words(gate("tool_call")) == "holds streams that offer a tool"
    assert (
        stream_words(gate("tool_call", 'tool.name == "r" && tool.args.x > 1')) == 'holds streams that offer a tool where `tool.name == "r"`'
    )
    assert stream_words(gate("output", after_delivery=True)).startswith("never holds a stream")
    assert stream_words(gate("output", enforced=False)).startswith("never holds a stream")
    assert stream_lines(snapshot(gates=(gate("output"),))) == ("gate g holds every stream",)
