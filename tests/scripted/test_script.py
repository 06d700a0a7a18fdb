"""Which answer a call gets."""

from orchvynt.scripted.document import read_script
from orchvynt.scripted.script import Prompter
from orchvynt.scripted.shapes import Api, Ask


def call(
    last_user: str = "hi", *, model: str = "m", api: Api = "openai", tool_result: str = "", prefill: str = "", stream: bool = False
) -> Ask:
    return Ask(api, model, stream, last_user, tool_result, prefill, input_tokens=1)


def texts(script: str, *calls: tuple[str, Ask]) -> list[str | None]:
    prompter = Prompter(read_script(script))
    return [prompter.answer(provider, ask).text for provider, ask in calls]


def test_the_first_entry_that_fits_answers() -> None:
    script = "answers: [{match: {model: m}, text: a}, {text: b}]"
    assert texts(script, ("p", call()), ("p", call(model="other"))) == ["a", "b"]


def test_all_conditions_have_to_fit() -> None:
    script = """
answers:
  - {match: {provider: p, api: ollama, stream: true, last_user: {contains: say}}, text: streamed}
  - {match: {last_user: say}, text: exact}
  - {match: {tool_result: sunny}, text: tool}
  - {match: {prefilled: true}, text: prefilled}
"""
    given = [
        ("p", call("I say so", api="ollama", stream=True)),
        ("q", call("I say so", api="ollama", stream=True)),
        ("p", call("say", api="ollama")),
        ("p", call(tool_result="it is sunny")),
        ("p", call(prefill="so far")),
    ]
    assert texts(script, *given) == ["streamed", None, "exact", "tool", "prefilled"]


def test_nth_counts_the_calls_that_fit_whoever_answers_them() -> None:
    script = "answers: [{match: {nth: 1, model: m}, text: one}, {match: {nth: 2, model: m}, text: two}, {match: {nth: 2}, text: second}]"
    given = [("p", call()), ("p", call(model="x")), ("p", call()), ("p", call())]
    assert texts(script, *given) == ["one", "second", "two", None]


def test_otherwise_answers_the_rest() -> None:
    assert texts("otherwise: {text: rest}\nanswers: [{match: {model: x}, text: a}]", ("p", call())) == ["rest"]
