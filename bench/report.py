"""What the measurements say: medians, spread, ratios and the verdict, as a table and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from measure import CONNECTIONS, Measurement

LEAST_OF_NGINX = 0.10
LEAST_OF_LITELLM = 30.0


@dataclass(frozen=True)
class Summary:
    """Medians over the rounds. `spread` is (highest - lowest) / median of the requests per second."""

    system: str
    per_second: float
    per_core_second: float
    core_busy: float
    cpu_us_per_request: float
    p50_us: float
    p99_us: float
    memory_mib: float
    start_seconds: float
    spread: float
    rounds: int


@dataclass(frozen=True)
class Ratio:
    """How OrchVynt stands to a peer. `value` is the lower of the two ways to count, and it is the one that must not be below `least`."""

    peer: str
    per_second: float
    per_core_second: float
    least: float

    @property
    def value(self) -> float:
        return min(self.per_second, self.per_core_second)

    @property
    def holds(self) -> bool:
        return self.value >= self.least


def summarise(measurements: Sequence[Measurement]) -> Summary:
    def median(read: Callable[[Measurement], float]) -> float:
        return statistics.median(read(each) for each in measurements)

    rates = [each.per_second for each in measurements]
    return Summary(
        system=measurements[0].system,
        per_second=median(lambda each: each.per_second),
        per_core_second=median(lambda each: each.per_core_second),
        core_busy=median(lambda each: each.core_busy),
        cpu_us_per_request=median(lambda each: each.cpu_us_per_request),
        p50_us=median(lambda each: each.p50_us),
        p99_us=median(lambda each: each.p99_us),
        memory_mib=median(lambda each: each.memory_mib),
        start_seconds=median(lambda each: each.start_seconds),
        spread=(max(rates) - min(rates)) / statistics.median(rates),
        rounds=len(measurements),
    )


def ratios(summaries: Mapping[str, Summary]) -> list[Ratio]:
    """Empty as long as OrchVynt or both peers were not measured."""
    own = summaries.get("orchvynt")
    if own is None:
        return []
    return [
        Ratio(peer, own.per_second / other.per_second, own.per_core_second / other.per_core_second, least)
        for peer, least in (("nginx", LEAST_OF_NGINX), ("litellm", LEAST_OF_LITELLM))
        if (other := summaries.get(peer)) is not None
    ]


COLUMNS: tuple[tuple[str, int, Callable[[Summary], str]], ...] = (
    ("requests/s", 12, lambda each: f"{each.per_second:,.0f}"),
    ("spread", 8, lambda each: f"{each.spread:.0%}"),
    ("per core·s", 12, lambda each: f"{each.per_core_second:,.0f}"),
    ("core busy", 11, lambda each: f"{each.core_busy:.0%}"),
    ("CPU µs", 9, lambda each: f"{each.cpu_us_per_request:,.1f}"),
    ("p50 ms", 9, lambda each: f"{each.p50_us / 1000:,.2f}"),
    ("p99 ms", 9, lambda each: f"{each.p99_us / 1000:,.2f}"),
    ("MiB", 7, lambda each: f"{each.memory_mib:,.0f}"),
    ("start s", 9, lambda each: f"{each.start_seconds:,.2f}"),
)


def table(summaries: Iterable[Summary]) -> str:
    head = f"{'system':<10}" + "".join(f"{title:>{width}}" for title, width, _ in COLUMNS)
    rows = [f"{each.system:<10}" + "".join(f"{show(each):>{width}}" for _, width, show in COLUMNS) for each in summaries]
    return "\n".join([head, "-" * len(head), *rows])


def verdict(found: Iterable[Ratio]) -> str:
    return "\n".join(
        f"OrchVynt / {ratio.peer}: {_shown(ratio.per_second, ratio)} by requests/s, {_shown(ratio.per_core_second, ratio)} by CPU time; "
        f"at least {_shown(ratio.least, ratio)} is wanted: {'holds' if ratio.holds else 'TOO SLOW'}"
        for ratio in found
    )


def _shown(value: float, ratio: Ratio) -> str:
    return f"{value:.1%}" if ratio.least < 1 else f"{value:,.1f} ×"


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


def write(
    folder: Path,
    begun: datetime,
    facts: Mapping[str, object],
    versions: Mapping[str, str],
    settings: Mapping[str, object],
    measurements: Sequence[Measurement],
    summaries: Mapping[str, Summary],
) -> Path:
    content = {
        "machine": facts,
        "versions": versions,
        "settings": {"connections": CONNECTIONS, **settings},
        "summaries": {name: asdict(summary) for name, summary in summaries.items()},
        "ratios": {ratio.peer: {**asdict(ratio), "holds": ratio.holds} for ratio in ratios(summaries)},
        "measurements": [asdict(each) for each in measurements],
    }
    return keep(folder, begun, "", content)
