"""`orchvynt doctor` beside a server that is well, and its JSON in the published shape."""

from pathlib import Path

import msgspec
from tests.e2e.conftest import Serve
from tests.support.policies import three_tiers

from orchvynt.assembly.doctor import Finding
from orchvynt.surfaces.operator_shapes import Listing
from orchvynt.testing.scripted import ScriptedProvider


def test_a_server_that_is_well(serve: Serve, tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider))
    done = server.command_alone("doctor", "--json", "--policy", str(server.policy), "--server", f"127.0.0.1:{server.admin_port}")
    found = msgspec.json.decode(done.stdout, type=Listing[Finding], strict=True)
    assert done.returncode == 0, done.stdout
    assert all(one.ok for one in found.items)
    assert "server" in [one.what for one in found.items]
