"""The benchmark: nginx, LiteLLM's proxy and OrchVynt, each on one core, in turn, with the load and a mock provider on another core.

Run by `make bench`. Exits 1 when OrchVynt is below what it owes, 2 when a measurement was not possible.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import report
from measure import Measurement, find_wrk, measure, mock_provider
from processes import BenchError, choose_cores
from systems import HERE, SYSTEMS


def chosen_systems(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(SYSTEMS))
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is not among {', '.join(SYSTEMS)}")
    return names


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of 3 s each: a smoke test, not a measurement")
    parser.add_argument("--only", type=chosen_systems, default=list(SYSTEMS), metavar="A,B", help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--rounds", type=int, default=3, help="how often each system is started and measured (default 3)")
    parser.add_argument("--seconds", type=int, default=8, help="length of one measurement (default 8)")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON file (default bench/results)")
    return parser.parse_args(given)


def run(options: argparse.Namespace) -> bool:
    """Measures, prints and writes; False when OrchVynt is too slow."""
    rounds, seconds, warm_up = (1, 3, 1) if options.quick else (options.rounds, options.seconds, 2)
    cores, begun, facts = choose_cores(), datetime.now(UTC), report.machine()
    find_wrk()
    versions = {name: SYSTEMS[name].version() for name in options.only}
    print(f"{facts['cpu']}; system on core {cores.system}, load and mock provider on core {cores.load}; {rounds} × {seconds} s", flush=True)
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="bench-provider-") as folder, mock_provider(Path(folder), cores.load) as provider:
        for number in range(1, rounds + 1):
            for name in options.only:
                found = measure(SYSTEMS[name], provider, cores, seconds, warm_up)
                measurements.append(found)
                print(f"round {number}: {name:<10}{found.per_second:>10,.0f} requests/s, core {found.core_busy:.0%} busy", flush=True)
    summaries = {name: report.summarise([each for each in measurements if each.system == name]) for name in options.only}
    found_ratios = report.ratios(summaries)
    print(f"\n{report.table(summaries.values())}\n\n{', '.join(f'{name} {version}' for name, version in versions.items())}")
    print(report.verdict(found_ratios) or "No ratio: OrchVynt and a peer have to be measured for one.")
    settings = {"rounds": rounds, "seconds": seconds, "warm_up_seconds": warm_up, "quick": options.quick}
    print(f"Written to {report.write(options.results, begun, facts, versions, settings, measurements, summaries)}")
    return all(ratio.holds for ratio in found_ratios)


def main(given: Sequence[str] | None = None) -> int:
    try:
        return 0 if run(arguments(given)) else 1
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
