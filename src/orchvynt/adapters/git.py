"""Which git commit holds a file exactly as it lies there. It runs git, and nothing that the repository could make git run."""

import subprocess
from pathlib import Path
from shutil import which
from typing import Final

SECONDS_MAX: Final = 2.0
# A repository may name programs for git to run; a lock of ours must not stand in the way of whoever works there.
SAFELY: Final = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def commit_of(path: str) -> str:
    """The commit's id in hex; empty without git, outside a repository, and for a file that was not committed as it is. Blocks."""
    git = which("git")
    file = Path(path).resolve()
    if git is None or not file.is_file():
        return ""
    changed = _said(git, file.parent, "status", "--porcelain", "--ignored", "--untracked-files=all", "--", file.name)
    if changed != "":
        return ""
    return _said(git, file.parent, "rev-parse", "--verify", "HEAD") or ""


def _said(git: str, folder: Path, *arguments: str) -> str | None:
    """What git prints; None if it fails, or takes too long."""
    command = [git, *SAFELY, "-C", str(folder), *arguments]
    try:
        # git itself, with arguments of ours; the file's name stands behind `--`.
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
