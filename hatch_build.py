"""Compiles the modules of the hot path ahead of time, with mypyc, into the wheel. HATCH_BUILD_HOOK_ENABLE_CUSTOM=true asks for it.

The sources stay in the wheel beside what is compiled from them: tracebacks name their lines, and where nothing compiled fits the
interpreter, they are what runs. Without the variable, and for an editable install, nothing here is called and no compiler is needed.
"""

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = "orchvynt_compiled"


class CompiledWheel(BuildHookInterface):  # type: ignore[type-arg]  # the interface is generic over a config that is not read here
    """`modules` of the hook's table are glob patterns below the package; `interpreted` are those of them that are left as they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        chosen = compilable(root / "src" / "orchvynt", self.config["modules"], self.config["interpreted"])
        for library in compiled(root, chosen):
            build_data["force_include"][str(library)] = str(library.relative_to(root / "build" / "compiled" / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compilable(package: Path, patterns: Sequence[str], interpreted: Sequence[str]) -> list[Path]:
    """The modules that are compiled, sorted. Those that define structs never are: mypyc drops the keywords of a class without a word, so
    that `frozen`, `tag` and `gc` would be gone."""
    found = {path for pattern in patterns for path in package.glob(pattern) if path.name != "__init__.py"}
    left = {path for pattern in interpreted for path in package.glob(pattern)}
    return sorted(path for path in found - left if not defines_structs(path.read_text()))


def defines_structs(source: str) -> bool:
    return any(
        isinstance(node, ast.ClassDef) and (node.keywords or any(ast.unparse(base).endswith("Struct") for base in node.bases))
        for node in ast.walk(ast.parse(source))
    )


def compiled(root: Path, modules: Sequence[Path]) -> Iterator[Path]:
    """Compiles into build/compiled, and gives the libraries: a small one for each module, and one with the code of all, in which they
    call each other without Python between."""
    # These come with the group `compiled`, or with the build's own environment.
    from mypyc.build import mypycify  # noqa: PLC0415 - only a build that compiles needs it
    from setuptools import Distribution  # noqa: PLC0415 - the same
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415 - the same

    below = root / "build" / "compiled"
    arguments = ["--config-file", str(root / "pyproject.toml"), "--python-version", f"{sys.version_info[0]}.{sys.version_info[1]}"]
    sources = [str(path.relative_to(root)) for path in modules]
    extensions = mypycify(
        [*arguments, *sources], opt_level="2", debug_level="0", multi_file=True, group_name=LIBRARY, target_dir=str(below / "c")
    )

    class AtOnce(build_ext):
        """Compiles the files of a library at once, as many as there are processors: setuptools takes one after the other."""

        def build_extension(self, ext: Any) -> None:
            def object_of(source: str) -> list[str]:
                return self.compiler.compile(
                    [source], output_dir=self.build_temp, include_dirs=ext.include_dirs, extra_postargs=ext.extra_compile_args
                )

            with ThreadPoolExecutor(os.cpu_count()) as pool:
                ext.extra_objects = [one for objects in pool.map(object_of, ext.sources) for one in objects]
            ext.sources = []
            super().build_extension(ext)

    for extension in extensions:
        # What nobody outside calls is called without a detour, and may be inlined.
        extension.extra_compile_args += ["-fvisibility=hidden", "-include", str(root / "hatch_build.h")]
    built = Distribution(
        {"name": LIBRARY, "ext_modules": extensions, "packages": [], "script_name": "hatch_build.py", "cmdclass": {"build_ext": AtOnce}}
    )
    lib = below / "lib"
    for old in lib.rglob("*.so"):
        old.unlink()
    built.script_args = ["build_ext", "--build-lib", str(lib), "--build-temp", str(below / "o")]
    built.parse_command_line()
    built.run_commands()
    return lib.rglob("*.so")
