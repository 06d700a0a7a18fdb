"""Asks the library Presidio, an extra, in the process that it is loaded in. Nothing is fetched: what is not installed is not there.

Its own engine would fetch a language model that is not installed, and reads text without one so that no word near a number helps; ours is
spaCy's tokenizer alone where the policy names no model, with each word in lower case as its own lemma.
"""

import importlib
import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from orchvynt.detectors.presidio import BY_MODEL

Analyze = Callable[[str, Sequence[str], float], Mapping[str, int]]
"""Text, kinds, the least score → how many of each kind."""

_WORLD: Final = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "subprocess.Popen"})


class NothingIsFetchedError(OSError):
    """The library tried to reach the network, or to start a program."""


def is_installed() -> bool:
    return importlib.util.find_spec("presidio_analyzer") is not None


def has_model(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def stay_inside() -> None:
    """From now on this process reaches no network and starts no program, for good: what it reads stays in it."""
    sys.addaudithook(_refuse)


def _refuse(event: str, _arguments: object) -> None:
    if event in _WORLD:
        raise NothingIsFetchedError(f"{event} is not allowed here")


def analyzer(language: str, model: str) -> Analyze:
    """Loads the library, which takes seconds. Raises ImportError or OSError where it, or the model, is not there."""
    library: Any = importlib.import_module("presidio_analyzer")
    engine = _engine(language, model)
    recognizers = _recognizers(library, language, bool(model))
    registry = library.RecognizerRegistry(recognizers=recognizers, supported_languages=[language])
    made = library.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])

    def analyze(text: str, kinds: Sequence[str], least_score: float) -> Mapping[str, int]:
        found = made.analyze(text, language=language, entities=list(kinds), score_threshold=least_score)
        counts = Counter(one.entity_type for one in found)
        return {kind: counts[kind] for kind in kinds}

    return analyze


def _engine(language: str, model: str) -> Any:
    spacy: Any = importlib.import_module("spacy")
    engines: Any = importlib.import_module("presidio_analyzer.nlp_engine")
    if model:
        read = spacy.load(model)
    else:
        read = spacy.blank(language)
        spacy.Language.component("orchvynt_words", func=_words_as_lemmas)
        read.add_pipe("orchvynt_words")
    engine = engines.SpacyNlpEngine(models=[{"lang_code": language, "model_name": model or "blank"}])
    # What is loaded already it does not load itself.
    engine.nlp = {language: read}
    return engine


def _words_as_lemmas(words: Any) -> Any:
    for word in words:
        word.lemma_ = word.lower_
    return words


def _recognizers(library: Any, language: str, with_model: bool) -> list[Any]:
    """Those that look by patterns, whatever country they are for; and the one that reads the model's names."""
    known: Any = importlib.import_module("presidio_analyzer.predefined_recognizers")
    found = []
    for name in sorted(dir(known)):
        kind = getattr(known, name)
        by_pattern = isinstance(kind, type) and issubclass(kind, library.PatternRecognizer) and kind is not library.PatternRecognizer
        if by_pattern or name == "PhoneRecognizer":
            found.append(kind(supported_language=language))
    if with_model:
        names = known.SpacyRecognizer(supported_language=language, supported_entities=sorted(BY_MODEL))
        found.append(names)
    return found
