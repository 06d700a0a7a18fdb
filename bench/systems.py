"""What a system under test is, and OrchVynt as one. The others stand in `peers.py`."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from processes import BenchError, free_port

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orchvynt-bench"
CALLER_KEY = "sk-bench-0123456789abcdef"
ADMIN_TOKEN = "bench-admin-token-0123456789abcdef"  # noqa: S105 - of a server that the benchmark starts

# How the provider is to be asked: as OpenAI's, as Anthropic's, as OpenAI's over TLS, and only after another one has said 429.
Way = Literal["openai", "anthropic", "tls", "fallback"]


@dataclass(frozen=True)
class Upstream:
    """The mock provider, and how it is to be asked. `busy_port` answers 429; `tls_port` shows a certificate of `authority`."""

    port: int
    way: Way = "openai"
    busy_port: int = 0
    tls_port: int = 0
    authority: Path = Path()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}" if self.way == "tls" else f"http://127.0.0.1:{self.port}"

    @property
    def busy_url(self) -> str:
        return f"http://127.0.0.1:{self.busy_port}"


@dataclass(frozen=True)
class Launch:
    """One start of one system, and how it wants to be asked. `start_seconds_max` is how long it may take until it listens;
    `admin_port` is 0 where there is none; a system that chooses its own port writes it to `port_file`."""

    command: list[str]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds_max: float = 20.0
    admin_port: int = 0
    path: str = "/v1/chat/completions"
    model: str = "gpt-4o"
    headers: Mapping[str, str] = field(default_factory=dict)
    port_file: Path | None = None


@dataclass(frozen=True)
class System:
    """`version` also installs the system, or says how to; `launch(folder, upstream)` configures it; `ways` are those it can be set up for.

    `passes` says that it hands frames on byte by byte, so that a stream can be compared with what was sent.
    """

    name: str
    version: Callable[[], str]
    launch: Callable[[Path, Upstream], Launch]
    ways: frozenset[Way]
    passes: bool = False


def first_line(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return (result.stdout or result.stderr).strip().splitlines()[0]


def orchvynt_version() -> str:
    if find_spec("orchvynt") is None or find_spec("orchvynt.assembly.main") is None:
        raise BenchError("`orchvynt serve` is not installed for this Python. Run the benchmark by `make bench`.")
    commit = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    code = "from importlib.metadata import version; print(version('orchvynt'))"
    return f"{first_line([sys.executable, '-c', code])} ({commit.stdout.strip() or 'no commit'})"


def serve(folder: Path, policy: str, environment: Mapping[str, str] | None = None) -> Launch:
    """OrchVynt under a policy, with a store of its own in `folder`."""
    port, admin_port = free_port(), free_port()
    (folder / "policy.yaml").write_text(policy)
    command = [sys.executable, "-m", "orchvynt", "serve", "--policy", str(folder / "policy.yaml")]
    command += ["--store", f"sqlite:///{folder / 'bench.db'}", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin_port}"]
    secrets = {
        "BENCH_PRIMARY_API_KEY": "sk-primary",
        "BENCH_SPARE_API_KEY": "sk-spare",
        "ORCHVYNT_ADMIN_TOKEN": ADMIN_TOKEN,
    }
    return Launch(command, port, {**secrets, **(environment or {})}, admin_port=admin_port)
