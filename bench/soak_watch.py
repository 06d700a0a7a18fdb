"""What a process takes while it soaks: memory, descriptors, threads, files; and whether that is flat."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from processes import family, scheduled_ns

WARM_SHARE: Final = 0.2


class Sample(NamedTuple):
    """MiB but for `at_s` (seconds since the first), `descriptors`, `threads` and `cpu_s`. `others_mib` is what its children take."""

    at_s: float
    rss_mib: float
    anonymous_mib: float
    others_mib: float
    descriptors: int
    threads: int
    store_mib: float
    log_mib: float
    journal_mib: float
    cpu_s: float


def sample(pid: int, store: Path, began: float) -> Sample:
    """Raises OSError when the process is gone."""
    status = _status(pid)
    others = sum(_status(child).get("VmRSS", 0) for child in family(pid) if child != pid)
    sizes = [_bytes(store), _bytes(store.with_name(f"{store.name}-wal")), sum(map(_bytes, Path(f"{store}.journal").glob("*")))]
    return Sample(
        at_s=time.monotonic() - began,
        rss_mib=status["VmRSS"] / 1024,
        anonymous_mib=status["RssAnon"] / 1024,
        others_mib=others / 1024,
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=status["Threads"],
        store_mib=sizes[0] / 2**20,
        log_mib=sizes[1] / 2**20,
        journal_mib=sizes[2] / 2**20,
        cpu_s=scheduled_ns(pid)[0] / 1e9,
    )


def _status(pid: int) -> dict[str, int]:
    """The numbers of /proc/PID/status; sizes in KiB. Empty when a child has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    fields = (line.partition(":") for line in lines)
    return {name: int(rest.split()[0]) for name, _, rest in fields if rest.split() and rest.split()[0].isdigit()}


def _bytes(path: Path) -> int:
    """Of a file that may just have gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Trend(NamedTuple):
    """The straight line through what was measured after the warm-up: where it begins, where it ends, and by what share that moved."""

    first: float
    last: float
    moved: float


def trend(samples: Sequence[Sample], read: Callable[[Sample], float]) -> Trend:
    """Least squares over the last four fifths of the time."""
    begin = samples[0].at_s + (samples[-1].at_s - samples[0].at_s) * WARM_SHARE
    points = [(one.at_s, read(one)) for one in samples if one.at_s >= begin]
    mean_at, mean = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    slope = sum((at - mean_at) * (value - mean) for at, value in points) / spread if spread else 0.0
    first, last = (mean + slope * (at - mean_at) for at in (points[0][0], points[-1][0]))
    return Trend(first, last, (last - first) / first if first else 0.0)
