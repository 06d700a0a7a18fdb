"""One measurement: start a system, load it, and check that every request was answered with the provider's words and arrived once."""

import contextlib
import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers import nginx_command
from processes import BenchError, Cores, compiled, cpu_seconds, free_port, last_lines, memory_mib, started, wait_until_listening
from systems import HERE, Launch, System, Upstream
from workloads import PROVIDER_WORDS, TIERS, WORKLOADS, Workload, body, request, towards

CONNECTIONS = 64


@dataclass(frozen=True)
class Latency:
    """Of the requests of one run, in µs. At a rate, time counts from when a request was due."""

    p50_us: float
    p99_us: float
    rate: float


@dataclass(frozen=True)
class Measurement:
    """`per_core_second` is requests per second of the system's own CPU time: what its core can do, whoever else uses the machine.

    `alone` is one connection, `half` is half the requests per second of this start, evenly spaced over 64 connections.
    """

    system: str
    workload: str
    requests: int
    seconds: float
    per_second: float
    per_core_second: float
    core_busy: float
    cpu_us_per_request: float
    p50_us: float
    p99_us: float
    alone: Latency
    half: Latency
    memory_mib: float
    memory_before_mib: float
    start_seconds: float


@dataclass(frozen=True)
class Told:
    """What the load says of one run. The last three: of impatient callers (load.c)."""

    requests: int
    seconds: float
    errors: int
    why: str
    closed: int
    p50_us: float
    p99_us: float
    max_us: float
    refused: int = 0
    late: int = 0
    unsent: int = 0

    @property
    def latency(self) -> Latency:
        return Latency(self.p50_us, self.p99_us, self.requests / self.seconds)


@dataclass(frozen=True)
class Provider:
    """The mock provider, the one that is always busy, and TLS in front of the first; and the program that loads whatever asks them."""

    upstream: Upstream
    load_program: Path

    @property
    def port(self) -> int:
        return self.upstream.port

    def seen(self) -> tuple[int, int]:
        """How many requests have arrived at the one that answers and at the busy one, once no more arrive."""
        before = (-1, -1)
        while (now := (_count(self.upstream.port), _count(self.upstream.busy_port))) != before:
            before = now
            time.sleep(0.2)
        return now


def _count(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/")
        return int(json.loads(connection.getresponse().read())["requests"])
    finally:
        connection.close()


def _certificates(folder: Path) -> Path:
    """An authority and a certificate of its own for this machine, good for two days. Gives the authority's."""
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial"]
    for arguments in (
        ["req", "-x509", *key, "-days", "2", "-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=orchvynt bench"],
        ["req", *key, "-keyout", "provider.key", "-out", "provider.csr", "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", "provider.csr", *signed, "-days", "2", "-out", "provider.pem", "-extfile", "names"],
    ):
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"`openssl {arguments[0]}` failed: {done.stderr[-300:]}")
    return folder / "authority.pem"


def _own_port(log: Path) -> int:
    deadline = time.monotonic() + 10
    while not (said := log.read_text()).endswith("\n"):
        if time.monotonic() > deadline:
            raise BenchError(f"The mock provider did not start: {said!r}")
        time.sleep(0.02)
    return int(said.split()[-1])


@contextlib.contextmanager
def mock_provider(folder: Path, core: int, tls: bool = False) -> Iterator[Provider]:
    """Compiles `mock_provider.c` and runs it on the load's core, twice; with nginx in front of it for TLS, if that is wanted."""
    program, load_program = compiled(HERE / "mock_provider.c", folder), compiled(HERE / "load.c", folder)
    logs = folder / "mock_provider.log", folder / "busy_provider.log"
    with contextlib.ExitStack() as running:
        running.enter_context(started([str(program)], core, folder, logs[0], {}))
        running.enter_context(started([str(program), "busy"], core, folder, logs[1], {}))
        upstream = Upstream(_own_port(logs[0]), busy_port=_own_port(logs[1]))
        if tls:
            port, authority = free_port(), _certificates(folder)
            certificate = f"ssl_certificate {folder}/provider.pem; ssl_certificate_key {folder}/provider.key;"
            command = nginx_command(folder, LISTEN=f"{port} ssl", SERVERS=f"server 127.0.0.1:{upstream.port};", TLS=certificate)
            front = running.enter_context(started(command, core, folder, folder / "tls.log", {}))
            wait_until_listening(front, port, 10)
            upstream = Upstream(upstream.port, busy_port=upstream.busy_port, tls_port=port, authority=authority)
        yield Provider(upstream, load_program)


