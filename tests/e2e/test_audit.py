"""The audit from outside: what people decided is there after `kill -9`, exactly once; it verifies, is exported, covers, proves, forgets."""

import json
import sqlite3
from pathlib import Path

from tests.e2e.conftest import Serve
from tests.e2e.test_review import FLAGGED, decide, parked
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

HOSTILE = "<script>alert(1)</script>\" onload=x ' \u202e & \x1b[31m =cmd()"


def whats(server: Serving, review: str) -> list[str]:
    return [entry["what"] for entry in server.admin(f"/audit?subject={review}").json["items"]][::-1]


def test_a_review_leaves_its_entries_once_whatever_happens(serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    reviews = [parked(server, f"hello {number}").json["error"]["review_id"] for number in range(4)]
    server.kill()
    server.start()
    assert decide(server, reviews[0], reason=HOSTILE).status == 200
    assert decide(server, reviews[1], "reject", "not ours").status == 200
    assert decide(server, reviews[1], "approve", "too late").status == 409
    assert server.chat("hello 0", FLAGGED).status == 200
    assert server.chat("hello 0", FLAGGED).status == 200
    server.kill()
    server.start()
    assert whats(server, reviews[0]) == ["review.open", "review.approve", "review.deliver"]
    assert whats(server, reviews[1]) == ["review.open", "review.reject", "review.approve refused"]
    assert whats(server, reviews[2]) == ["review.open"]
    counted = server.command("audit", "coverage", "--gate", "reviewed", "--json")
    assert counted.returncode == 0, counted.stdout + counted.stderr
    held = json.loads(counted.stdout)["held"]
    assert held == {
        **{"matched": 4, "approved": 1, "edited": 0, "rejected": 1, "timed_out": 0, "open": 2},
        **{"ended": 0, "undecided": 0},
    }
    verified = server.command("audit", "verify")
    assert (verified.returncode, verified.stdout.split()[0]) == (0, "ok"), verified.stdout
    head = server.command("audit", "head").stdout.split()
    assert server.command("audit", "export", "-o", "audit.jsonl").returncode == 0
    offline = server.command("audit", "verify", "--file", "audit.jsonl", "--head", head[1])
    assert offline.returncode == 0, offline.stdout + offline.stderr
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    broken = json.loads(lines[2])
    (tmp_path / "changed.jsonl").write_text("\n".join([*lines[:2], json.dumps({**broken, "who": "somebody"}), *lines[3:]]))
    changed = server.command("audit", "verify", "--file", "changed.jsonl")
    assert (changed.returncode, "at entry 3" in changed.stdout) == (1, True)
    (tmp_path / "cut.jsonl").write_text("\n".join(lines[:-2]))
    assert server.command("audit", "verify", "--file", "cut.jsonl").returncode == 1
    edit = {"decision": "edit", "reason": "better", "reply": "in other words"}
    assert server.admin(f"/reviews/{reviews[3]}/decisions", edit).status == 200
    edited = server.admin(f"/audit/evidence/{reviews[3]}").body.decode()
    assert "in other words" in edited
    assert "No entry of the audit has the hash" not in edited, "the answer before and after"
    assert "when: &#x27;&quot;review&quot; in flags&#x27;" in edited, "what the policy says of the gate"
    assert "- ana@example.com" in edited, "and who could decide"
    assert "Refused: approve" in server.admin(f"/audit/evidence/{reviews[1]}").body.decode()
    evidence = server.command("audit", "evidence", reviews[0], "-o", "evidence.html")
    assert evidence.returncode == 0, evidence.stderr
    page = (tmp_path / "evidence.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "nothing was changed" in page
    assert "http://" not in page.replace("http://127.0.0.1", "")
    server.kill()
    database = sqlite3.connect(tmp_path / "orchvynt.db")
    database.execute("DELETE FROM audit_entries WHERE number > 3")
    database.commit()
    database.close()
    server.start()
    cut = server.command("audit", "verify")
    assert cut.returncode == 1
    assert "at entry 4" in cut.stdout


def test_a_person_is_forgotten_but_not_under_a_hold(serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    for user in ("u-erased", "u-erased", "u-other"):
        assert server.chat("hello", {"x-orchvynt-user": user, "x-orchvynt-context": json.dumps({"customer": user})}).status == 200
    review = server.chat("secret of u-erased", {**FLAGGED, "x-orchvynt-user": "u-erased"}).json["error"]["review_id"]
    where = 'user == "u-erased"'
    told = server.command("forget", "--where", where, "-m", "T-1", "--json")
    assert json.loads(told.stdout) | {"examples": []} == {
        **{"done": False, "invocations": 2, "examples": [], "open": 1, "unclear": 0, "held": 0, "hold": ""},
        **{"reviews": 0, "answers": 0, "evidence": 0, "entries": 0},
    }
    assert decide(server, review, reason="u-erased is fine").status == 200
    held = server.command("audit", "hold", "--where", 'user.startsWith("u-er")', "-m", "T-2", "--json")
    hold = json.loads(held.stdout)["hold"]
    refused = server.command("forget", "--where", where, "-m", "T-1", "--yes")
    assert (refused.returncode, hold in refused.stderr) == (1, True), refused.stderr
    assert server.command("audit", "release", hold, "-m", "T-3").returncode == 0
    before = server.admin("/receipts").json["items"]
    done = server.command("audit", "forget", "--where", where, "-m", "T-1", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["invocations"], json.loads(done.stdout)["reviews"]) == (3, 1)
    assert server.command("audit", "verify").returncode == 0
    after = server.admin("/receipts").json["items"]
    assert [{**row, "user": "", "context": ""} for row in before] == [{**row, "user": "", "context": ""} for row in after]
    assert json.loads(server.command("forget", "--where", where, "-m", "T-1", "--json").stdout)["invocations"] == 0
    assert server.command("forget", "--where", "user ==", "-m", "T-1").returncode == 1
    server.stop()
    for path in (tmp_path / "orchvynt.db", *(tmp_path / "orchvynt.db.journal").iterdir()):
        found = path.read_bytes()
        # The conditions of the hold and of the refusal are words of the audit, and say whom they were about.
        assert b"secret of u-erased" not in found, path
        assert b"u-erased is fine" not in found, path
    server.start()
    assert server.admin(f"/reviews/{review}").json["answer"] == {}
