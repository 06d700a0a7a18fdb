"""One measurement: start the mock provider and a system, load it, and check that every request was answered and arrived once."""

import contextlib
import http.client
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from processes import BenchError, Cores, compiled, cpu_seconds, last_lines, memory_mib, started, wait_until_listening
from systems import CALLER_KEY, HERE, System

CONNECTIONS = 64
PROBE = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Is anybody there?"}], "max_tokens": 64}).encode()
ANSWER_STARTS = "Large language model gateways"


@dataclass(frozen=True)
class Measurement:
    """`per_core_second` is requests per second of the system's own CPU time: what its core can do, whoever else uses the machine."""

    system: str
    requests: int
    seconds: float
    per_second: float
    per_core_second: float
    core_busy: float
    cpu_us_per_request: float
    p50_us: float
    p99_us: float
    memory_mib: float
    start_seconds: float
    provider_saw: int


@dataclass(frozen=True)
class Provider:
    port: int

    def seen(self) -> int:
        """How many requests have arrived, once no more arrive."""
        before = -1
        while (now := self._count()) != before:
            before = now
            time.sleep(0.2)
        return now

    def _count(self) -> int:
        return int(json.loads(_ask(self.port, "GET", "/", None)[1])["requests"])


def _ask(port: int, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"content-type": "application/json", "authorization": f"Bearer {CALLER_KEY}"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@contextlib.contextmanager
def mock_provider(folder: Path, core: int) -> Iterator[Provider]:
    """Compiles `mock_provider.c` and runs it on the load's core."""
    program, log = compiled(HERE / "mock_provider.c", folder), folder / "mock_provider.log"
    with started([str(program)], core, folder, log, {}):
        deadline = time.monotonic() + 10
        while not (said := log.read_text()).endswith("\n"):
            if time.monotonic() > deadline:
                raise BenchError(f"The mock provider did not start: {said!r}")
            time.sleep(0.02)
        yield Provider(int(said.split()[-1]))


def find_wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise BenchError("wrk, the load generator, is not installed. On Debian and Ubuntu: `apt-get install -y wrk`.")
    return found


def _probe(port: int, what: str) -> None:
    status, body = _ask(port, "POST", "/v1/chat/completions", PROBE)
    if status != 200:
        raise BenchError(f"{what} answered {status}: {body[:500].decode(errors='replace')}")
    content = json.loads(body)["choices"][0]["message"]["content"]
    if not content.startswith(ANSWER_STARTS):
        raise BenchError(f"{what} did not pass the provider's answer on: {content[:200]!r}")


def load(port: int, core: int, seconds: int) -> dict[str, float]:
    command = ["taskset", "-c", str(core), find_wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"]
    command += ["-s", str(HERE / "load.lua"), f"http://127.0.0.1:{port}/v1/chat/completions"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 120).stdout
    line = next(line for line in output.splitlines() if line.startswith("JSON"))
    result: dict[str, float] = json.loads(line.removeprefix("JSON"))
    return result


def check_arrivals(system: str, result: dict[str, float], arrived: int) -> None:
    """wrk does not count what is open when time is up: at most one request on each connection."""
    if result["errors"]:
        raise BenchError(f"{system}: {result['errors']:.0f} of {result['requests']:.0f} requests failed or were not answered with 200.")
    if not 0 <= arrived - result["requests"] <= CONNECTIONS:
        raise BenchError(f"{system}: {result['requests']:.0f} answers, but {arrived} requests arrived at the provider.")


def measure(system: System, provider: Provider, cores: Cores, seconds: int, warm_up_seconds: int) -> Measurement:
    """One start of one system, with nothing left of it afterwards. Raises BenchError when an answer was not what it should be."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{system.name}-") as name:
        folder = Path(name)
        log = folder / "output.log"
        launch = system.launch(folder, provider.port)
        begun = time.monotonic()
        with started(launch.command, cores.system, folder, log, launch.environment) as process:
            try:
                wait_until_listening(process, launch.port, launch.start_seconds_max)
                _probe(launch.port, f"{system.name}, before the load,")
                start_seconds = time.monotonic() - begun
                load(launch.port, cores.load, warm_up_seconds)
                seen_before, cpu_before = provider.seen(), cpu_seconds(process.pid)
                result = load(launch.port, cores.load, seconds)
                cpu, memory = cpu_seconds(process.pid) - cpu_before, memory_mib(process.pid)
                arrived = provider.seen() - seen_before
                _probe(launch.port, f"{system.name}, after the load,")
            except (OSError, http.client.HTTPException, BenchError) as failed:
                raise BenchError(f"{system.name}: {failed}\nIts last words:\n{last_lines(log)}") from failed
    check_arrivals(system.name, result, arrived)
    requests = int(result["requests"])
    return Measurement(
        system=system.name,
        requests=requests,
        seconds=result["seconds"],
        per_second=requests / result["seconds"],
        per_core_second=requests / cpu,
        core_busy=min(1.0, cpu / result["seconds"]),
        cpu_us_per_request=cpu / requests * 1e6,
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        memory_mib=memory,
        start_seconds=start_seconds,
        provider_saw=arrived,
    )
