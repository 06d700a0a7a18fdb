"""What a person's own editor may do with an answer: whatever it is, there is a text or one sentence that says why there is none."""

from pathlib import Path

import pytest

from orchvynt.surfaces.cli.review_decisions import edited_in
from orchvynt.surfaces.cli.session import FailedError


def editor(folder: Path, script: str) -> str:
    path = folder / "an editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return f"'{path}' --wait"


def test_what_it_saves_is_the_text_without_the_end_of_its_last_line(tmp_path: Path) -> None:
    assert edited_in(editor(tmp_path, 'printf "new\\nwords\\n" > "$2"'), "old") == "new\nwords"
    assert edited_in(editor(tmp_path, 'printf "more\\n" >> "$2"'), "old\n") == "old\nmore\n"
    assert edited_in(editor(tmp_path, "exit 0"), "old") == "old"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "ended with 3, so nothing was decided"),
        ("kill -9 $$", "ended with -9"),
        ('rm "$2"', "left no file"),
        ('printf "\\377" > "$2"', "left text that is not UTF-8"),
    ],
)
def test_one_that_fails_decides_nothing(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(FailedError, match=said):
        edited_in(editor(tmp_path, script), "old")


@pytest.mark.parametrize("name", ["/nowhere/editor", 'vi "', "vi \0"])
def test_one_that_cannot_be_started_is_said(name: str) -> None:
    with pytest.raises(FailedError, match="cannot be started") as failed:
        edited_in(name, "old")
    assert "EDITOR" in failed.value.help_text
