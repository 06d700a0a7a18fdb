"""What the architecture tests read: the parsed source tree, and the list of exceptions. It judges nothing."""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "orchvynt"
PURE_ROOMS = ("model", "catalog", "detectors", "language", "dialects", "decisions", "lifecycle", "ports")


@dataclass(frozen=True)
class Module:
    """One Python file. `name` is its path below `src/orchvynt` (or below the repository, for tests), with forward slashes."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.name.partition("/")[0]

    @property
    def line_count(self) -> int:
        return len(self.text.splitlines())


@dataclass(frozen=True)
class Function:
    """`name` is `path::Class.function`."""

    name: str
    line_count: int
    node: ast.FunctionDef | ast.AsyncFunctionDef


def _read(folder: Path, below: Path) -> tuple[Module, ...]:
    return tuple(
        Module(path, path.relative_to(below).as_posix(), text := path.read_text(encoding="utf-8"), ast.parse(text, str(path)))
        for path in sorted(folder.rglob("*.py"))
    )


@cache
def source_modules() -> tuple[Module, ...]:
    return _read(PACKAGE, PACKAGE)


@cache
def modules_of_tests() -> tuple[Module, ...]:
    return _read(ROOT / "tests", ROOT)


def functions(module: Module) -> Iterator[Function]:
    def walk(node: ast.AST, prefix: str) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}{child.name}"
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                yield Function(f"{module.name}::{name}", (child.end_lineno or child.lineno) - first + 1, child)
                yield from walk(child, f"{name}.")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(module.tree, "")


@cache
def exceptions(section: str) -> dict[str, str]:
    with (Path(__file__).parent / "exceptions.toml").open("rb") as file:
        content = tomllib.load(file)
    return {name: str(reason) for name, reason in content[section].items()}
