"""People at a real server: added, logged in, voting by their own name; out at once when disabled; there after `kill -9`."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Serve
from tests.e2e.test_review import open_review, parked
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

ANA, ZOE = "ana@example.com", "zoe@example.com"
PASSWORD = "canary horse battery staple"


class Desk:
    """The command line of one person, with a home of its own and no token."""

    def __init__(self, server: Serving, home: Path) -> None:
        self.server = server
        unset = ("ORCHVYNT_TOKEN", "ORCHVYNT_ADMIN_TOKEN", "XDG_CONFIG_HOME")
        self.environment = {name: value for name, value in server.environment.items() if name not in unset} | {"HOME": str(home)}
        self.home = home
        home.mkdir()

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "orchvynt", *arguments, "--server", f"127.0.0.1:{self.server.admin_port}"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=self.environment, cwd=self.home, input=stdin, check=False
        )
        assert PASSWORD not in done.stdout + done.stderr
        assert "ovs-" not in done.stdout + done.stderr
        return done


def test_a_person_votes_by_name_in_their_group_and_is_out_when_disabled(
    serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path
) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    for email in (ANA, ZOE):
        body = {"email": email, "role": "reviewer", "password": PASSWORD}
        assert server.admin("/people", body).status == 201
    ana, zoe = Desk(server, tmp_path / "ana"), Desk(server, tmp_path / "zoe")
    assert ana.run("reviews", "list").returncode == 1, "nobody is logged in yet"
    for desk, email in ((ana, ANA), (zoe, ZOE)):
        logged_in = desk.run("login", email, stdin=PASSWORD + "\n")
        assert logged_in.returncode == 0, logged_in.stderr
    parked(server)
    review = open_review(server)["review"]
    strange = zoe.run("reviews", "approve", review, "--reason", "fine")
    assert (strange.returncode, "is not in people" in strange.stderr) == (1, True)
    server.kill()
    server.start()
    assert json.loads(ana.run("whoami", "--json").stdout)["groups"] == ["people"], "the session is there after kill -9"
    approved = ana.run("reviews", "approve", review, "--reason", "fine")
    assert approved.returncode == 0, approved.stderr
    assert ANA in approved.stdout
    assert server.admin(f"/people/{ANA}", {"disabled": True}, "PATCH").status == 200
    assert ana.run("whoami").returncode == 1
    trail = [(row["who"], row["what"]) for row in server.admin("/audit").json["items"]]
    assert {(ANA, "login"), (ANA, "review.approve"), ("token:environment", "person.change")} <= set(trail)
    assert PASSWORD not in server.log
