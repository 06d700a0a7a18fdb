"""A server whose address is taken says so, in one line, and nothing of it goes on."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider


@pytest.mark.parametrize("option", ["--listen", "--admin"])
def test_an_address_that_is_taken_is_all_that_is_said(option: str, tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    served = Serving(tmp_path, three_tiers(scripted_provider))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        where = {"--listen": "127.0.0.1:0", "--admin": "127.0.0.1:0", option: address}
        command = [sys.executable, "-m", "orchvynt", "serve", "--policy", str(served.policy), "--store", f"sqlite:///{tmp_path / 'o.db'}"]
        command += [word for pair in where.items() for word in pair]
        ended = subprocess.run(command, env=served.environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    (said,) = [line for line in ended.stderr.splitlines() if "warning" not in line]
    assert said.startswith("orchvynt serve: ")
    assert "address already in use" in said.lower()
    assert address in said
    assert f"name another address with {option}." in said
