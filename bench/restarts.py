"""How soon a killed server serves again: from the start of the process to `/health/ready`, to the first chat, and to the admin plane."""

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

from lines import Line
from parking import DOOR, chat, park
from processes import BenchError, last_lines, scheduled_ns, started
from systems import ADMIN_TOKEN, Launch

SECONDS_MAX = 60.0
# Parked right before each kill, so that the journal holds what the store has not got yet.
TAIL = 50
ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}


class Restart(NamedTuple):
    """Seconds since the process was started. `cpu_s` is what its threads had used by the first chat, `peak_mib` what it had taken."""

    ready_s: float
    chat_s: float
    admin_s: float
    cpu_s: float
    rss_mib: float
    peak_mib: float


async def restart(launch: Launch, folder: Path, first: int) -> Restart:
    """One start, and one more `kill -9`. Reviews that are parked before that are numbered from `first` on."""
    log = folder / "output.log"
    began = time.monotonic()
    with started(launch.command, None, folder, log, launch.environment) as process:
        try:
            await _answered(launch.port, "/health/ready")
            ready_s = time.monotonic() - began
            answered = await (await Line.open(launch.port)).ask(DOOR, chat(f"after the start {began}"))
            chat_s, cpu_s = time.monotonic() - began, scheduled_ns(process.pid)[0] / 1e9
            if answered.status != 200:
                raise BenchError(f"The first chat was answered {answered.status}: {answered.body[:500]!r}")
            await _answered(launch.admin_port, "/api/v1/reviews?limit=1")
            admin_s = time.monotonic() - began
            await park(launch.port, range(first, first + TAIL))
            rss_mib, peak_mib = _memory_mib(process.pid, "VmRSS"), _memory_mib(process.pid, "VmHWM")
        except (OSError, BenchError) as failed:
            raise BenchError(f"After a kill: {failed}\nIts last words:\n{last_lines(log)}") from failed
        process.kill()
        process.wait()
    return Restart(ready_s, chat_s, admin_s, cpu_s, rss_mib, peak_mib)


async def _answered(port: int, path: str) -> None:
    """Asks until it is answered with 200. Raises BenchError."""
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        try:
            line = await Line.open(port)
            answered = await line.ask(path, headers=ADMIN)
            line.close()
        except ConnectionError:
            answered = None
        if answered is not None and answered.status == 200:
            return
        await asyncio.sleep(0.001)
    raise BenchError(f"{path} was not answered with 200 within {SECONDS_MAX:.0f} s.")


def _memory_mib(pid: int, what: str) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024
