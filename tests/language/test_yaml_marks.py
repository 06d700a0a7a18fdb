"""Reading YAML: what plain words become, where nodes stand, and that no document crashes, hangs or grows without bound."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.language.policies import WHOLE

from orchvynt.language.compile import load
from orchvynt.language.report import Report
from orchvynt.language.yaml_marks import BYTES_MAX, Mapping, Node, Scalar, Sequence, YamlFloat, parse, plain


def _read(text: str) -> tuple[Any, list[str]]:
    report = Report("p.yaml", text)
    node = parse(text, report)
    return plain(node) if node is not None else None, [f"{p.line}:{p.column} {p.message}" for p in report.problems()]


STRINGS = ("no", "yes", "on", "off", "y", "n", "2026-01-01", "1:30", "1_000", "0x1f", "0o7", ".inf", "inf", "1.2.3", "+", "=")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *((word, word) for word in STRINGS),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, None) for word in ("null", "~", "Null")),
        ("false", False),
        ("010", 10),
        ("-5", -5),
        ("+7", 7),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("'true'", "true"),
        ('"1"', "1"),
        ("!!str 1", "1"),
    ],
)
def test_plain_words(word: str, value: object) -> None:
    found, problems = _read(f"a: {word}\n")
    assert problems == []
    assert found["a"] == value
    assert type(found["a"]) in (type(value), YamlFloat)


def test_numbers_keep_what_the_file_says() -> None:
    found, _ = _read("a: 0.10\n")
    assert isinstance(found["a"], YamlFloat)
    assert found["a"].text == "0.10"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1 `a` stands twice; the first is on line 1"),
        ("a:\n\t- b\n", "2:1 YAML: a tab cannot indent YAML"),
        ("a: [1, 2\nb: 3\n", "2:2 YAML: did not find expected ',' or ']'"),
        ("a: b: c\n", "1:5 YAML: mapping values are not allowed in this context"),
        ("a: %x\n", "1:4 YAML: a plain word cannot begin with `%`"),
        ("---\na: 1\n---\nb: 2\n", "3:1 a second document begins here"),
        ("a: *nothing\n", "1:4 the alias `*nothing` stands for nothing"),
        ("a: &a [*a]\n", "1:8 the alias `*a` stands for nothing"),
        ("<<: {a: 1}\n", "1:1 merge keys (`<<`) are not read"),
        ("a: !!binary eA==\n", "1:4 the tag `!!binary` is not read here"),
        ("a: !thing {}\n", "1:4 the tag `!thing` is not read here"),
        ("? [a]\n: 1\n", "1:3 a name must be a word, not a list or a map"),
        ("a: \x00\n", "1:4 the character U+0000 is not allowed in YAML"),
        ("a: \ud800\n", "1:4 the character U+D800 is not allowed in YAML"),
        ("", "1:1 the file is empty"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    assert problem in _read(text)[1]


def test_aliases_stand_for_their_value() -> None:
    assert _read("a: &x [1, {b: 2}]\nc: *x\n") == ({"a": [1, {"b": 2}], "c": [1, {"b": 2}]}, [])


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "a: [", "[a, {b: "])
def test_deep_documents_are_refused_at_once(opening: str) -> None:
    found, problems = _read(opening * 200_000)
    assert found is None
    assert "nested deeper than 64 levels" in problems[0] or "YAML" in problems[0]


def test_a_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    found, problems = _read("\n".join(lines))
    assert found is None
    assert "more than 200,000 values" in problems[0]


def test_a_huge_document_is_refused() -> None:
    found, problems = _read("a: " + "x" * BYTES_MAX)
    assert found is None
    assert "larger than 4 MiB" in problems[0]


NAMES = st.sampled_from(["a", "models", "api_key", "é", "x y"])
TREES = st.recursive(
    st.one_of(st.integers(-(10**6), 10**6), st.booleans(), st.none(), NAMES, st.text(max_size=8)),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(NAMES, inside, max_size=3)),
    max_leaves=12,
)


def _quoted(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)}: {_quoted(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_quoted(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
    return {"True": "true", "False": "false", "None": "null"}.get(str(value), str(value))


@settings(max_examples=150, deadline=None)
@given(TREES.filter(lambda tree: not any(0xD800 <= ord(char) <= 0xDFFF for char in repr(tree))))
def test_what_is_written_is_read(tree: object) -> None:
    found, problems = _read(f"all: {_quoted(tree)}\n")
    assert problems == []
    assert found == {"all": tree}


def _nodes(node: Node) -> list[Node]:
    below = [entry.value for entry in node.entries.values()] if isinstance(node, Mapping) else []
    below += list(node.items) if isinstance(node, Sequence) else []
    return [node, *(one for part in below for one in _nodes(part))]


def test_every_value_stands_where_its_mark_says() -> None:
    report = Report("p.yaml", WHOLE)
    node = parse(WHOLE, report)
    assert node is not None
    lines = WHOLE.split("\n")
    scalars = [one for one in _nodes(node) if isinstance(one, Scalar)]
    assert len(scalars) > 80
    for one in scalars:
        source = lines[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1]
        assert source == (f"{one.quote}{one.text}{one.quote}" if one.quote else one.text)


LINES = WHOLE.split("\n")
PIECES = [
    *("", "[", "]", "{", "}", ": ", "- ", "&a ", "*a", "!!int ", "|\n", "'", '"', "\t", "#", "%"),
    *("null", "~", "${env:X}", "*", "é", "\u202e", "1e999", "9" * 40, "<<: "),
]


@settings(max_examples=250, deadline=None)
@given(st.integers(0, len(WHOLE)), st.integers(0, 12), st.sampled_from(PIECES), st.integers(0, len(LINES) - 1), st.booleans())
@example(0, 0, "\ud800", 0, False)
def test_damaged_policies_are_read_or_refused_with_places(at: int, cut: int, piece: str, line: int, drop: bool) -> None:
    text = WHOLE[:at] + piece + WHOLE[at + cut :]
    if drop:
        text = "\n".join(text.split("\n")[:line] + text.split("\n")[line + 1 :])
    _sound(text)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.text(max_size=80), st.lists(st.sampled_from([*PIECES, "version: 1\n", "models:\n", "  a: "]), max_size=20).map("".join))
)
def test_any_text_is_read_or_refused_with_places(text: str) -> None:
    _sound(text)


def _sound(text: str) -> None:
    loaded = load(text, "p.yaml")
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (loaded.snapshot is None) == bool(errors)
    for problem in loaded.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert "\n" not in problem.message
