"""The first policy: valid for every combination of keys, never over a file that stands there, and with a next step that works."""

import itertools
from pathlib import Path

import pytest

from orchvynt.assembly.init import first_policy, run
from orchvynt.language.compile import load, secret_names

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
COMBINATIONS = [set(found) for count in range(3) for found in itertools.combinations(KEYS, count)]


@pytest.mark.parametrize("keys", COMBINATIONS, ids=lambda keys: "+".join(sorted(keys)) or "none")
def test_what_it_writes_is_a_policy_without_problems(tmp_path: Path, keys: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "orchvynt.yaml"
    assert run(str(path), False, {**dict.fromkeys(keys, "sk-canary"), "OTHER_API_KEY": "x"}) == 0
    text = path.read_text()
    loaded = load(text, str(path))
    assert loaded.problems == ()
    assert loaded.snapshot is not None
    assert set(secret_names(loaded.snapshot)) == {f"${{env:{key}}}" for key in keys}
    assert len(loaded.snapshot.models) == max(1, len(keys))
    assert loaded.snapshot.chains["default"].tiers == tuple(loaded.snapshot.models)
    assert all(model.price is not None for model in loaded.snapshot.models.values()), "a money budget needs every price"
    assert len(text.splitlines()) <= 18
    assert "sk-canary" not in text + capsys.readouterr().out


def test_an_empty_key_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    assert run(str(path), False, {"OPENAI_API_KEY": ""}) == 0
    assert path.read_text() == first_policy([])


def test_it_says_what_to_type_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(str(tmp_path / "a.yaml"), False, {})
    without = capsys.readouterr().out
    assert (
        without.index("orchvynt scripted-provider &") < without.index("orchvynt serve &") < without.index("curl -s http://127.0.0.1:4821/")
    )
    run(str(tmp_path / "b.yaml"), False, {"OPENAI_API_KEY": "k"})
    assert "scripted-provider" not in capsys.readouterr().out


def test_a_file_that_stands_there_stays_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "orchvynt.yaml"
    path.write_text("mine")
    assert run(str(path), False, {}) == 1
    assert path.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert run(str(path), True, {}) == 0
    assert path.read_text() == first_policy([])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "missing" / "p.yaml"), False, {}) == 1
    assert "No such file or directory" in capsys.readouterr().err
