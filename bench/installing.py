"""Installs the peers as their users do, each into a folder of its own under the user's cache; once."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from processes import BenchError
from systems import CACHE


def _installed(name: str, what: str, commands: Sequence[Sequence[str]]) -> Path:
    """The folder of a peer; `ready` in it is written when all of it is there. Raises BenchError, which names what was tried."""
    folder = CACHE / name
    if (folder / "ready").exists():
        return folder
    print(f"Installing {what} into {folder} (once) …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"`{' '.join(command)}` failed: {' '.join((done.stderr or done.stdout).split())[-400:]}")
    (folder / "ready").touch()
    return folder


def from_pypi(name: str, requirement: str) -> Path:
    """The folder of programs of a virtual environment that holds one package."""
    venv = CACHE / name
    pip = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", requirement]
    return _installed(name, f"{requirement} of PyPI", [[sys.executable, "-m", "venv", "--clear", str(venv)], pip]) / "bin"


def from_npm(name: str, package: str) -> Path:
    """The folder of one package."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise BenchError(f"Node.js and npm are not installed, which {package} needs. On Debian and Ubuntu: `apt-get install -y npm`.")
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(CACHE / name), package]
    return _installed(name, f"{package} of npm", [npm]) / "node_modules" / package


def from_debian(program: str, package: str) -> str:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/bin") or shutil.which(program)
    if found is None:
        raise BenchError(f"{program} is not installed. On Debian and Ubuntu: `apt-get install -y {package}`.")
    return found
