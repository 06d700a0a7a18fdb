"""The wheel with its hot path compiled ahead of time, tested and measured against the pure one. `make compiled`.

It is built and unpacked into build/compiled, never into the sources. The rooms' own tests, a simulation and some whole invocations run
on it; then both take the load of `make bench` by turns. Exits 1 when a test fails, 2 when something could not be built or measured.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import report
from building import BUILT, ROOT, SOURCES, built, on_it
from measure import mock_provider
from processes import BenchError, choose_cores
from systems import HERE
from versus import compared, median, ratio

# pyproject.toml says `-q` already: a second one would leave out how many tests passed, which the report quotes.
_PYTEST: Final = ("-m", "pytest", "-n", "2")
SUITES: Final[Mapping[str, Sequence[str]]] = {
    "rooms": (*_PYTEST, "tests/decisions", "tests/dialects", "tests/language", "tests/lifecycle", "tests/runtime"),
    "edges": (*_PYTEST, "tests/adapters", "tests/contract", "tests/surfaces/api", "tests/fuzz"),
    "invocations": (*_PYTEST, "tests/e2e", "tests/faults", "tests/clients", "tests/rehearsal"),
    "simulation": ("-m", "tests.simulation.run", "--seeds", "200", "--no-report", "--as-served"),
}
"""All that runs what is compiled. What looks at sources, and the surfaces for people, is no part of it."""


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make compiled", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-only", action="store_true", help="build and unpack the wheel, and no more")
    parser.add_argument("--suites", nargs="*", choices=SUITES, default=list(SUITES), help="what is run on it (default: all)")
    parser.add_argument("--starts", type=int, default=6, help="of both, while they are measured (default 6; 0: do not measure)")
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="FOLDER")
    return parser.parse_args(given)


def tested(names: Sequence[str]) -> dict[str, str]:
    """The last line that each suite says; empty where it failed."""
    said = {}
    for name in names:
        done = subprocess.run([sys.executable, *SUITES[name]], cwd=ROOT, env=on_it(), stdout=subprocess.PIPE, text=True, check=False)
        print(f"{name}:\n{done.stdout[-8_000:]}", flush=True)
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
    wheel = built()
    print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB, unpacked into {SOURCES}", flush=True)
    if options.build_only:
        return True
    suites = tested(options.suites)
    figures = measured(options.starts) if options.starts else {}
    print(suites, figures)
    content = {
        "machine": {**facts, "load_average_after": os.getloadavg()},
        "wheel": {"name": wheel.name, "bytes": wheel.stat().st_size},
        "suites": suites,
        "measured": figures,
    }
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
