"""No document, however it is damaged, crashes or hangs the compiler: it gives a snapshot, or at least one error with its place."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.language.policies import LATER, RICH, WHOLE

from orchvynt.language.compile import load
from orchvynt.language.problems import Problem
from orchvynt.language.report import PROBLEMS_MAX

TREES = [yaml.safe_load(text.replace("2026-03-02T14:00", '"2026-03-02T14:00"')) for text in (WHOLE, RICH, LATER)]

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=12),
    st.sampled_from(
        [
            *("gpt-4o", "claude-*", "auto", "small", "finance", "run", "", "*", "70%", "5s", "rolling 24h", "free", "observe", "${env:X}"),
            *("context.x == 1", "true", "quality > 2", "size(flags) > 0", "((((", 'workload == "classification"', "2026-03-02T14:00"),
            *([], {}, [[]], {"a": {"b": []}}, ["x"] * 30, {"usd": 1}, {"role": "user"}, {"gpt-4o": "100%"}),
        ]
    ),
)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(one for key, value in inside for one in _paths(value, (*path, key)))]


PATHS = [[path for path in _paths(tree) if path] for tree in TREES]
KEYS = sorted({str(path[-1]) for paths in PATHS for path in paths})


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_policies_are_compiled_or_refused_with_places(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(TREES) - 1))
    tree = copy.deepcopy(TREES[number])
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(tree, data.draw(st.sampled_from(PATHS[number])), data)
    _sound(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=data.draw(st.sampled_from([None, True, False]))))


def _mutate(tree: Any, path: tuple[Any, ...], data: st.DataObject) -> None:
    around = tree
    for step in path[:-1]:
        if not isinstance(around, (dict, list)) or (isinstance(around, dict) and step not in around):
            return
        if isinstance(around, list) and (not isinstance(step, int) or step >= len(around)):
            return
        around = around[step]
    last, how = path[-1], data.draw(st.sampled_from(["set", "drop", "rename", "repeat", "swap"]))
    if isinstance(around, dict) and last in around:
        if how == "drop":
            del around[last]
        elif how == "rename":
            around[data.draw(st.sampled_from(KEYS))] = around.pop(last)
        else:
            around[last] = data.draw(VALUES) if how != "swap" else [around[last]]
    elif isinstance(around, list) and isinstance(last, int) and last < len(around):
        if how == "drop":
            del around[last]
        elif how == "repeat":
            around.append(copy.deepcopy(around[last]))
        else:
            around[last] = data.draw(VALUES)


def _sound(text: str) -> tuple[Problem, ...]:
    loaded = load(text, "p.yaml")
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (loaded.snapshot is None) == bool(errors)
    for problem in loaded.problems:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.column >= 1
        assert problem.message
        assert "\n" not in problem.message
    return loaded.problems


def _many(count: int) -> dict[str, str]:
    head = "version: 1\nproviders: {lab: {kind: ollama}}\n"
    models = head + "models:\n" + "".join(f"  model-{n}: {{provider: lab, price: free}}\n" for n in range(count))
    small = head + "models: {m: {provider: lab, price: free}}\n"
    items = range(count)
    return {
        "misspelt models": models
        + "routing:\n  rules:\n"
        + "".join(f"    - {{name: r{n}, when: 'run == \"{n}\"', use: modle-{n}}}\n" for n in items),
        "patterns": head + "models:\n" + "".join(f'  "a{n}*": {{provider: lab, price: free}}\n' for n in items),
        "one model often": small + "fallback: {chains: {default: {tiers: [" + "m, " * count + "m]}}}\n",
        "members": small + "groups: {g: {members: [" + ", ".join(f"a{n}@x" for n in items) + "]}}\n",
        "gates and keys": small
        + "groups: {g: {oidc: g}}\ngates:\n"
        + "".join(
            f"  - {{name: g{n}, stage: output, when: '\"f{n}\" in flags', reviewers: g, not_requester: true}}\n" for n in range(count // 4)
        )
        + "keys:\n"
        + "".join(f"  - {{name: k{n}, fixed: {{flags: [x]}}}}\n" for n in range(count // 4)),
        "conditions alike": small
        + "routing:\n  rules:\n"
        + "".join(f"    - {{name: r{n}, when: 'workload == \"w\" && input.bytes > {count - n}', use: m}}\n" for n in range(count // 2)),
        "unknown names": small + "".join(f"unknown{n}: 1\n" for n in items),
        "constraints": small + "constraints:\n" + "".join(f"  - {{regions: [r{n}]}}\n" for n in items),
    }


@pytest.mark.parametrize("what", _many(1))
def test_many_mistakes_end_soon_and_are_told_up_to_a_bound(what: str) -> None:
    """Each is far beyond what would hang if the work grew with the square."""
    text = _many(1_000)[what]
    assert len(_sound(text)) <= 2 * PROBLEMS_MAX


def test_many_warnings_hide_no_error() -> None:
    head = "version: 1\nproviders: {lab: {kind: ollama}}\nmodels:\n"
    text = head + "".join(f"  m{n}: {{provider: lab, region: no}}\n" for n in range(PROBLEMS_MAX + 50)) + "tests: [{name: t, expect: {}}]\n"
    problems = load(text, "p.yaml").problems
    assert [problem.message for problem in problems if problem.severity == "error"] == ["the test expects nothing"]
    assert len(problems) == PROBLEMS_MAX + 1
