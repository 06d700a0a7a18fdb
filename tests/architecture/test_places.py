"""What places in compiled code remember of attributes (hatch_build.h) gives what looking each up gives. Skipped without a C compiler."""

import importlib.util
import subprocess
import sysconfig
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from shutil import which

import msgspec
import pytest
from tests.architecture.house import ROOT

Read = Callable[[object, str], object]

ONE_PLACE = """
static PyObject *read_one(PyObject *Py_UNUSED(module), PyObject *arguments) {
    return PyObject_GetAttr(PyTuple_GET_ITEM(arguments, 0), PyTuple_GET_ITEM(arguments, 1));
}
static PyMethodDef methods[] = {{"read", read_one, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "one_place", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_one_place(void) { return PyModule_Create(&definition); }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"))
    if which(compiler) is None or not (headers / "Python.h").exists():
        pytest.skip(f"there is no C compiler `{compiler}`, or {headers} has no Python.h")
    source = tmp_path_factory.mktemp("place") / "one_place.c"
    source.write_text(ONE_PLACE)
    made = source.with_suffix(".so")
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{headers}", "-include", str(ROOT / "hatch_build.h")]
    subprocess.run([compiler, *flags, str(source), "-o", str(made)], check=True)
    return made


@pytest.fixture
def read(library: Path, tmp_path: Path) -> Read:
    """Reads at one place, which remembers nothing yet: each file that is loaded has places of its own."""
    own = tmp_path / library.name
    own.write_bytes(library.read_bytes())
    loader = ExtensionFileLoader("one_place", str(own))
    spec = importlib.util.spec_from_loader("one_place", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    reading: Read = module.read
    return reading


class Pair:
    __slots__ = ("left", "right")

    def __init__(self, left: object, right: object) -> None:
        self.left = left
        self.right = right


class Value(msgspec.Struct, frozen=True, gc=False):
    left: int
    right: int


def test_slots_and_fields_of_structs(read: Read) -> None:
    for number in range(100):
        assert read(Pair(number, -number), "left") == number
        assert read(Value(number, -number), "left") == number


def test_another_name_at_the_same_place(read: Read) -> None:
    """`getattr` with a name that is not written there."""
    for _ in range(100):
        for name in ("left", "right", "".join(["le", "ft"])):
            assert read(Value(1, 2), name) == (2 if name == "right" else 1)


def test_what_is_not_set_is_no_attribute(read: Read) -> None:
    pair = Pair(1, 2)
    assert read(pair, "left") == 1
    del pair.left
    with pytest.raises(AttributeError, match="left"):
        read(pair, "left")
    with pytest.raises(AttributeError, match="middle"):
        read(pair, "middle")


def test_a_class_that_changes(read: Read) -> None:
    class Changing:
        __slots__ = ("left",)

    one = Changing()
    setattr(one, "left", "slot")  # noqa: B010 - mypy knows no slots without annotations
    assert [read(one, "left") for _ in range(3)] == ["slot"] * 3
    setattr(Changing, "left", property(lambda _: "property"))  # noqa: B010 - the same
    assert [read(one, "left") for _ in range(3)] == ["property"] * 3


def test_other_kinds_of_attributes(read: Read) -> None:
    class Other(Pair):
        middle = "of the class"

        @property
        def sum(self) -> str:
            return f"{self.left}{self.right}"

        def __getattr__(self, name: str) -> str:
            return f"no {name}"

    other = Other(1, 2)
    other.__dict__["own"] = "of the instance"
    names = ("left", "middle", "sum", "own", "missing")
    for _ in range(20):
        assert [read(other, name) for name in names] == [1, "of the class", "12", "of the instance", "no missing"]
    assert read(Pair, "__name__") == "Pair"
    assert read(pytest, "skip") is pytest.skip
