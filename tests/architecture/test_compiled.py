"""What a wheel may bring compiled: each pattern still finds a module, and the hot path does not fall out of it unseen."""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Final

from tests.architecture.house import PACKAGE, ROOT, Module, modules_of_tests, source_modules

# Of these a struct would make an invocation slower again without a word: `hatch_build.py` leaves out what defines one.
HOT: Final = (
    "decisions/budgets/ledger.py", "decisions/budgets/sizing.py", "decisions/gates/judgement.py", "decisions/routing/plan.py",
    "language/scope.py", "lifecycle/admission.py", "lifecycle/settling.py", "lifecycle/table.py", "lifecycle/weighing.py",
    "runtime/carrier.py", "runtime/counting.py", "runtime/exchange.py", "runtime/life.py", "runtime/series.py", "surfaces/api/reception.py",
)  # fmt: skip

# The defects that the simulation is to find are put into pure Python alone.
NOT_ON_IT: Final = frozenset({"tests/simulation/faulty.py"})

CHECKED: Final = frozenset({"bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"})

_CONFIG: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())
TABLE: Final = _CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]


def may_be_compiled(module: Module) -> bool:
    return any(fnmatch(module.name, pattern) for pattern in TABLE["modules"]) and module.name not in TABLE["interpreted"]


def is_compiled(module: Module) -> bool:
    """As `hatch_build.py` chooses: never what defines a struct."""
    structs = any(
        node.keywords or any(ast.unparse(base).endswith("Struct") for base in node.bases)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    )
    return may_be_compiled(module) and not structs and not module.name.endswith("__init__.py")


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


def test_a_build_of_its_own_has_the_stubs() -> None:
    """`pip install` builds in an environment in which mypy finds what OrchVynt runs on, and what is named here; it stops at a library
    without types."""
    stubs = {each for each in _CONFIG["dependency-groups"]["dev"] if each.startswith("types-")}
    assert stubs <= set(TABLE["dependencies"])


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


def test_what_inherits_from_a_compiled_class_is_compiled() -> None:
    """An interpreted class that does cannot be made. Nor can one of the tests that run on the wheel: they put something in its place."""
    classes = {
        (f"orchvynt.{module.name.removesuffix('.py').replace('/', '.')}", node.name)
        for module in filter(is_compiled, source_modules())
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
    }
    others = [module for module in source_modules() if not is_compiled(module)]
    for module in (*others, *(test for test in modules_of_tests() if test.name not in NOT_ON_IT)):
        imported = {
            alias.asname or alias.name
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if (node.module, alias.name) in classes
        }
        for made in (node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)):
            inherited = {ast.unparse(base).partition("[")[0] for base in made.bases} & imported
            assert not inherited, f"{module.name}: {made.name}: compile this module too, or let it have one of {inherited}"


def test_what_a_method_inherited_takes_is_named() -> None:
    """mypyc gives `super().method(*args)` the whole tuple as the first argument."""
    for module in filter(may_be_compiled, source_modules()):
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).startswith("super("):
                spread = any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords)
                assert not spread, f"{module.name}: {ast.unparse(call)}"


def test_what_is_none_by_default_is_an_optional_of_one_type() -> None:
    """mypyc leaves `= None` in the body of a class undone for a union of more; a protocol that is compiled is one, with `object`."""
    protocols = {
        node.name
        for module in filter(is_compiled, source_modules())
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).partition("[")[0] == "Protocol" for base in node.bases)
    }
    for module in filter(is_compiled, source_modules()):
        for made in (node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)):
            for default in (node for node in made.body if isinstance(node, ast.AnnAssign)):
                if isinstance(default.value, ast.Constant) and default.value.value is None:
                    types = ast.unparse(default.annotation).strip("'").split(" | ")
                    plain = len(types) == 2 and not protocols.intersection(types)
                    assert plain, f"{module.name}: {made.name}: set this one in __init__: {ast.unparse(default)}"


def test_the_bounds_of_a_slice_run_one_way() -> None:
    """Of bytes whose slice would begin behind its end, mypyc makes no empty one, but a SystemError."""
    for module in filter(is_compiled, source_modules()):
        for part in (node for node in ast.walk(module.tree) if isinstance(node, ast.Slice)):
            crossing = part.lower is not None and isinstance(part.upper, ast.UnaryOp)
            assert not crossing, f"{module.name}:{part.lineno}: count both from the beginning, and look whether they are in order"


def test_what_mypy_is_told_to_ignore_is_true() -> None:
    """mypyc checks at run time what an annotation says of a value, also where mypy was told not to."""
    for module in filter(is_compiled, source_modules()):
        lines = module.text.splitlines()
        for said in (node for node in ast.walk(module.tree) if isinstance(node, ast.AnnAssign)):
            if "type: ignore[assignment]" in lines[said.lineno - 1]:
                name = ast.unparse(said.annotation).partition("[")[0]
                assert name not in CHECKED, f"{module.name}: {ast.unparse(said)}: name what it can do, as `Sequence` does"


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
