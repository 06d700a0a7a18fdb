"""Presidio is asked apart: what it says is counted, and what it does not say in time, or at all, is a problem and never nothing found.

The same cases run against a library of ours with its interface, and against the real one where it is installed (`make test` installs it).
"""

import importlib.util
import io
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchvynt.adapters.presidio.apart import CHARS_MAX, WAITING_MAX, LookingApart
from orchvynt.adapters.presidio.child import serve
from orchvynt.adapters.presidio.frames import FRAME_BYTES_MAX, LENGTH, Answer, Ask, framed, read
from orchvynt.detectors.presidio import BY_PATTERN, ENTITIES
from orchvynt.language.compiled_gates import Presidio
from orchvynt.ports.looking import Looked

SECOND = 1_000_000_000
# Generous: the library is loaded on a busy machine.
TERMS = Presidio(within_ns=60 * SECOND)
HAS_LIBRARY = importlib.util.find_spec("presidio_analyzer") is not None

# What of the library's interface is used: it finds words that look like its kinds, and does what a text tells it to.
LIBRARY = """
import os, socket, sys, time, types

class Found:
    def __init__(self, kind): self.entity_type = kind

class PatternRecognizer:
    def __init__(self, supported_language): self.language = supported_language

class RecognizerRegistry:
    def __init__(self, recognizers, supported_languages): self.recognizers = recognizers

class AnalyzerEngine:
    def __init__(self, registry, nlp_engine, supported_languages): pass
    def analyze(self, text, language, entities, score_threshold):
        print(text)
        if "hang" in text: time.sleep(600)
        if "die" in text: os._exit(3)
        if "break" in text: raise ValueError(text)
        if "call home" in text: socket.create_connection(("127.0.0.1", 9))
        score = 1.0 if "sure" in text else 0.2
        return [Found(kind) for kind in entities for word in text.split() if word == kind] if score >= score_threshold else []

class SpacyNlpEngine:
    def __init__(self, models): self.nlp = None

for name, parts in (("nlp_engine", {"SpacyNlpEngine": SpacyNlpEngine}), ("predefined_recognizers", {})):
    module = sys.modules["presidio_analyzer." + name] = types.ModuleType("presidio_analyzer." + name)
    vars(module).update(parts)
"""
SPACY = """
class Language:
    @staticmethod
    def component(name, func): pass
class Pipe:
    def add_pipe(self, name): pass
def blank(language): return Pipe()
def load(model): raise OSError(model)
"""


