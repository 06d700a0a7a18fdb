"""The systems side by side: how each is installed, configured and started, and nothing of how it is measured."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from processes import BenchError, free_port

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orchvynt-bench"
CALLER_KEY = "sk-bench-0123456789abcdef"  # the same as in load.lua
ADMIN_TOKEN = "bench-admin-token-0123456789abcdef"  # noqa: S105 - of a server that the benchmark starts


@dataclass(frozen=True)
class Launch:
    """One start of one system. `start_seconds_max` is how long it may take until it listens; `admin_port` is 0 where there is none."""

    command: list[str]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds_max: float = 20.0
    admin_port: int = 0


@dataclass(frozen=True)
class System:
    """`version` also checks that the system is there and says how to install it; `launch(folder, provider_port)` configures it."""

    name: str
    version: Callable[[], str]
    launch: Callable[[Path, int], Launch]


def _first_line(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return (result.stdout or result.stderr).strip().splitlines()[0]


def _fill(template: str, **values: object) -> str:
    text = (HERE / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def _nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    if found is None:
        raise BenchError("nginx is not installed. On Debian and Ubuntu: `apt-get install -y nginx-light`.")
    return found


def _nginx_version() -> str:
    return _first_line([_nginx(), "-v"]).removeprefix("nginx version: nginx/")


def _launch_nginx(folder: Path, provider_port: int) -> Launch:
    port = free_port()
    (folder / "nginx.conf").write_text(_fill("nginx.conf.in", FOLDER=folder, PORT=port, PROVIDER_PORT=provider_port))
    return Launch([_nginx(), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")], port)


def _litellm_bin() -> Path:
    """LiteLLM's proxy in a virtual environment of its own under the user's cache folder; made on first use."""
    venv = CACHE / "litellm"
    if not (venv / "ready").exists():
        print(f"Installing litellm[proxy] into {venv} (once) …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        try:
            subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", "litellm[proxy]"], check=True)
        except subprocess.CalledProcessError as failed:
            raise BenchError(
                "`pip install 'litellm[proxy]'` failed; what pip said is above. Without it: `--only nginx,orchvynt`."
            ) from failed
        (venv / "ready").touch()
    return venv / "bin"


def _litellm_version() -> str:
    code = "from importlib.metadata import version; print(version('litellm'))"
    return _first_line([str(_litellm_bin() / "python"), "-c", code])


def _launch_litellm(folder: Path, provider_port: int) -> Launch:
    port = free_port()
    (folder / "litellm.yaml").write_text(_fill("litellm.yaml.in", PROVIDER_PORT=provider_port))
    command = [str(_litellm_bin() / "litellm"), "--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    # Its own advice for production: errors only in the log; and no download of the price list at start.
    environment = {
        "LITELLM_MASTER_KEY": CALLER_KEY,
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    return Launch([*command, "--num_workers", "1", "--telemetry", "False"], port, environment, start_seconds_max=180.0)


def orchvynt_version() -> str:
    if find_spec("orchvynt") is None or find_spec("orchvynt.assembly.main") is None:
        raise BenchError("`orchvynt serve` is not installed for this Python. Run the benchmark by `make bench`.")
    commit = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    code = "from importlib.metadata import version; print(version('orchvynt'))"
    return f"{_first_line([sys.executable, '-c', code])} ({commit.stdout.strip() or 'no commit'})"


def serve(folder: Path, policy: str) -> Launch:
    """OrchVynt under a policy, with a store of its own in `folder`."""
    port, admin_port = free_port(), free_port()
    (folder / "policy.yaml").write_text(policy)
    command = [sys.executable, "-m", "orchvynt", "serve", "--policy", str(folder / "policy.yaml")]
    command += ["--store", f"sqlite:///{folder / 'bench.db'}", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin_port}"]
    environment = {
        "BENCH_PRIMARY_API_KEY": "sk-primary",
        "BENCH_SPARE_API_KEY": "sk-spare",
        "ORCHVYNT_ADMIN_TOKEN": ADMIN_TOKEN,
    }
    return Launch(command, port, environment, admin_port=admin_port)


def _launch_orchvynt(folder: Path, provider_port: int) -> Launch:
    return serve(folder, (HERE / "policy.yaml").read_text().replace("127.0.0.1:18080", f"127.0.0.1:{provider_port}"))


SYSTEMS: Mapping[str, System] = {
    "nginx": System("nginx", _nginx_version, _launch_nginx),
    "litellm": System("litellm", _litellm_version, _launch_litellm),
    "orchvynt": System("orchvynt", orchvynt_version, _launch_orchvynt),
}
