"""The audit over the admin API and at the command line: roles, pages, what is refused; hostile texts stay inert in the evidence pack."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.lifecycle.explain import lives
from tests.surfaces.admin.test_grants import env
from tests.surfaces.cli.shell import run
from tests.surfaces.world import NOW, SECOND, World, renamed

from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts as f
from orchvynt.model.chat import Reply
from orchvynt.model.invocation import Ask, Claims, Invocation
from orchvynt.surfaces.admin.audit_rows import AUDIT_ROWS

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\" ' \u202e\x1b[31m\x00 =HYPERLINK(1) {{7*7}}"
FORGET = {"where": 'user == "u-1"', "message": "T-1"}


def parked(text: str, inv: str = "inv_01", review: str = "rev_1") -> list[f.AnyFact]:
    state = encode(
        State(Invocation(inv, 1, "/v1", "openai_chat", "k", Claims(), Ask("m", b'{"q": 1}')), reply=Reply("r", "m", 1, text, (), "stop"))
    )
    record = renamed([*lives.fell_back(), *lives.opened()], inv, review, NOW - 60 * SECOND)
    return [msgspec.structs.replace(fact, state=state) if isinstance(fact, f.ReviewOpened) else fact for fact in record]


@pytest.mark.parametrize("row", AUDIT_ROWS, ids=lambda row: f"{row.method} {row.path}")
@pytest.mark.parametrize("role", ["", "viewer", "reviewer", "operator", "admin"])
def test_every_route_of_the_audit_takes_its_role_and_no_less(world: World, row: Any, role: str) -> None:
    world.happened(parked("fine"))
    path = row.path.replace("{review}", "rev_1").replace("{hold}", "hold_9")
    body = None if row.takes is None else {**FORGET} if "where" in row.takes.__struct_fields__ else {"message": "T-1"}
    query = "?gate=money" if row.path.endswith("coverage") else ""
    answer = world.ask(row.method, path + query, role, body)
    ranks = ["", "viewer", "reviewer", "operator", "admin"]
    if not role:
        assert answer.status == 401
    elif ranks.index(role) < ranks.index(row.role):
        assert answer.status == 403
    else:
        assert answer.status in (200, 201, 404), answer.body
    assert row.role in ("operator", "admin"), "a viewer sees none of it"
    assert (row.role == "admin") == (row.method == "POST")


def test_entries_are_paged_filtered_and_exported(world: World) -> None:
    world.happened(parked("fine"))
    world.ask("POST", "/reviews/rev_1/decisions", "reviewer", {"decision": "approve", "reason": "checked"})
    world.ask("POST", "/tokens", "admin", {"name": "ci", "role": "viewer"})
    shown = world.ask("GET", "/audit?limit=2").json
    assert [item["number"] for item in shown["items"]] == [3, 2]
    assert [item["number"] for item in world.ask("GET", f"/audit?limit=2&after={shown['next']}").json["items"]] == [1]
    assert [item["what"] for item in world.ask("GET", "/audit?subject=rev_1").json["items"]] == ["review.approve", "review.open"]
    assert [item["subject"] for item in world.ask("GET", "/audit?what=token.&who=token:admin").json["items"]] == ["ci"]
    assert [item["number"] for item in world.ask("GET", "/audit/entries?after=1").json["items"]] == [2, 3]
    head = world.ask("GET", "/audit/head").json
    checked = world.ask("GET", f"/audit/verification?head={head['hash']}").json
    assert (checked["ok"], checked["entries"], checked["head"], checked["anchored"]) == (True, 3, head, head)
    assert world.ask("GET", "/audit?after=x").error["param"] == "after"
    assert world.ask("GET", "/audit/verification?head=abc").error["param"] == "head"
    for query in ("", "?gate=money&from=yesterday", "?gate=money&from=2026-02-01&to=2026-01-01", "?gate=nothing"):
        assert world.ask("GET", f"/audit/coverage{query}").status in (400, 404)


def test_what_is_meant_must_be_said(world: World) -> None:
    for path, body in (("/audit/forget", FORGET), ("/audit/holds", FORGET)):
        assert world.ask("POST", path, body={**body, "where": "usr == 1"}).error["param"] == "where"
        assert world.ask("POST", path, body={**body, "message": " "}).error["param"] == "message"
    assert world.audits == []
    assert world.ask("POST", "/audit/holds/hold_7/release", body={"message": "x"}).status == 404
    hold = world.ask("POST", "/audit/holds", body=FORGET).json["hold"]
    assert world.ask("POST", f"/audit/holds/{hold}/release", body={"message": "x"}).json["released_by"] == "token:admin"
    assert world.ask("POST", f"/audit/holds/{hold}/release", body={"message": "x"}).status == 409
    assert [entry.what for entry in world.audits] == ["audit.hold", "audit.release"]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_evidence_pack_is_one_inert_document(world: World, tmp_path: Path) -> None:
    record = parked(HOSTILE)
    claims = Claims(HOSTILE, HOSTILE, user=HOSTILE, session=HOSTILE, flags=(HOSTILE,))
    record = [
        msgspec.structs.replace(fact, claims=claims, requested_model=HOSTILE) if isinstance(fact, f.InvocationReceived) else fact
        for fact in record
    ]
    record = [msgspec.structs.replace(fact, reads={HOSTILE: HOSTILE}) if isinstance(fact, f.GateJudged) else fact for fact in record]
    world.happened(record)
    world.ask("POST", "/reviews/rev_1/decisions", "reviewer", {"decision": "approve", "reason": HOSTILE})
    page = world.ask("GET", "/audit/evidence/rev_1", "operator")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = page.body.decode()
    (tmp_path / "evidence.html").write_text(text)
    read = Tags()
    read.feed(text)
    assert read.tags <= {
        *("html", "head", "meta", "title", "style", "body", "header", "div", "h1", "h2", "p", "b", "br", "small", "code", "pre", "table"),
        *("thead", "tbody", "tr", "th", "td", "footer"),
    }
    assert read.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class"}
    for hidden in ("\u202e", "\x1b", "\x00", 'src=x onerror=alert(2)>"', "url(", "@import"):
        assert hidden not in text
    assert "alert(1)" in read.text
    assert "Entry 1 has its SHA-256 with the salt" in read.text
    assert "token:reviewer" in read.text
    assert "nothing was changed" in read.text
    assert [entry.what for entry in world.audits][-1] == "audit.evidence"
    assert world.ask("GET", "/audit/evidence/rev_9", "operator").status == 404


def test_the_commands(world: World, tmp_path: Path) -> None:
    world.happened(parked("fine"))
    assert "review.open" in run("audit", "list", env=env(world)).stdout
    assert run("audit", "list", "--what", "token.", env=env(world)).stdout == "No entry is there.\n"
    exported = run("audit", "export", env=env(world)).stdout.splitlines()
    assert [list(json.loads(line)) for line in exported][-1] == ["head"]
    file = tmp_path / "audit.jsonl"
    done = run("audit", "export", "-o", str(file), env=env(world))
    assert (done.exit_code, file.stat().st_mode & 0o777) == (0, 0o600)
    assert run("audit", "verify", "--file", str(file), env={}).exit_code == 0
    file.write_text("\n".join([*file.read_text().splitlines(), "{}"]))
    assert run("audit", "verify", "--file", str(file), env={}).exit_code == 1
    file.write_text("not json\n")
    assert "is no entry of the audit" in run("audit", "verify", "--file", str(file), env={}).stderr
    assert run("audit", "verify", "--file", str(tmp_path / "nothing"), env={}).exit_code == 1
    told = run("audit", "coverage", "--gate", "money", env=env(world))
    assert (told.exit_code, "delivered without a decision: 0" in told.stdout) == (0, True), told.output
    assert run("audit", "holds", env=env(world)).stdout == "No legal hold is on record.\n"
    held = run("audit", "hold", "--where", 'user == "u-1"', "-m", "T-1", env=env(world))
    assert "hold_2" in held.stdout
    assert "T-1" in run("audit", "holds", env=env(world)).stdout
    asked = run("forget", "--where", 'user == "u-9"', "-m", "T-2", env=env(world))
    assert "do it with --yes" in asked.stdout
    assert "forgotten" in run("forget", "--where", 'user == "u-9"', "-m", "T-2", "--yes", env=env(world)).stdout
    assert "released" in run("audit", "release", "hold_2", "-m", "T-3", env=env(world)).stdout
    number, digest = run("audit", "head", env=env(world)).stdout.split()
    assert run("audit", "verify", "--head", f"{number} {digest}", env=env(world)).exit_code == 0
    assert run("audit", "verify", "--head", "0" * 64, env=env(world)).exit_code == 1
