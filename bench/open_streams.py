"""Many open streams on one core: what arrives of them, how late, and what they cost. `make streams`.

`stream_load.c` is the provider and the callers, on a core of its own; each round measures them talking to each other directly, then
through OrchVynt, so that what the machine itself makes late shows in both. Exits 1 when a frame was lost or late at the wanted number
of streams, 2 when something could not be measured.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

import report
from measure import port_of
from processes import (
    BenchError,
    Cores,
    choose_cores,
    compiled,
    last_lines,
    memory_mib,
    priority,
    session_ns,
    started,
    wait_until_listening,
)
from systems import HERE, Launch, System, Upstream, orchvynt_version
from workloads import PURE, orchvynt, request

FRAMES_PER_SECOND = 50
OPENED_PER_SECOND = 1000  # by stream_load.c
WANTED_STREAMS = 512
LATE_MS = 100
WARM_UP_SECONDS_MAX = 20.0
POLICY = """version: 1
providers:
  primary: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1", api_key: "${{env:BENCH_PRIMARY_API_KEY}}"}}
  spare:   {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1", api_key: "${{env:BENCH_SPARE_API_KEY}}"}}
models:
  gpt-4o: {{provider: primary, price: {{input: 2.50, output: 10.00}}}}
  claude: {{provider: spare, model: claude-sonnet, price: {{input: 3.00, output: 15.00}}}}
routing:
  rules: [{{name: best, when: 'requested_model == "gpt-4o"', use: gpt-4o}}]
  default: gpt-4o
fallback:
  chains:
    default: {{tiers: [gpt-4o, claude], mid_stream: {mid_stream}}}
budgets: [{{name: company, scope: global, limit: {{usd: 1000000}}, window: month, on_breach: reject}}]
"""


@dataclass(frozen=True)
class Told:
    """What the callers of one run saw, times in µs. `send_lag_max_us` is how long after it was due a frame was sent: the load's own."""

    frames: int
    expected: int
    broken: int
    why: str
    seconds: float
    late: int
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    send_lag_max_us: int

    @property
    def lost(self) -> int:
        return max(self.expected - self.frames, self.broken)


@dataclass(frozen=True)
class Run:
    """One run of one system. `busy` and `waited` are of the `window_s` with all streams open: the share in which the process used its core,
    and the share in which it could have run and another had the core. For a direct run the process is the load.

    `window_s`, and what is of it, is 0 where a stream ended before the last one had begun: then the system was far behind.
    """

    system: str
    streams: int
    told: Told
    window_s: float
    frames_per_second: float
    busy: float
    waited: float
    cpu_us_per_frame: float
    kib_per_stream: float


class Load:
    """The running `stream_load`. It sends so many frames a second on each stream."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, frames_per_second: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._input: IO[str] = process.stdin
        self._output: IO[str] = process.stdout
        self._request = folder / "request"
        self._rate = frames_per_second
        self.port = int(self._line().split()[-1])

    def direct(self, streams: int, seconds: int) -> Run:
        """The load at its own provider."""
        return self.run("direct", Launch([], self.port), self.port, self.pid, streams, seconds)

    def run(self, system: str, launch: Launch, port: int, watched: int, streams: int, seconds: int, exact: bool = True) -> Run:
        """Streams of `seconds` each at `port`; `watched` is the process whose core is measured, with all of its session. Without `exact`
        only the content of frames is compared."""
        asked = {"model": launch.model, "stream": True, "messages": [{"role": "user", "content": "stream ###### of $$$$$$ frames"}]}
        self._request.write_bytes(request(launch, json.dumps(asked).encode()))
        self._input.write(f"{port} {streams} {seconds * self._rate} {int(exact)} {self._request}\n")
        self._input.flush()
        before = memory_mib(watched)
        begun = ended = (0.0, 0, 0)
        memory = 0.0
        while not (line := self._line()).startswith("{"):
            if line.strip() == "open":
                begun = ended = (time.monotonic(), *session_ns(watched))
            elif begun[0]:
                ended = (time.monotonic(), *session_ns(watched))
                memory = memory_mib(watched) - before
        window, ran, waited = (after - at for after, at in zip(ended, begun, strict=True))
        told = Told(**json.loads(line))
        rate = streams * self._rate
        return Run(
            system=system,
            streams=streams,
            told=told,
            window_s=window,
            frames_per_second=told.frames / (told.seconds - streams / OPENED_PER_SECOND),
            busy=ran / window / 1e9 if window else 0.0,
            waited=waited / window / 1e9 if window else 0.0,
            cpu_us_per_frame=ran / 1e3 / (rate * window) if window else 0.0,
            kib_per_stream=memory * 1024 / streams,
        )

    def _line(self) -> str:
        line = self._output.readline()
        if not line:
            raise BenchError("The load ended; what it said is above.")
        return line


@contextlib.contextmanager
def running_load(folder: Path, core: int, realtime: bool, frames_per_second: int = FRAMES_PER_SECOND) -> Iterator[Load]:
    program = compiled(HERE / "stream_load.c", folder)
    command = ["taskset", "-c", str(core), *priority(realtime), str(program), str(frames_per_second)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Load(process, folder, frames_per_second)
        finally:
            process.terminate()


def through(system: System, load: Load, cores: Cores, streams: int, seconds: int, realtime: bool = False) -> Run:
    """A fresh start, a short warm-up, one run."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{system.name}-") as name:
        folder = Path(name)
        log = folder / "output.log"
        launch = system.launch(folder, Upstream(load.port))
        command = [*priority(realtime), *launch.command]
        begun = time.monotonic()
        with started(command, cores.system, folder, log, launch.environment) as process:
            try:
                port = port_of(launch, begun + launch.start_seconds_max)
                wait_until_listening(process, port, launch.start_seconds_max)
                warming = time.monotonic() + WARM_UP_SECONDS_MAX
                while (warm := load.run("warm-up", launch, port, process.pid, 8, 1, system.passes)).told.lost:
                    # Some listen before they can answer.
                    if time.monotonic() > warming:
                        raise BenchError(warm.told.why)
                    time.sleep(0.5)
                return load.run(system.name, launch, port, process.pid, streams, seconds, system.passes)
            except (OSError, BenchError) as failed:
                raise BenchError(f"{system.name}: {failed}\nIts last words:\n{last_lines(log)}") from failed


