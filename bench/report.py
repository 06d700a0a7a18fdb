"""What the measurements say: medians, spread, what is compared with nginx in the same round, and the verdict; as tables and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from measure import Measurement
from workloads import FRAMES, OWN, PURE

Rounds = Mapping[int, Measurement]
"""The measurements of one system under one workload, by round; a round that failed is not there."""

LEAST_OF_NGINX: Final[Mapping[str, float]] = {"chat-1k": 0.19, "chat-100k": 0.25}
SLOWER_THAN_OWN: Final = ("tensorzero", "ferrogw", "portkey", "litellm")
ADDED_US_MAX: Final = 150.0
FRAME_US_MAX: Final = 25.0


@dataclass(frozen=True)
class Summary:
    """Medians over the rounds. `spread` is (highest - lowest) / median of the requests per second of CPU time.

    What stands beside nginx is None where nginx was not measured in the same round: `of_nginx` is the lower of the two ways to count, and
    the µs that were added are those at one connection and at half of each system's own load.
    """

    system: str
    workload: str
    per_second: float
    per_core_second: float
    least_per_core_second: float
    most_per_core_second: float
    core_busy: float
    cpu_us_per_request: float
    p50_us: float
    p99_us: float
    of_nginx: float | None
    added_alone_p50_us: float | None
    added_alone_p99_us: float | None
    added_half_p50_us: float | None
    added_half_p99_us: float | None
    memory_mib: float
    memory_before_mib: float
    start_seconds: float
    spread: float
    rounds: int


@dataclass(frozen=True)
class Want:
    """Something that was promised: what was found, and whether it holds."""

    what: str
    found: str
    holds: bool


def summarise(own: Rounds, nginx: Rounds) -> Summary:
    measured = list(own.values())

    def median(read: Callable[[Measurement], float]) -> float:
        return statistics.median(read(each) for each in measured)

    def beside(read: Callable[[Measurement, Measurement], float]) -> float | None:
        pairs = [read(each, nginx[number]) for number, each in own.items() if number in nginx]
        return statistics.median(pairs) if pairs else None

    rates = [each.per_core_second for each in measured]
    return Summary(
        system=measured[0].system,
        workload=measured[0].workload,
        per_second=median(lambda each: each.per_second),
        per_core_second=statistics.median(rates),
        least_per_core_second=min(rates),
        most_per_core_second=max(rates),
        core_busy=median(lambda each: each.core_busy),
        cpu_us_per_request=median(lambda each: each.cpu_us_per_request),
        p50_us=median(lambda each: each.p50_us),
        p99_us=median(lambda each: each.p99_us),
        of_nginx=beside(lambda each, peer: min(each.per_second / peer.per_second, each.per_core_second / peer.per_core_second)),
        added_alone_p50_us=beside(lambda each, peer: each.alone.p50_us - peer.alone.p50_us),
        added_alone_p99_us=beside(lambda each, peer: each.alone.p99_us - peer.alone.p99_us),
        added_half_p50_us=beside(lambda each, peer: each.half.p50_us - peer.half.p50_us),
        added_half_p99_us=beside(lambda each, peer: each.half.p99_us - peer.half.p99_us),
        memory_mib=median(lambda each: each.memory_mib),
        memory_before_mib=median(lambda each: each.memory_before_mib),
        start_seconds=median(lambda each: each.start_seconds),
        spread=(max(rates) - min(rates)) / statistics.median(rates),
        rounds=len(measured),
    )


def summaries(measured: Iterable[tuple[int, Measurement]]) -> list[Summary]:
    """`measured` is each measurement with its round; the summaries come in the order of the first of each."""
    found: dict[tuple[str, str], dict[int, Measurement]] = {}
    for number, each in measured:
        found.setdefault((each.workload, each.system), {})[number] = each
    return [summarise(rounds, found.get((workload, "nginx"), {})) for (workload, _), rounds in found.items()]


def wants(found: Sequence[Summary]) -> list[Want]:
    """What the one-core promises come to, of either build; what was not measured is not judged."""
    of = {(each.workload, each.system): each for each in found}
    return [want for name in OWN for want in _wants(of, name)]


def _wants(of: Mapping[tuple[str, str], Summary], name: str) -> list[Want]:
    whose = "" if name == PURE else f"{name}: "
    told = []
    for workload, least in LEAST_OF_NGINX.items():
        own = of.get((workload, name))
        if own is not None and own.of_nginx is not None:
            told.append(Want(f"{whose}{workload}: at least {least:.0%} of nginx", f"{own.of_nginx:.1%}", own.of_nginx >= least))
    own = of.get(("chat-1k", name))
    for peer in SLOWER_THAN_OWN:
        other = of.get(("chat-1k", peer))
        if own is not None and other is not None:
            ratio = min(own.per_second / other.per_second, own.per_core_second / other.per_core_second)
            told.append(Want(f"{whose}chat-1k: above {peer}", f"{ratio:.2f} ×", ratio > 1))
    if own is not None and own.added_alone_p50_us is not None:
        added = own.added_alone_p50_us
        what = f"{whose}chat-1k: p50 at one connection at most {ADDED_US_MAX:.0f} µs over nginx's"
        told.append(Want(what, f"{added:.0f} µs", added <= ADDED_US_MAX))
    streamed = of.get(("stream-100", name))
    if streamed is not None:
        each = streamed.cpu_us_per_request / FRAMES
        told.append(Want(f"{whose}stream-100: at most {FRAME_US_MAX:.0f} µs of CPU a frame", f"{each:.1f} µs", each <= FRAME_US_MAX))
    return told


def _plus(value: float | None) -> str:
    return "" if value is None else f"{value:+,.0f}"


COLUMNS: Final[tuple[tuple[str, int, Callable[[Summary], str]], ...]] = (
    ("requests/s", 11, lambda each: f"{each.per_second:,.0f}"),
    ("per core·s", 11, lambda each: f"{each.per_core_second:,.0f}"),
    ("spread", 7, lambda each: f"{each.spread:.0%}"),
    ("of nginx", 9, lambda each: "" if each.of_nginx is None else f"{each.of_nginx:.1%}"),
    ("busy", 6, lambda each: f"{each.core_busy:.0%}"),
    ("CPU µs", 9, lambda each: f"{each.cpu_us_per_request:,.1f}"),
    ("1: +p50", 8, lambda each: _plus(each.added_alone_p50_us)),
    ("+p99 µs", 8, lambda each: _plus(each.added_alone_p99_us)),
    ("½: +p50", 8, lambda each: _plus(each.added_half_p50_us)),
    ("+p99 µs", 9, lambda each: _plus(each.added_half_p99_us)),
    ("MiB", 6, lambda each: f"{each.memory_mib:,.0f}"),
    ("start s", 8, lambda each: f"{each.start_seconds:,.2f}"),
)


def table(found: Iterable[Summary]) -> str:
    head = f"{'system':<11}" + "".join(f"{title:>{width}}" for title, width, _ in COLUMNS)
    rows = [f"{each.system:<11}" + "".join(f"{show(each):>{width}}" for _, width, show in COLUMNS) for each in found]
    return "\n".join([head, "-" * len(head), *rows])


def verdict(found: Iterable[Want]) -> str:
    return "\n".join(f"{'holds ' if each.holds else 'MISSED'}  {each.what}: {each.found}" for each in found)


def machine() -> dict[str, object]:
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    memory = next((int(line.split()[1]) // 1024 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_before": os.getloadavg(),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(errors="replace").splitlines()


def keep(folder: Path, begun: datetime, what: str, content: Mapping[str, object]) -> Path:
    """One file per run, named by its start in UTC and by what was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{begun.astimezone(UTC):%Y-%m-%dT%H%M%SZ}{what}.json"
    path.write_text(json.dumps({"date": begun.isoformat(timespec="seconds"), **content}, indent=1) + "\n")
    return path
