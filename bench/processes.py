"""Starts, pins, watches and ends the benchmark's own processes; ends no other."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
END_SECONDS_MAX = 10.0


class BenchError(Exception):
    """What stands in the way of a measurement, and what to do about it."""


@dataclass(frozen=True)
class Cores:
    """The core of the system under test, and the core of the load generator and the mock provider."""

    system: int
    load: int


def choose_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchError("The benchmark needs two cores: one for the system, one for the load. This process may use only one.")
    return Cores(system=allowed[0], load=allowed[1])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def priority(realtime: bool) -> list[str]:
    """What to put before a command that is to run before everything else on the machine (root), if anything."""
    return ["chrt", "--rr", "1"] if realtime else []


@contextlib.contextmanager
def started(
    command: Sequence[str], core: int | None, folder: Path, log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` with all its children on one core (None: on any), in a session of its own, and ends that session in the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*(["taskset", "-c", str(core)] if core is not None else []), *command],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for stop in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS_MAX)
            if stop is signal.SIGTERM and family(process.pid):
                continue  # the parent is gone and a child of the group is not
            return


def compiled(source: Path, folder: Path) -> Path:
    """The program that a C file is, in `folder`."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("No C compiler. On Debian and Ubuntu: `apt-get install -y gcc libc6-dev`.")
    program = folder / source.stem
    subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
    return program


def last_lines(log: Path, count: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def family(leader: int) -> list[int]:
    """Every living process of the session that `leader` leads."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[3]) == leader and fields[0] != "Z"]


def cpu_seconds(leader: int) -> float:
    """User and system time that the session has used so far."""
    return sum(int(fields[11]) + int(fields[12]) for pid in family(leader) if (fields := _stat(pid))) / TICKS_PER_SECOND


def scheduled_ns(pid: int) -> tuple[int, int]:
    """How long the threads of one process have run so far, and how long they waited for a core while they could have run.

    Fields 1 and 2 of schedstat: /proc/PID/stat counts in hundredths of a second, and knows nothing of the wait that a neighbour causes.
    """
    told = [(task / "schedstat").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(fields[0]) for fields in told), sum(int(fields[1]) for fields in told)


def session_ns(leader: int) -> tuple[int, int]:
    """The same of all processes of a session; of one process that leads none, its own."""
    told = [scheduled_ns(pid) for pid in family(leader) or [leader]]
    return sum(ran for ran, _ in told), sum(waited for _, waited in told)


def children(parent: int) -> list[int]:
    """Every living process that this one has begun itself."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[1]) == parent and fields[0] != "Z"]


def memory_mib(leader: int) -> float:
    """Resident memory of the session; shared pages count once per process."""
    return sum(int(fields[21]) for pid in family(leader) if (fields := _stat(pid))) * PAGE_BYTES / 2**20


def wait_until_listening(process: subprocess.Popen[bytes], port: int, seconds_max: float) -> None:
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"It ended with status {process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise BenchError(f"It did not listen on port {port} within {seconds_max:.0f} s")
