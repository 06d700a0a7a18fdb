"""Grants over the admin API and at the command line: who may, what is refused before anything is written, and what is on the audit."""

import json
from decimal import Decimal

import pytest
from tests.lifecycle.explain import lives
from tests.surfaces.cli.shell import run
from tests.surfaces.world import NOW, SECRETS, World

from orchvynt.model.facts import ReviewOpened, Wanted
from orchvynt.model.money import nanos_of_text, plain_text

ONE = {"budget": "purse", "subject": "docs", "usd": "1.50", "reason": "the audit"}


def env(world: World) -> dict[str, str]:
    return {"ORCHVYNT_SERVER": world.url, "ORCHVYNT_TOKEN": SECRETS["admin"]}


def asking(world: World) -> None:
    """A call waits for more of a budget."""
    received = lives.approved()[0]
    wanted = Wanted("purse", "docs", "usd", 10**9, 9 * 10**8, 0, 2 * 10**8, NOW, (10**9, 5 * 10**9))
    world.happened([received, ReviewOpened(received.inv, NOW, "rev_9", "budget purse", ("leads",), "k", "join", b"asked", wanted=wanted)])


def test_a_grant_is_given_listed_and_on_the_audit(world: World) -> None:
    given = world.ask("POST", "/grants", "operator", ONE)
    assert given.status == 201
    assert (given.json["nanos"], given.json["usd"], given.json["tokens"], given.json["by"]) == (1_500_000_000, "1.5", 0, "token:operator")
    tokens = world.ask("POST", "/grants", "operator", {"budget": "purse", "subject": "docs", "tokens": 7, "reason": "x", "id": "t-1"})
    assert (tokens.json["grant"], tokens.json["tokens"]) == ("t-1", 7)
    again = world.ask("POST", "/grants", "operator", {"budget": "purse", "subject": "docs", "tokens": 7, "reason": "x", "id": "t-1"})
    assert (tokens.json["repeated"], again.json["repeated"]) == (False, True)
    assert [item["grant"] for item in world.ask("GET", "/grants?budget=purse", "viewer").json["items"]] == ["t-1", "grant_1"]
    assert world.ask("GET", "/grants?budget=other", "viewer").json["items"] == []
    told = [(entry.who, entry.what, entry.why, entry.subject) for entry in world.audits]
    assert told[0] == ("token:operator", "budget.grant 1.5 USD", "the audit", "purse/docs")
    assert told[-1][1] == "budget.grant repeated"


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"usd": None}, 400, "usd"),
        ({"tokens": 5}, 400, "usd"),
        ({"usd": "0"}, 400, "usd"),
        ({"usd": "-1"}, 400, "usd"),
        ({"usd": "0.0000000001"}, 400, "usd"),
        ({"usd": "1e12"}, 400, "usd"),
        ({"usd": "NaN"}, 400, "usd"),
        ({"usd": "1e999999999"}, 400, "usd"),
        ({"usd": "1e-999999999"}, 400, "usd"),
        ({"usd": None, "tokens": 0}, 400, "tokens"),
        ({"usd": None, "tokens": 1.5}, 400, "tokens"),
        ({"usd": "much"}, 400, "usd"),
        ({"id": "rev_1"}, 400, "id"),
        ({"id": "a b"}, 400, "id"),
        ({"budget": "other"}, 404, "budget"),
        ({"usd": 6}, 403, "usd"),
        ({"more": 1}, 400, None),
    ],
)
def test_what_is_no_grant_is_refused(world: World, change: dict[str, object], status: int, param: str | None) -> None:
    refused = world.ask("POST", "/grants", "operator", {**ONE, **change})
    assert refused.status == status, refused.body
    if param is not None:
        assert refused.error["param"] == param
    assert world.ask("GET", "/grants").json["items"] == []


def test_a_reviewer_may_not_grant_unasked(world: World) -> None:
    assert world.ask("POST", "/grants", "reviewer", ONE).status == 403
    assert world.audits == []


def test_the_commands_grant_and_list(world: World) -> None:
    given = run("budgets", "grant", "purse", "docs", "--usd", "1.5", "-m", "the audit", env=env(world))
    assert (given.exit_code, given.stdout) == (0, "grant_1  granted $1.5 of budget purse to docs for its lifetime\n")
    listed = run("budgets", "grants", env=env(world)).stdout
    assert "the audit" in listed
    assert "token:admin" in listed
    assert run("budgets", "grant", "purse", "docs", "--tokens", "7", "-m", "x", "--id", "t", "--json", env=env(world)).exit_code == 0
    again = run("budgets", "grant", "purse", "docs", "--tokens", "7", "-m", "x", "--id", "t", env=env(world))
    assert "was granted before: 7 tokens" in again.stdout
    for arguments in (["--usd", "1", "--tokens", "1"], [], ["--usd", "much"], ["--usd", "0"]):
        assert run("budgets", "grant", "purse", "docs", *arguments, "-m", "x", env=env(world)).exit_code == 2
    assert run("budgets", "grant", "other", "docs", "--usd", "1", "-m", "x", env=env(world)).exit_code == 1


def test_a_call_that_wants_more_is_shown_with_its_numbers_and_granted_one_amount(world: World) -> None:
    asking(world)
    (view,) = world.ask("GET", "/reviews", "reviewer").json["items"]
    assert view["wanted"] == {
        "budget": "purse", "subject": "docs", "unit": "usd", "limit": "1", "spent": "0.9", "held": "0", "needed": "0.2",
        "resets_at": "2026-01-01T01:00:00.000000Z", "grants": ["1", "5"],
    }  # fmt: skip
    shown = run("reviews", "show", "rev_9", env=env(world)).stdout
    assert "limit $1, spent $0.9, held $0, needed $0.2" in shown
    assert "$1, $5" in shown
    refused = world.ask("POST", "/reviews/rev_9/decisions", "reviewer", {"decision": "approve"})
    assert (refused.status, refused.error["param"], "1, 5" in refused.error["help"]) == (400, "grant", True)
    done = run("reviews", "approve", "rev_9", "--grant", "5", env=env(world))
    assert (done.exit_code, done.stdout) == (0, "approved  rev_9 by token:admin, granting $5\n")
    assert json.loads(world.ask("GET", "/reviews/rev_9", "reviewer").body)["granted"] == "5"
    assert (world.audits[-1].what, world.audits[-1].details["granted"]) == ("review.approve", "5000000000")
    assert run("reviews", "approve", "rev_9", "--grant", "x", env=env(world)).exit_code == 2


def test_an_amount_with_an_absurd_exponent_is_not_written_out() -> None:
    """Its digits would fill a gigabyte of the process that serves."""
    assert [plain_text(Decimal(text)) for text in ("5", "2.50", "1e3", "1e-9")] == ["5", "2.50", "1000", "0.000000001"]
    for text in ("1e999999999", "1e-999999999", "NaN", "Infinity"):
        assert len(plain_text(Decimal(text))) < 20
        assert nanos_of_text(plain_text(Decimal(text))) is None
