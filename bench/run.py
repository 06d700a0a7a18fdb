"""The benchmark: OrchVynt and its peers, each on one core in turn, with the load and a mock provider on another core, round by round.

Run by `make bench`. Exits 1 when OrchVynt is below what it owes, 2 when a measurement of OrchVynt or nginx was not possible. What a peer
could not do is said by name, and the rest is measured without it.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import report
from chart import chart
from counting import no_counter
from growth import GREW_MAX, Grown, growth
from measure import CONNECTIONS, Measurement, Provider, measure, mock_provider
from open_streams import Run, head, row, running_load, streaming_orchvynt, through
from peers import PEERS
from processes import BenchError, Cores, choose_cores
from systems import HERE, System
from workloads import OPEN_STREAMS, OWN, PURE, SYSTEMS, WORKLOADS, OpenStreams, chosen, standard, system_for

GROWTH: Final = "growth"
KIB_PER_STREAM_MAX: Final = 32.0
# Beside the load itself: how long a start, its end and the counting take, the slowest system apart.
AROUND_SECONDS: Final = 5.0
SLOW_START_SECONDS: Final = 20.0


@dataclass
class Found:
    """All that a run comes to. `absent` and `failures` say why something is not there."""

    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    failures: list[dict[str, object]] = field(default_factory=list)
    measured: list[tuple[int, Measurement]] = field(default_factory=list)
    streams: list[tuple[int, str, Run]] = field(default_factory=list)
    grown: list[Grown] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not any(each["system"] in ("nginx", *OWN) for each in self.failures)


def names_of(what: str, known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = sorted(set(names) - set(known))
        if unknown or not names:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is no {what}; there are {', '.join(known)}")
        return names

    return parse


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    every = [*WORKLOADS, *OPEN_STREAMS, GROWTH]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round of everything: a smoke test, not a measurement")
    parser.add_argument("--only", type=names_of("system", SYSTEMS), default=list(SYSTEMS), metavar="A,B", help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument(
        "--workloads", type=names_of("workload", every), default=every, metavar="A,B", help=f"of {', '.join(every)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each system is started and measured (default 3)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of one measurement; each latency takes half of it (default 6)")
    parser.add_argument("--open-reviews", type=int, default=100_000, help="how many wait, for growth; 0 leaves it out (default 100,000)")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON and SVG files (default bench/results)")
    told = parser.parse_args(given)
    if told.rounds < 1 or told.seconds <= 0 or told.open_reviews < 0:
        parser.error("--rounds is a number from 1 on, --seconds more than 0, --open-reviews a number from 0 on")
    if told.quick:
        told.rounds, told.seconds, told.open_reviews = 1, 1.0, min(told.open_reviews, 200)
    return told


def present(names: Sequence[str], found: Found) -> list[str]:
    """Those that are there, or can be installed; the others are said by name, with what was tried."""
    for name in names:
        try:
            found.versions[name] = system_for(name, standard).version()
        except BenchError as problem:
            found.absent[name] = str(problem)
            print(f"without {name}: {problem}", flush=True)
            if name in ("nginx", PURE):
                raise
    return [name for name in names if name in found.versions]


def estimate(names: Sequence[str], options: argparse.Namespace) -> float:
    """About how many minutes it takes. Parking reviews is most of what `growth` takes."""
    workloads, streams = chosen(options.workloads)
    runs = [name for workload in workloads for name in names if workload.can(system_for(name, workload.policy))]
    each = sum(phases(options.seconds)) + phases(options.seconds)[2] + AROUND_SECONDS
    seconds = len(runs) * each + (runs.count("litellm") + len(streams) * names.count("litellm")) * SLOW_START_SECONDS
    seconds += sum(len(names) * (open_ones.seconds + open_ones.streams / 1000 + AROUND_SECONDS) for open_ones in streams)
    grows = (options.open_reviews / 400 + 120) if GROWTH in options.workloads else 0
    return float(seconds * options.rounds + grows) / 60


def phases(seconds: float) -> tuple[float, float, float]:
    """Of warm-up, of full load, and of each of the two latencies."""
    return min(2.0, seconds / 2), seconds, seconds / 2


def one_round(number: int, names: Sequence[str], provider: Provider, cores: Cores, options: argparse.Namespace, found: Found) -> None:
    for workload in chosen(options.workloads)[0]:
        for name in names:
            system = system_for(name, workload.policy)
            if not workload.can(system):
                continue
            try:
                measured = measure(system, workload, provider, cores, phases(options.seconds))
            except BenchError as problem:
                _failed(found, number, workload.name, name, problem)
                continue
            found.measured.append((number, measured))
            said = f"{measured.per_second:>9,.0f} requests/s, core {measured.core_busy:.0%} busy, {measured.cpu_us_per_request:,.0f} µs CPU"
            print(f"round {number}: {workload.name:<12}{name:<11}{said}", flush=True)


def _failed(found: Found, number: int, workload: str, system: str, problem: BenchError) -> None:
    why = str(problem).partition("\n")[0]
    found.failures.append({"round": number, "workload": workload, "system": system, "why": str(problem)})
    print(f"round {number}: {workload:<12}{system:<11}not measured: {why[:300]}", flush=True)


def streaming(name: str) -> System:
    return streaming_orchvynt(name=name) if name in OWN else PEERS[name]


def open_streams(number: int, what: OpenStreams, names: Sequence[str], cores: Cores, options: argparse.Namespace, found: Found) -> None:
    seconds = max(3, what.streams // 1000 + 3) if options.quick else what.seconds
    for name in ("direct", *names):
        with (
            tempfile.TemporaryDirectory(prefix="bench-load-") as folder,
            running_load(Path(folder), cores.load, False, what.frames_per_second) as load,
        ):
            try:
                run = (
                    load.direct(what.streams, seconds) if name == "direct" else through(streaming(name), load, cores, what.streams, seconds)
                )
            except BenchError as problem:
                _failed(found, number, what.name, name, problem)
                continue
        found.streams.append((number, what.name, run))
        print(f"round {number}: {what.name:<13}{row(run)}", flush=True)


def wants(found: Found) -> list[report.Want]:
    told = report.wants(report.summaries(found.measured))
    for what in OPEN_STREAMS.values():
        for own in OWN:
            runs = [run for _, name, run in found.streams if name == what.name and run.system == own]
            if runs:
                told.append(streams_want(what, runs))
    told += [
        report.Want(
            f"{one.what}: less than {GREW_MAX - 1:.0%} more", f"{one.few_us:.0f} to {one.many_us:.0f} µs, × {one.ratio:.3f}", one.holds
        )
        for one in found.grown
    ]
    return told


def streams_want(what: OpenStreams, runs: Sequence[Run]) -> report.Want:
    """In no round may a frame be lost, and the median stream may not be too large; it has no size where never all were open at once."""
    lost = sum(run.told.lost for run in runs)
    sized = [run.kib_per_stream for run in runs if run.window_s]
    size = f"{statistics.median(sized):.1f} KiB" if sized else "never all of them open at once"
    holds = lost == 0 and bool(sized) and statistics.median(sized) <= KIB_PER_STREAM_MAX
    whose = "" if runs[0].system == PURE else f"{runs[0].system}: "
    return report.Want(f"{whose}{what.name}: no frame lost, at most {KIB_PER_STREAM_MAX:.0f} KiB each", f"{lost} lost, {size}", holds)


def show(found: Found, workloads: Mapping[str, str]) -> None:
    summaries = report.summaries(found.measured)
    for name, what in workloads.items():
        rows = [each for each in summaries if each.workload == name]
        if rows:
            print(f"\n{name}: {what}\n{report.table(rows)}")
    if found.streams:
        print(f"\n{head()}")
        for _, _, run in found.streams:
            print(row(run))
    for one in found.grown:
        print(f"\n{one.what}: {one.few_us:.1f} to {one.many_us:.1f} µs of CPU a request, × {one.ratio:.3f} (median of {one.pairs} pairs)")
    for name, why in found.absent.items():
        print(f"\nWithout {name}: {why}")
    for system, workload in dict.fromkeys((each["system"], each["workload"]) for each in found.failures):
        print(f"\n{system} could not be measured under {workload}; why stands in the JSON file.")


def run(options: argparse.Namespace) -> tuple[bool, bool]:
    """Measures, prints and writes. Gives whether all of OrchVynt and nginx could be measured, and whether what is owed holds."""
    cores, begun, facts, found = choose_cores(), datetime.now(UTC), report.machine(), Found()
    names = present(options.only, found)
    print(f"{facts['cpu']}; system on core {cores.system}, load and mock provider on core {cores.load}; load average {os.getloadavg()}")
    print(f"{options.rounds} × {options.seconds:g} s each: about {estimate(names, options):.0f} minutes. {no_counter()}", flush=True)
    workloads, streams = chosen(options.workloads)
    tls = any(each.way == "tls" for each in workloads)
    with tempfile.TemporaryDirectory(prefix="bench-provider-") as folder, mock_provider(Path(folder), cores.load, tls) as provider:
        for number in range(1, options.rounds + 1):
            one_round(number, names, provider, cores, options, found)
            for each in streams:
                open_streams(number, each, names, cores, options, found)
        if GROWTH in options.workloads and PURE in names:
            try:
                for grown in growth(provider, cores, 3 * options.rounds, options.seconds / 3, options.open_reviews):
                    found.grown.append(grown)
            except BenchError as problem:
                _failed(found, 0, GROWTH, PURE, problem)
    titles = {each.name: each.what for each in workloads}
    show(found, titles)
    judged = wants(found)
    print(f"\n{report.verdict(judged) or 'Nothing to judge: OrchVynt and a peer have to be measured for that.'}")
    print(", ".join(f"{name} {version}" for name, version in found.versions.items()))
    _write(options, begun, facts, found, judged, titles)
    return found.whole, all(each.holds for each in judged)


def _write(
    options: argparse.Namespace,
    begun: datetime,
    facts: Mapping[str, object],
    found: Found,
    judged: Sequence[report.Want],
    titles: Mapping[str, str],
) -> None:
    summaries = report.summaries(found.measured)
    content = {
        "machine": {**facts, "load_average_after": os.getloadavg(), "instructions": no_counter()},
        "versions": found.versions,
        "absent": found.absent,
        "settings": {"connections": CONNECTIONS, **{name: value for name, value in vars(options).items() if name != "results"}},
        "wants": [asdict(each) for each in judged],
        "summaries": [asdict(each) for each in summaries],
        "growth": [{**asdict(one), "holds": one.holds} for one in found.grown],
        "failures": found.failures,
        "streams": [{"round": number, "workload": name, **asdict(each)} for number, name, each in found.streams],
        "measurements": [{"round": number, **asdict(each)} for number, each in found.measured],
    }
    path = report.keep(options.results, begun, "-bench", content)
    print(f"Written to {path}")
    caption = f"{begun:%Y-%m-%d}, {facts['cpu']}, {options.rounds} × {options.seconds:g} s, medians; of nginx: in the same rounds"
    if picture := chart(summaries, titles, caption):
        path.with_suffix(".svg").write_text(picture)
        print(f"Written to {path.with_suffix('.svg')}")


def main(given: Sequence[str] | None = None) -> int:
    try:
        whole, holds = run(arguments(given))
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 2 if not whole else 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
