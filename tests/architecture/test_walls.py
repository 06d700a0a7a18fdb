"""The walls between the rooms stand: the contracts of pyproject.toml hold, and the client library loads no server."""

import os
import subprocess
import sys
import tomllib

from tests.architecture.house import PACKAGE, ROOT

SERVER_ROOMS = (
    "assembly",
    "runtime",
    "adapters",
    "lifecycle",
    "ports",
    "decisions",
    "dialects",
    "language",
    "catalog",
    "model",
    "scripted",
)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)


def test_import_contracts_are_kept() -> None:
    # A stale cache of the import graph gives breaks that are none.
    result = _python("-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_room_has_its_place_in_the_line() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")["layers"]
    placed = {room.strip() for layer in layers for room in layer.split("|")}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    rooms |= {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    assert rooms == placed


def test_importing_the_client_loads_no_server_module() -> None:
    result = _python("-c", "import sys, orchvynt; orchvynt.run, orchvynt.route; print('\\n'.join(sorted(sys.modules)))")
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    assert not {name for name in loaded if name.startswith(tuple(f"orchvynt.{room}" for room in SERVER_ROOMS))}
    assert not loaded & {"uvloop", "httptools", "starlette", "uvicorn", "pydantic", "yaml", "sqlite3", "typer", "rich"}
