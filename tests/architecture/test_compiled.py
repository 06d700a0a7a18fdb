"""What a wheel may bring compiled: each pattern still finds a module, and the hot path does not fall out of it unseen."""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Final

from tests.architecture.house import PACKAGE, ROOT, Module, source_modules

# Of these a struct would make an invocation slower again without a word: `hatch_build.py` leaves out what defines one.
HOT: Final = (
    "decisions/budgets/ledger.py", "decisions/budgets/sizing.py", "decisions/gates/judgement.py", "decisions/routing/plan.py",
    "language/scope.py", "lifecycle/admission.py", "lifecycle/settling.py", "lifecycle/table.py", "lifecycle/weighing.py",
    "runtime/carrier.py", "runtime/counting.py", "runtime/series.py", "surfaces/api/reception.py",
)  # fmt: skip

_CONFIG: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())
TABLE: Final = _CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]


def may_be_compiled(module: Module) -> bool:
    return any(fnmatch(module.name, pattern) for pattern in TABLE["modules"]) and module.name not in TABLE["interpreted"]


def test_every_pattern_finds_modules() -> None:
    lost = [pattern for pattern in (*TABLE["modules"], *TABLE["interpreted"]) if not list(PACKAGE.glob(pattern))]
    assert not lost, "take these out of pyproject.toml, or name what came in their place"


def test_the_hot_path_can_be_compiled() -> None:
    for module in source_modules():
        if module.name in HOT:
            assert may_be_compiled(module), module.name
            assert "msgspec.Struct" not in module.text, f"{module.name}: put the struct into a module of its own beside it"
    assert set(HOT) <= {module.name for module in source_modules()}


def test_a_wheel_is_pure_unless_asked() -> None:
    assert TABLE["enable-by-default"] is False


def test_errors_of_different_kinds_have_different_names() -> None:
    """mypyc gives a name one type within a function, that of the first `except`: the next kind of error would be a TypeError there."""
    for module in filter(may_be_compiled, source_modules()):
        for function in (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            kinds: dict[str, set[str]] = defaultdict(set)
            for node in ast.walk(function):
                if isinstance(node, ast.ExceptHandler) and node.name is not None and node.type is not None:
                    kinds[node.name].add(ast.unparse(node.type))
            assert all(len(found) == 1 for found in kinds.values()), f"{module.name}: {function.name}"


def test_nothing_asks_a_compiled_class_for_what_it_does_not_have() -> None:
    """Its instances have no `__dict__`, and `__new__` makes none that `__init__` has not been through."""
    for module in filter(may_be_compiled, source_modules()):
        for node in ast.walk(module.tree):
            asked = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            assert asked not in {"__dict__", "__new__", "vars"}, f"{module.name}: {ast.unparse(node)}"


def test_a_tuple_is_compared_by_what_it_holds() -> None:
    """mypyc takes a tuple of a known length apart: put together again it is another object."""
    tuples = {(module.name, name) for module in source_modules() for name in tuple_constants(module)}
    for module in filter(may_be_compiled, source_modules()):
        known = set(tuple_constants(module))
        for taken in (node for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom)):
            source = f"{(taken.module or '').removeprefix('orchvynt.').replace('.', '/')}.py"
            known |= {alias.name for alias in taken.names if (source, alias.name) in tuples}
        for compared in (node for node in ast.walk(module.tree) if isinstance(node, ast.Compare)):
            if any(isinstance(each, ast.Is | ast.IsNot) for each in compared.ops):
                named = {each.id for each in (compared.left, *compared.comparators) if isinstance(each, ast.Name)}
                assert not named & known, f"{module.name}: {ast.unparse(compared)}"


def tuple_constants(module: Module) -> Iterator[str]:
    for node in module.tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Tuple) and isinstance(node.target, ast.Name):
            yield node.target.id
