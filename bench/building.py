"""The wheel with its hot path compiled ahead of time: builds it, unpacks it into build/compiled, and knows of which sources it is.

It never stands in the sources: whoever wants it puts SOURCES into PYTHONPATH.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from processes import BenchError
from systems import HERE

ROOT: Final = HERE.parent
BUILT: Final = ROOT / "build" / "compiled"
# In the words of a checkout, for which `bench/versus.py` compares: the package stands below `src`.
SOURCES: Final = BUILT / "src"
_OF: Final = BUILT / "of"


def built() -> Path:
    """The wheel of these sources, which is built if it is not there. Raises BenchError."""
    wheels = sorted(BUILT.glob("*.whl"))
    if len(wheels) == 1 and SOURCES.is_dir() and _OF.exists() and _OF.read_text() == _whose():
        return wheels[0]
    return build()


def build() -> Path:
    """The wheel; what it holds is unpacked into SOURCES. Raises BenchError."""
    if lacking := missing():
        raise BenchError(lacking)
    whose = _whose()
    shutil.rmtree(SOURCES, ignore_errors=True)
    for old in (*BUILT.glob("*.whl"), _OF):
        old.unlink(missing_ok=True)
    print("Compiling the hot path: some minutes …", flush=True)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(BUILT)]
    if subprocess.run(command, cwd=ROOT, env={**os.environ, "HATCH_BUILD_HOOK_ENABLE_CUSTOM": "true"}, check=False).returncode:
        raise BenchError("The wheel could not be built; what the compilers said is above.")
    (wheel,) = BUILT.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(SOURCES)
    told = subprocess.run(
        [sys.executable, "-m", "orchvynt", "--version"], env=on_it(), cwd=BUILT, capture_output=True, text=True, check=False
    )
    if "(compiled)" not in told.stdout:
        raise BenchError(f"What was built does not run compiled: {told.stdout}{told.stderr}")
    _OF.write_text(whose)
    return wheel


def missing() -> str:
    """What a build lacks here, in a sentence; empty if it lacks nothing."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"There is no C compiler `{compiler}`, which compiling the hot path needs."
    lacking = [name for name in ("mypyc", "setuptools", "hatchling") if find_spec(name) is None]
    return f"Compiling needs {', '.join(lacking)}; `make compiled` installs them." if lacking else ""


def on_it() -> Mapping[str, str]:
    """The environment in which `orchvynt` is what was built, and the tests are those of this checkout."""
    return {**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT}"}


def _whose() -> str:
    """All that a build is made of, as one digest."""
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_config_var('CC')}".encode())
    for path in (ROOT / "pyproject.toml", ROOT / "hatch_build.py", ROOT / "hatch_build.h", *sorted((ROOT / "src").rglob("*.py"))):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)} ".encode() + content)
    return digest.hexdigest()
