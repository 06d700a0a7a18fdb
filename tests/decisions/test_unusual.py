"""What is usual of a model, and what of an answer is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.unusual.baselines import MODELS_MOST, SAMPLES_LEAST, SAMPLES_MOST, Baselines, Finding
from orchvynt.decisions.unusual.measures import measure

USUAL = (
    "The answer to this question is that the ledger of the company was balanced at the end of the year, and that it is kept by the clerk."
)
GERMAN = "Die Antwort auf diese Frage ist nicht die, dass das Buch der Firma von dem Schreiber mit der Hand und nicht mit dem Computer ist."
LOOP = "I am sorry, I am sorry. " * 40


def trained(answers: int = SAMPLES_LEAST) -> Baselines:
    made = Baselines()
    for number in range(answers):
        made.look("gpt", f"{USUAL} {'It has more to say of it, number and sum. ' * (number % 3)}{number}")
    return made


def test_nothing_is_unusual_before_there_is_enough_to_compare_with() -> None:
    found = trained(SAMPLES_LEAST - 1).look("gpt", "x" * 100_000)
    assert found == Finding(samples=SAMPLES_LEAST - 1)


@pytest.mark.parametrize(
    ("text", "unusual"),
    [
        (USUAL, ()), (USUAL * 40, ("length",)), ("No.", ("length",)), (GERMAN, ("language",)),
        ("Ответ на этот вопрос состоит в том, что книга компании была сведена в конце года.", ("language",)),
        (LOOP, ("length", "repetition")), ("", ()),
    ],
)  # fmt: skip
def test_what_is_unlike_the_others(text: str, unusual: tuple[str, ...]) -> None:
    found = trained().look("gpt", text)
    assert found.unusual == unusual
    assert found.measured == bool(text)


def test_of_another_model_nothing_is_known() -> None:
    assert not trained().look("claude", LOOP).measured


def test_what_comes_often_becomes_usual() -> None:
    made = trained()
    found = [made.look("gpt", GERMAN).unusual for _ in range(10)]
    assert found[0] == ("language",)
    assert found[-1] == ()


def test_models_and_answers_are_bounded() -> None:
    made = trained(2 * SAMPLES_MOST)
    assert made.look("gpt", USUAL).samples == SAMPLES_MOST
    for number in range(MODELS_MOST):
        made.look(f"m{number}", USUAL)
    assert made.look("gpt", USUAL).samples == 0


@given(st.lists(st.text(max_size=300), max_size=SAMPLES_LEAST + 20))
def test_no_text_raises(texts: list[str]) -> None:
    made = Baselines()
    for text in texts:
        found = made.look("gpt", text)
        assert found.measured or not found.unusual


@given(st.text())
def test_measures_are_in_their_bounds(text: str) -> None:
    found = measure(text)
    assert found.repetition is None or 0 <= found.repetition < 1
    assert found.chars == len(text)


def test_scripts() -> None:
    assert measure("これは本当に長い日本語の文章です").language == "han"
    assert measure("هذا هو الجواب على السؤال").language == "arabic"
    assert measure("x = 1").language == ""