@dataclass(frozen=True)
class Load:
    """One request, again and again, from the load's core. `words` are what a right answer holds, how often, and what ends it."""

    program: Path
    port: int
    core: int
    request: bytes
    words: tuple[str, int, str] = (PROVIDER_WORDS, 1, "")
    subjects: int = 1

    def run(self, connections: int, seconds: float, rate: float = 0.0, patience_ms: int = 0) -> Told:
        """Raises BenchError unless each answer was right; with patience, a refusal that says when to come back is none of them."""
        with tempfile.NamedTemporaryFile(prefix="bench-request-") as file:
            file.write(self.request)
            file.flush()
            command = ["taskset", "-c", str(self.core), str(self.program), str(self.port), file.name, str(connections), str(seconds)]
            command += [f"{rate:.3f}", str(self.subjects), self.words[0], str(self.words[1]), self.words[2], str(patience_ms)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
        if done.returncode:
            raise BenchError(f"The load failed: {done.stderr[-300:]}")
        told = Told(**json.loads(done.stdout))
        if told.errors or not told.requests:
            raise BenchError(f"{told.errors} of {told.errors + told.requests} answers were wrong, the first: {told.why}")
        return told


def load(provider: Provider, port: int, core: int, seconds: float) -> Told:
    """The standard chat of 1 KB at an OrchVynt, 64 connections."""
    asked = request(Launch([], port), body(WORKLOADS["chat-1k"], "gpt-4o"))
    return Load(provider.load_program, port, core, asked).run(CONNECTIONS, seconds)


def check_arrivals(system: str, told: int, before: tuple[int, int], after: tuple[int, int], busy: bool = False) -> None:
    """What was answered arrived once, and, if one is to be asked before that is busy, once there. A tier whose 429 was read a moment before
    it is asked again rests, and is passed by: of a thousand one may be."""
    arrived, refused = after[0] - before[0], after[1] - before[1]
    least, most = (told - max(1, told // 1000), told) if busy else (0, 0)
    if arrived != told or not least <= refused <= most:
        also = f", and {refused} at the busy one" if busy or refused else ""
        raise BenchError(f"{system}: {told} answers, but {arrived} requests arrived at the provider{also}.")


def port_of(launch: Launch, deadline: float) -> int:
    """Where it listens; of a system that chooses for itself, once it has said so."""
    while launch.port_file is not None and not launch.port_file.exists():
        if time.monotonic() > deadline:
            raise BenchError("It did not say where it listens")
        time.sleep(0.02)
    return launch.port if launch.port_file is None else int(launch.port_file.read_text())


def first_answer(load: Load, seconds_max: float) -> None:
    """Some systems listen before they can answer: asked until they do. Raises BenchError with what the last answer was."""
    deadline = time.monotonic() + seconds_max
    while True:
        try:
            load.run(1, 0.001)
            return
        except BenchError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def measure(system: System, workload: Workload, provider: Provider, cores: Cores, seconds: Sequence[float]) -> Measurement:
    """One start of one system, with nothing left of it afterwards. `seconds`: of warm-up, of full load, of each of the two latency runs.

    Raises BenchError when an answer was not what it should be.
    """
    with tempfile.TemporaryDirectory(prefix=f"bench-{system.name}-") as name:
        folder = Path(name)
        log = folder / "output.log"
        launch = system.launch(folder, towards(provider.upstream, workload.way))
        begun = time.monotonic()
        with started(launch.command, cores.system, folder, log, launch.environment) as process:
            try:
                port = port_of(launch, begun + launch.start_seconds_max)
                wait_until_listening(process, port, launch.start_seconds_max)
                asked = Load(provider.load_program, port, cores.load, request(launch, body(workload, launch.model)), workload.words, TIERS)
                first_answer(asked, 20.0)
                start_seconds = time.monotonic() - begun
                memory_before = memory_mib(process.pid)
                asked.run(CONNECTIONS, seconds[0])
                seen, cpu = provider.seen(), cpu_seconds(process.pid)
                told = asked.run(CONNECTIONS, seconds[1])
                cpu = cpu_seconds(process.pid) - cpu
                check_arrivals(system.name, told.requests, seen, seen := provider.seen(), workload.way == "fallback")
                alone = asked.run(1, seconds[2])
                half = asked.run(CONNECTIONS, seconds[2], rate=told.requests / told.seconds / 2)
                memory = memory_mib(process.pid)
                check_arrivals(system.name, alone.requests + half.requests, seen, provider.seen(), workload.way == "fallback")
            except (OSError, subprocess.TimeoutExpired, BenchError) as failed:
                raise BenchError(f"{failed}\nIts last words:\n{last_lines(log)}") from failed
    return Measurement(
        system=system.name,
        workload=workload.name,
        requests=told.requests,
        seconds=told.seconds,
        per_second=told.requests / told.seconds,
        per_core_second=told.requests / max(cpu, 0.01),
        core_busy=min(1.0, cpu / told.seconds),
        cpu_us_per_request=cpu / told.requests * 1e6,
        p50_us=told.p50_us,
        p99_us=told.p99_us,
        alone=alone.latency,
        half=half.latency,
        memory_mib=memory,
        memory_before_mib=memory_before,
        start_seconds=start_seconds,
    )
