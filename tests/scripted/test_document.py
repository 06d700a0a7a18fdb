"""The script file: what is read, and that whatever is wrong is refused with its position."""

from pathlib import Path

import pytest

from orchvynt.scripted.document import NODES_MAX, ScriptError, read_script
from orchvynt.scripted.faults import Fault
from orchvynt.scripted.script import Answer, Match, Script, Text, ToolCall, UsageClaim

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "scripted-provider.md"


def test_an_empty_script_is_all_defaults() -> None:
    assert read_script("") == Script() == read_script("# nothing\n")


def test_every_kind_of_field_is_read() -> None:
    script = read_script(
        """
version: 1
models: [m1]
faults: {openai: {status: 429, retry_after: 2}, spare: silent}
answers:
  - match: {provider: a, model: m1, api: ollama, last_user: {contains: x}, tool_result: sunny, prefilled: true, stream: false, nth: 2}
    tool_calls: [{name: f, arguments: {a: [1, null, 2.5]}}, {name: g, arguments: "{broken"}]
    latency: 250ms
    first_token_latency: 1.5s
    frame_interval: 0.01
    frames: 3
    logprobs: 0.5
    finish: length
    usage: {input: 5, output: 7}
    fault: {cut_after: 2, crlf: true}
  - {match: {last_user: exactly this}, refusal: "no", usage: missing, logprobs: missing, fault: giant_body}
otherwise: {text: "2024-01-01"}
"""
    )
    assert script.models == ("m1",)
    assert script.faults == {"openai": Fault(status=429, retry_after=2), "spare": Fault(silent=True)}
    first, second = script.answers
    assert first.match == Match("a", "m1", "ollama", Text(contains="x"), "sunny", True, False, 2)
    assert first.tool_calls == [ToolCall("f", {"a": [1, None, 2.5]}), ToolCall("g", "{broken")]
    assert (first.latency, first.first_token_latency, first.frame_interval) == (0.25, 1.5, 0.01)
    assert (first.frames, first.logprobs, first.finish, first.usage) == (3, 0.5, "length", UsageClaim(5, 7))
    assert first.fault == Fault(cut_after=2, crlf=True)
    assert second.match.last_user == "exactly this"
    assert second.fault is not None
    assert second.fault.failure == "giant_body"
    assert script.otherwise == Answer(text="2024-01-01")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("answers:\n  - mach: {}\n", "2:5", "`mach` is not a field here; did you mean `match`?"),
        ("answers:\n  - match:\n      modle: x\n", "3:7", "did you mean `model`?"),
        ("answers:\n  - fault: slient\n", "2:12", "did you mean `silent`?"),
        ("answers:\n  - fault: {status: 200}\n", "2:12", "give an error status, 400 to 599"),
        ("answers:\n  - fault: {silent: true, status: 500}\n", "2:12", "names one failure"),
        ("answers:\n  - fault: {message: x}\n", "2:12", "a fault names one of"),
        ("answers:\n  - fault: {silent: true, message: x}\n", "2:12", "`message` only means something beside"),
        ("answers:\n  - latency: soon\n", "2:14", "`250ms`"),
        ("answers:\n  - fault: {giant_body: many}\n", "2:25", "`64KiB`"),
        ("answers:\n  - text: 5\n", "2:11", "expected `str | null`, got `int`"),
        ("answers:\n  - text: a\n    json: {}\n", "2:5", "one of `text`, `json`, `refusal`"),
        ("answers:\n  - logprobs: 1.5\n", "2:5", "a confidence above 0, at most 1"),
        ("answers:\n  - match: {nth: 0}\n", "2:12", "`nth` counts from 1"),
        ("answers:\n  - text: a\n    text: b\n", "3:5", "`text` is given twice"),
        ("answers: {}\n", "1:10", "expected `array`, got `object`"),
        ("otherwise: {match: {nth: 1}}\n", "1:1", "move its `match`"),
        ("version: 2\n", "1:10", "invalid enum value 2"),
        ("answers: [", "2:1", "not YAML"),
        ("- 1", "1:1", "expected `object`, got `array`"),
        ("a: !!python/object:os.system {}", "1:4", ""),
    ],
)
def test_mistakes_are_refused_with_their_position(text: str, place: str, words: str) -> None:
    with pytest.raises(ScriptError) as refused:
        read_script(text, "s.yaml")
    assert str(refused.value).startswith(f"s.yaml:{place}: ")
    assert words in str(refused.value)


def test_a_document_that_multiplies_itself_is_refused() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
    )
    with pytest.raises(ScriptError, match=str(NODES_MAX)):
        read_script(bomb)


def test_what_the_how_to_shows_can_be_used() -> None:
    blocks = [block.split("```")[0] for block in HOW_TO.read_text("utf-8").split("```yaml\n")[1:]]
    assert blocks
    for block in blocks:
        read_script(block, str(HOW_TO))


def test_the_how_to_names_every_field() -> None:
    text = HOW_TO.read_text("utf-8")
    missing = [name for kind in (Script, Answer, Match, Fault) for name in kind.__struct_fields__ if f"`{name}" not in text]
    assert missing == []
