"""Habits that no linter of ours knows: broad excepts only at loop tops, no `Any` but for JSON, no patched tests, no global state."""

import ast
from collections.abc import Iterator

import pytest
from tests.architecture.house import PURE_ROOMS, Module, exceptions, functions, modules_of_tests, source_modules

BROAD = {"Exception", "BaseException"}
PATCHES = {f"monkeypatch.{how}" for how in ("setattr", "delattr", "setitem", "delitem")}
JSON_HOLDERS = {"dict", "Mapping", "MutableMapping", "list", "Sequence", "tuple"}


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Catches everything and keeps it. One that cleans up and ends in a bare `raise` keeps nothing."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id in BROAD for each in caught)


def _broad_excepts() -> set[str]:
    found = set()
    for module in source_modules():
        broad = {node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.ExceptHandler) and _is_broad(node)}
        inside: dict[int, str] = {}
        for each in functions(module):  # inner functions come after the outer ones that hold them
            inside |= {line: each.name for line in broad if each.node.lineno <= line <= (each.node.end_lineno or 0)}
        found |= {inside.get(line, f"{module.name}::module") for line in broad}
    return found


def test_broad_excepts_stand_only_where_the_list_says_why() -> None:
    assert _broad_excepts() == set(exceptions("broad_excepts")), "catch what can be raised; only a loop top of runtime/ catches everything"


def test_the_list_of_broad_excepts_is_of_loop_tops_in_runtime() -> None:
    for name, reason in exceptions("broad_excepts").items():
        assert name.startswith("runtime/"), f"{name}: only runtime/ has loops whose top may catch everything"
        assert len(reason.split()) >= 4, f"{name}: say why"


def _anys_outside_json(module: Module) -> Iterator[int]:
    """Lines where `Any` is not the value of a JSON object or list, as in `dict[str, Any]`."""
    json: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in JSON_HOLDERS:
            json |= {id(inner) for inner in ast.walk(node.slice)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == "Any" and id(node) not in json:
            yield node.lineno


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_pure_rooms_know_their_types(room: str) -> None:
    allowed = exceptions("loose_types")
    modules = [module for module in source_modules() if module.room == room]
    loose = [f"{module.name}:{line}" for module in modules if module.name not in allowed for line in _anys_outside_json(module)]
    assert not loose, "Any stands only for JSON values: dict[str, Any], list[Any]; a value of unknown type is `object`"


def test_the_list_of_loose_types_is_reasoned_and_needed() -> None:
    loose = {module.name for module in source_modules() if module.room in PURE_ROOMS and any(_anys_outside_json(module))}
    for name, reason in exceptions("loose_types").items():
        assert name in loose, f"{name}: no longer needed, take it off the list"
        assert len(reason.split()) >= 4, f"{name}: say why"


def test_no_global_statements() -> None:
    found = [f"{m.name}:{node.lineno}" for m in source_modules() for node in ast.walk(m.tree) if isinstance(node, ast.Global)]
    assert not found, "state belongs to a value that assembly/ builds"


def test_no_module_level_mutable_state() -> None:
    """A name in capitals or marked Final is a constant table; any other list, dict or set at module level is state."""
    found = []
    for module in source_modules():
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Dict | ast.Set):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                found += [f"{module.name}:{node.lineno} {name}" for name in names if not name.isupper() and not name.startswith("__")]
    assert not found


def test_tests_implement_ports_and_patch_nothing() -> None:
    """Setting an environment variable or a working folder for a test is no patch; replacing an attribute is."""
    found = []
    for module in modules_of_tests():
        for node in ast.walk(module.tree):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            patches = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "monkeypatch"
            if any(name.startswith("unittest.mock") for name in names) or (patches and ast.unparse(node) in PATCHES):
                found.append(f"{module.name}:{getattr(node, 'lineno', 0)}")
    assert not found, "write a fake that implements the port"
