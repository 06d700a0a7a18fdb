"""Names that say nothing (utils, helpers, manager …) and names of versions (_v2, legacy) do not exist here."""

import ast

from tests.architecture.house import PACKAGE, ROOT, modules_of_tests, source_modules

EMPTY_WORDS = frozenset(
    {
        "util",
        "utils",
        "helper",
        "helpers",
        "common",
        "misc",
        "miscellaneous",
        "core",
        "base",
        "manager",
        "managers",
        "legacy",
        "old",
        "new",
        "v1",
        "v2",
        "v3",
        "shared",
        "stuff",
    }
)


def test_files_and_folders_have_names_that_say_something() -> None:
    paths = [path.relative_to(ROOT) for folder in (PACKAGE, ROOT / "tests", ROOT / "bench") for path in folder.rglob("*")]
    bad = {
        path.as_posix()
        for path in paths
        if "__pycache__" not in path.parts and EMPTY_WORDS.intersection(path.stem.lower().replace("-", "_").replace(".", "_").split("_"))
    }
    assert not bad, "name what it decides or does"


def test_classes_have_names_that_say_something() -> None:
    bad = {
        f"{module.name}::{node.name}"
        for module in source_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Helper", "Helpers", "Util", "Utils", "Base"))
    }
    assert not bad


def test_every_module_opens_with_what_it_does() -> None:
    silent = {module.name for module in source_modules() if module.tree.body and not ast.get_docstring(module.tree)}
    assert not silent, "a module opens with one to five lines: what it decides or does, and what it must never know"


def test_every_test_module_opens_with_what_it_holds() -> None:
    silent = {module.name for module in modules_of_tests() if module.tree.body and not ast.get_docstring(module.tree)}
    assert not silent
