"""The wheel with its hot path compiled ahead of time, tested and measured against the pure one. `make compiled`.

It is built and unpacked into build/compiled, never into the sources. The rooms' own tests, a simulation and some whole invocations run
on it; then both take the load of `make bench` by turns. Exits 1 when a test fails, 2 when something could not be built or measured.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import report
from measure import mock_provider
from processes import BenchError, choose_cores
from systems import HERE
from versus import compared, median, ratio

ROOT: Final = HERE.parent
BUILT: Final = ROOT / "build" / "compiled"
# In the words of a checkout, for which `bench/versus.py` compares: the package stands below `src`.
SOURCES: Final = BUILT / "src"

TESTS: Final = (
    "tests/decisions", "tests/dialects", "tests/language", "tests/lifecycle", "tests/runtime", "tests/adapters/journal",
    "tests/adapters/upstream", "tests/surfaces/api", "tests/e2e/test_budget.py", "tests/e2e/test_gates.py", "tests/e2e/test_crash.py",
)  # fmt: skip
SEEDS: Final = "200"


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make compiled", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-only", action="store_true", help="build and unpack the wheel, and no more")
    parser.add_argument("--no-tests", action="store_true", help="measure what is built without testing it")
    parser.add_argument("--starts", type=int, default=6, help="of both, while they are measured (default 6; 0: do not measure)")
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="FOLDER")
    return parser.parse_args(given)


def build() -> Path:
    """The wheel; what it holds is unpacked into SOURCES."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    for old in BUILT.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(BUILT)]
    if subprocess.run(command, cwd=ROOT, env={**os.environ, "HATCH_BUILD_HOOK_ENABLE_CUSTOM": "true"}, check=False).returncode:
        raise BenchError("The wheel could not be built; what the compilers said is above.")
    (wheel,) = BUILT.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(SOURCES)
    told = subprocess.run(
        [sys.executable, "-m", "orchvynt", "--version"], env=_on_it(), cwd=BUILT, capture_output=True, text=True, check=False
    )
    if "(compiled)" not in told.stdout:
        raise BenchError(f"What was built does not run compiled: {told.stdout}{told.stderr}")
    return wheel


def _on_it() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT}"}


def tested() -> dict[str, str]:
    """The last line that each suite says; empty where it failed."""
    said = {}
    for name, command in {
        "tests": ["-m", "pytest", *TESTS, "-q", "-n", "2"],
        "simulation": ["-m", "tests.simulation.run", "--seeds", SEEDS, "--no-report"],
    }.items():
        done = subprocess.run([sys.executable, *command], cwd=ROOT, env=_on_it(), stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout[-8_000:], flush=True)
        said[name] = done.stdout.strip().splitlines()[-1] if done.returncode == 0 else ""
    return said


def measured(starts: int) -> dict[str, float]:
    """CPU µs of a request, of all threads of the server, compiled and pure, and their ratio."""
    cores, pairs = choose_cores(), []
    with tempfile.TemporaryDirectory() as folder, mock_provider(Path(folder), cores.load) as provider:
        for _ in range(starts):
            pairs += compared(BUILT, HERE / "policy.yaml", provider, cores, rounds=4, seconds=1)
    return {"compiled_us": median(pairs, 0), "pure_us": median(pairs, 1), "compiled_of_pure": 1 / ratio(pairs), "pairs": len(pairs)}


def run(options: argparse.Namespace) -> bool:
    date, facts = datetime.now(UTC), report.machine()
    wheel = build()
    print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB, unpacked into {SOURCES}", flush=True)
    if options.build_only:
        return True
    suites = {} if options.no_tests else tested()
    figures = measured(options.starts) if options.starts else {}
    print(suites, figures)
    content = {"machine": facts, "wheel": {"name": wheel.name, "bytes": wheel.stat().st_size}, "suites": suites, "measured": figures}
    print(f"Written to {report.keep(options.results, date, '-compiled', content)}")
    return all(suites.values())


def main(given: Sequence[str] | None = None) -> int:
    try:
        return 0 if run(arguments(given)) else 1
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