def _policy(mid_stream: str, upstream: Upstream) -> str:
    return POLICY.format(port=upstream.port, mid_stream=mid_stream)


def streaming_orchvynt(mid_stream: str = "fail", name: str = PURE) -> System:
    return orchvynt(partial(_policy, mid_stream), name)


COLUMNS: tuple[tuple[str, int, Callable[[Run], str]], ...] = (
    ("frames/s", 10, lambda run: f"{run.frames_per_second:,.0f}"),
    ("lost", 6, lambda run: f"{run.told.lost}"),
    ("late", 6, lambda run: f"{run.told.late}"),
    ("p50 ms", 9, lambda run: f"{run.told.p50_us / 1000:.2f}"),
    ("p99 ms", 9, lambda run: f"{run.told.p99_us / 1000:.2f}"),
    ("max ms", 9, lambda run: f"{run.told.max_us / 1000:.2f}"),
    ("core busy", 11, lambda run: f"{run.busy:.0%}"),
    ("waited", 8, lambda run: f"{run.waited:.0%}"),
    ("CPU µs/frame", 14, lambda run: f"{run.cpu_us_per_frame:.1f}"),
    ("KiB/stream", 12, lambda run: f"{run.kib_per_stream:.0f}" if run.system != "direct" else ""),
)


def head() -> str:
    return f"{'streams':>7}  {'system':<9}" + "".join(f"{title:>{width}}" for title, width, _ in COLUMNS)


def row(run: Run) -> str:
    return f"{run.streams:>7}  {run.system:<9}" + "".join(f"{show(run):>{width}}" for _, width, show in COLUMNS) + f"  {run.told.why}"


def verdict(direct: Sequence[Run], own: Sequence[Run]) -> tuple[bool, str]:
    """Nothing may be lost in any round; late, in the median round, may only be what was late without OrchVynt as well."""
    lost = sum(run.told.lost for run in own)
    late = statistics.median(max(0, mine.told.late - other.told.late) for mine, other in zip(own, direct, strict=True))
    slower = statistics.median(mine.told.p99_us - other.told.p99_us for mine, other in zip(own, direct, strict=True)) / 1000
    worst = statistics.median(mine.told.max_us - other.told.max_us for mine, other in zip(own, direct, strict=True)) / 1000
    said = f"{own[0].streams} streams: {lost} frames lost, {late:.0f} more than {LATE_MS} ms late beyond the direct run's, "
    said += f"p99 {slower:+.2f} ms and the latest {worst:+.2f} ms against it"
    return lost == 0 and late == 0, said


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make streams", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", default=f"64,{WANTED_STREAMS},1024", help="how many at once, comma between (default 64,512,1024)")
    parser.add_argument("--seconds", type=int, default=10, help="length of each stream (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each number is measured (default 3)")
    parser.add_argument("--mid-stream", default="fail", choices=("fail", "continue"), help="of the chain; `continue` collects each answer")
    parser.add_argument(
        "--realtime", action="store_true", help="both sides before all others (root): a neighbour's work stays out of the figures"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON file (default bench/results)")
    return parser.parse_args(given)


def run(options: argparse.Namespace) -> bool:
    cores, begun, facts, version = choose_cores(), datetime.now(UTC), report.machine(), orchvynt_version()
    print(f"{facts['cpu']}, load average {facts['load_average_before']}")
    print(f"OrchVynt on core {cores.system}, provider and callers on core {cores.load}; {options.rounds} × {options.seconds} s")
    print(head(), flush=True)
    runs: list[Run] = []
    holds, said = True, []
    with tempfile.TemporaryDirectory(prefix="bench-load-") as folder, running_load(Path(folder), cores.load, options.realtime) as load:
        for streams in (int(text) for text in options.streams.split(",")):
            direct, own = [], []
            for _ in range(options.rounds):
                direct.append(load.direct(streams, options.seconds))
                print(row(direct[-1]), flush=True)
                own.append(through(streaming_orchvynt(options.mid_stream), load, cores, streams, options.seconds, options.realtime))
                print(row(own[-1]), flush=True)
            runs += direct + own
            good, words = verdict(direct, own)
            holds = holds and (good or streams != WANTED_STREAMS)
            said.append(words + (f": {'holds' if good else 'MISSED'}" if streams == WANTED_STREAMS else ""))
    print("\n".join(said))
    settings = {
        "frames_per_second": FRAMES_PER_SECOND,
        **{name: getattr(options, name) for name in ("seconds", "rounds", "mid_stream", "realtime")},
    }
    content = {
        "machine": facts,
        "version": version,
        "settings": settings,
        "verdict": said,
        "holds": holds,
        "runs": [asdict(each) for each in runs],
    }
    print(f"Written to {report.keep(options.results, begun, '-streams', content)}")
    return holds


def main(given: Sequence[str] | None = None) -> int:
    try:
        return 0 if run(arguments(given)) else 1
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
