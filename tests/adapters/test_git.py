"""The commit of a file: only where git holds it exactly as it lies there, and never by running what the repository names."""

import os
import subprocess
from pathlib import Path

import pytest

from orchvynt.adapters.git import commit_of

FREE = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(folder: Path, *arguments: str) -> str:
    person = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    done = subprocess.run(["git", *person, *arguments], cwd=folder, capture_output=True, text=True, check=True, env=FREE)
    return done.stdout.strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A committed file, alone in its repository."""
    git(tmp_path, "init", "-q")
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return path


def test_a_file_that_is_committed_as_it_is_has_its_commit(file: Path) -> None:
    head = git(file.parent, "rev-parse", "HEAD")
    assert commit_of(str(file)) == head
    (file.parent / "other.yaml").write_text("x")
    assert commit_of(str(file)) == head, "what else lies there does not matter"
    link = file.parent / "link.yaml"
    link.symlink_to(file)
    assert commit_of(str(link)) == head


def test_anything_else_has_none(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    file.write_text("version: 2\n")
    assert commit_of(str(file)) == ""
    untracked = file.parent / "--new.yaml"
    untracked.write_text("x")
    assert commit_of(str(untracked)) == ""
    (file.parent / ".gitignore").write_text("ignored.yaml\n")
    (file.parent / "ignored.yaml").write_text("x")
    assert commit_of(str(file.parent / "ignored.yaml")) == ""
    assert commit_of(str(file.parent / "none.yaml")) == ""
    outside = tmp_path_factory.mktemp("outside") / "policy.yaml"
    outside.write_text("x")
    assert commit_of(str(outside)) == ""


def test_a_repository_names_no_programs_for_us(file: Path) -> None:
    trap = file.parent / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {file.parent}/sprung\n")
    trap.chmod(0o755)
    git(file.parent, "config", "core.fsmonitor", str(trap))
    assert commit_of(str(file)) != ""
    assert not (file.parent / "sprung").exists()