class Asking:
    """Asks, and waits for what is said."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.heard: queue.Queue[Looked] = queue.Queue()
        self.said: list[str] = []
        self.apart = LookingApart(lambda over, found: over(found), self.said.append, path)

    def ask(self, text: str, *kinds: str, terms: Presidio = TERMS) -> Looked:
        self.apart.look(terms, kinds, text, self.heard.put)
        return self.heard.get(timeout=100)


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Asking]:
    (tmp_path / "presidio_analyzer.py").write_text(LIBRARY)
    (tmp_path / "spacy.py").write_text(SPACY)
    asking = Asking((str(tmp_path), *sys.path))
    yield asking
    asking.apart.close()


def test_it_counts_each_kind(ours: Asking) -> None:
    found = ours.ask("sure: URL and URL and US_SSN", "URL", "US_SSN", "IBAN_CODE")
    assert found == Looked({"URL": 2, "US_SSN": 1, "IBAN_CODE": 0})


def test_what_it_is_not_sure_of_does_not_count(ours: Asking) -> None:
    assert ours.ask("URL", "URL").found == {"URL": 0}
    assert ours.ask("URL", "URL", terms=Presidio(least_score=2_000, within_ns=TERMS.within_ns)).found == {"URL": 1}


def test_one_that_is_too_slow_is_ended_and_the_next_is_heard(ours: Asking) -> None:
    ours.ask("sure", "URL")
    slow = ours.ask("hang", "URL", terms=Presidio(within_ns=SECOND // 10))
    assert slow.found == {}
    assert slow.problem == "Presidio was not done within 100 ms (`presidio.within`)"
    assert ours.ask("sure URL", "URL").found == {"URL": 1}


def test_who_waits_for_a_slow_one_does_not_wait_for_good(ours: Asking) -> None:
    ours.ask("sure", "URL")
    terms = Presidio(within_ns=SECOND // 10)
    for _ in range(3):
        ours.apart.look(terms, ("URL",), "hang", ours.heard.put)
    assert all("not done within" in ours.heard.get(timeout=100).problem for _ in range(3))


@pytest.mark.parametrize(("text", "problem"), [("die", "ended"), ("break", "ValueError"), ("call home", "NothingIsFetchedError")])
def test_one_that_fails_is_a_problem_without_its_words(ours: Asking, text: str, problem: str) -> None:
    found = ours.ask(f"{text} with a secret", "URL")
    assert problem in found.problem
    assert "secret" not in found.problem
    assert ours.ask("sure URL", "URL").found == {"URL": 1}, "the next one is heard"


def test_the_operator_is_told_once(ours: Asking) -> None:
    for _ in range(3):
        ours.ask("break", "URL")
    assert len(ours.said) == 1
    assert "gates that hang on it close" in ours.said[0]
    ours.ask("sure", "URL")
    ours.ask("break", "URL")
    assert len(ours.said) == 2, "again, once it had worked"


def test_it_is_loaded_anew_for_another_language(ours: Asking) -> None:
    assert ours.ask("sure URL", "URL").found == {"URL": 1}
    assert ours.ask("sure URL", "URL", terms=Presidio("de", within_ns=TERMS.within_ns)).found == {"URL": 1}


def test_a_model_that_is_not_there_is_a_problem(ours: Asking) -> None:
    assert "cannot be loaded" in ours.ask("Ana", "PERSON", terms=Presidio("en", "nonesuch")).problem


def test_a_library_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "presidio_analyzer.py").write_text("raise ImportError")
    asking = Asking((str(tmp_path), *sys.path))
    assert "ImportError" in asking.ask("URL", "URL").problem
    asking.apart.close()


def test_what_is_too_long_or_too_many_is_not_looked_into(ours: Asking) -> None:
    assert "too long" in ours.ask("x" * (CHARS_MAX + 1), "URL").problem
    for _ in range(WAITING_MAX + 1):
        ours.apart.look(Presidio(within_ns=1), ("URL",), "hang", ours.heard.put)
    assert "wait for Presidio already" in ours.heard.get(timeout=100).problem


def test_preparing_loads_it_and_nobody_who_asks_ends_it(ours: Asking) -> None:
    ours.apart.prepare(TERMS)
    assert ours.ask("sure URL", "URL").found == {"URL": 1}
    ours.apart.prepare(None)
    assert ours.ask("sure URL", "URL").found == {"URL": 1}, "it is started again for whoever asks"


def test_nothing_is_started_for_those_who_do_not_ask() -> None:
    asking = Asking(())
    asking.apart.prepare(None)
    asking.apart.close()
    assert not asking.said


def test_hostile_texts_go_there_and_back(ours: Asking) -> None:
    for text in ("sure \ud800 URL", "sure \0 URL", "sure " + "\U0001f600" * CHARS_MAX, "sure \r\n\u202e URL"):
        assert ours.ask(text[:CHARS_MAX], "URL").problem == ""


def test_the_child_ends_with_its_input_and_refuses_giants() -> None:
    answers = io.BytesIO()
    serve(io.BytesIO(framed(Ask("t", ("URL",), 4_000))), answers, lambda _text, kinds, _least: dict.fromkeys(kinds, 7))
    answers.seek(0)
    assert read(answers, Answer) == Answer({"URL": 7})
    with pytest.raises(EOFError):
        read(io.BytesIO(LENGTH.pack(FRAME_BYTES_MAX + 1)), Answer)


def test_the_child_says_nothing_when_whoever_asked_was_killed(tmp_path: Path) -> None:
    (tmp_path / "presidio_analyzer.py").write_text("raise ImportError")
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "orchvynt.adapters.presidio.child", "en", "none"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE, env=environment) as one:
        os.close(writer)
        os.close(reader)
        _, said = one.communicate(timeout=60)
    assert (one.returncode, said) == (0, b"")


@pytest.fixture(scope="module")
def real() -> Iterator[Asking]:
    if not HAS_LIBRARY:
        pytest.skip("the extra is not installed: pip install '.[presidio]'")
    asking = Asking(())
    yield asking
    asking.apart.close()


def test_the_library_itself(real: Asking) -> None:
    text = "my card is 4012 8888 8888 1881, write to info@presidio.site, my passport number is 912803456"
    found = real.ask(text, "CREDIT_CARD", "EMAIL_ADDRESS", "US_PASSPORT", "IBAN_CODE")
    assert found == Looked({"CREDIT_CARD": 1, "EMAIL_ADDRESS": 1, "US_PASSPORT": 1, "IBAN_CODE": 0})


def test_the_library_finds_all_that_can_be_asked_for(real: Asking) -> None:
    found = real.ask("nothing", *sorted(BY_PATTERN))
    assert found.problem == ""
    assert set(found.found) == BY_PATTERN
    assert BY_PATTERN < ENTITIES


def test_the_library_is_bounded_in_time(real: Asking) -> None:
    real.ask("nothing", "URL")
    assert "not done within" in real.ask("a@b.example " * 4_000, *sorted(BY_PATTERN), terms=Presidio(within_ns=SECOND // 20)).problem


def test_names_without_a_model_are_a_problem(real: Asking) -> None:
    assert "ValueError" in real.ask("Ana Silva", "PERSON").problem
