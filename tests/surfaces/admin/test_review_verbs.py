"""Every verb of a review × every role, what each leaves in the audit, and what a page of the inbox takes."""

import pytest
from tests.lifecycle.explain import lives
from tests.surfaces.admin.browsing import PASSWORD, logged_in, token_of
from tests.surfaces.world import NOW, SECOND, SECRETS, World, renamed

from orchvynt.model.facts import ReviewVoted, Vote
from orchvynt.model.faults import Fault

REASON = {"reason": "looked at it"}
VERBS = [
    ("POST", "/reviews/rev_1/decisions", {"decision": "approve", **REASON}),
    ("POST", "/reviews/rev_1/decisions", {"decision": "reject", **REASON}),
    ("POST", "/reviews/rev_1/decisions", {"decision": "edit", "reply": "better", **REASON}),
    ("POST", "/reviews/rev_1/decisions", {"decision": "respond", "reply": "ask the desk", **REASON}),
    ("POST", "/reviews/decisions", {"reviews": ["rev_1", "rev_9"], "decision": "approve", **REASON}),
    ("POST", "/reviews/rev_1/claim", None),
    ("DELETE", "/reviews/rev_1/claim", None),
    ("POST", "/reviews/rev_1/release", None),
    ("GET", "/reviews/rev_1", None),
]


def fill(world: World) -> None:
    world.happened(renamed([*lives.fell_back(), *lives.opened()], "inv_01", "rev_1", NOW - 60 * SECOND))


@pytest.mark.parametrize("role", SECRETS)
@pytest.mark.parametrize(
    ("method", "path", "body"), VERBS, ids=[f"{method} {path} {number}" for number, (method, path, _) in enumerate(VERBS)]
)
def test_every_verb_takes_a_reviewer(world: World, role: str, method: str, path: str, body: dict[str, object] | None) -> None:
    fill(world)
    answer = world.ask(method, path, role, body)
    assert answer.status == (403 if role == "viewer" else 200), answer.body
    if role == "viewer":
        assert {row.what for row in world.audits} == {"review.open"}
    elif method != "GET":
        assert {row.who for row in world.audits if row.what != "review.open"} <= {f"token:{role}"}


def test_an_edit_is_shown_with_its_difference_and_nobody_approves_it_blindly(world: World) -> None:
    fill(world)
    world.happened([ReviewVoted("inv_01", NOW, "rev_1", Vote("ana@example.com", "edit", "typo", NOW, "the better answer"))])
    shown = world.ask("GET", "/reviews/rev_1", "reviewer").json
    assert (shown["proposed"], shown["diff"]) == (
        "the better answer",
        "@@ -1,1 +1,1 @@\n-the secret answer\n+the better answer".replace("1,1", "1"),
    )
    assert (shown["edited"], shown["votes"][0]["choice"]) == (True, "edit")
    blind = world.ask("POST", "/reviews/rev_1/decisions", "reviewer", {"decision": "approve", "edition": "original", **REASON})
    assert (blind.status, blind.error["code"]) == (409, "conflict")
    seen = world.ask("POST", "/reviews/rev_1/decisions", "reviewer", {"decision": "approve", "edition": shown["edition"], **REASON}).json
    assert (seen["status"], seen["decision"]) == ("approved", "edit")


def test_a_claim_is_seen_and_given_back(world: World) -> None:
    fill(world)
    claimed = world.ask("POST", "/reviews/rev_1/claim", "reviewer").json
    assert (claimed["claimed_by"], claimed["claimed_until"]) == ("token:reviewer", "2026-01-01T01:15:00.000000Z")
    other = world.ask("POST", "/reviews/rev_1/decisions", "admin", {"decision": "approve", **REASON})
    assert (other.status, "token:reviewer has claimed" in other.error["message"]) == (409, True)
    assert [len(world.ask("GET", f"/reviews?claimed={who}", "reviewer").json["items"]) for who in ("yes", "no", "me")] == [1, 0, 1]
    assert world.ask("GET", "/reviews?claimed=me", "admin").json["items"] == []
    assert world.ask("DELETE", "/reviews/rev_1/claim", "admin").status == 409
    assert world.ask("DELETE", "/reviews/rev_1/claim", "reviewer").json["claimed_by"] == ""
    told = [row.what for row in world.audits if row.what != "review.open"]
    assert told == [
        "review.claim",
        "review.approve refused",
        "review.release refused",
        "review.release",
    ]
    for method, path in (("POST", "/reviews/x/claim"), ("DELETE", "/reviews/x/claim"), ("POST", "/reviews/x/release")):
        assert world.ask(method, path, "reviewer").status == 404


@pytest.mark.parametrize(("counts", "outcome", "noted"), [("yes", "voted", 0), ("unknown", "refused", 0), ("no", "refused", 2)])
def test_a_vote_that_counts_or_may_is_no_refusal_in_the_audit(world: World, counts: str, outcome: str, noted: int) -> None:
    """While the store is away, or another process says nothing: an entry of the audit comes of the fact, if there is one."""
    fill(world)
    world.control.unshown = Fault("store_unavailable", "It cannot be shown.", detail={"counts": counts})
    answer = world.ask("POST", "/reviews/rev_1/decisions", "reviewer", {"decision": "approve", **REASON})
    assert (answer.status, answer.error["detail"]) == (503, {"counts": counts})
    done = world.ask("POST", "/reviews/decisions", "reviewer", {"reviews": ["rev_1"], "decision": "approve", **REASON}).json
    assert [(item["outcome"], item["code"]) for item in done["items"]] == [(outcome, "store_unavailable")]
    assert [row.what for row in world.audits if row.what != "review.open"] == ["review.approve refused"] * noted


def test_several_are_decided_apart(world: World) -> None:
    fill(world)
    body = {"reviews": ["rev_1", "rev_9", "rev_1"], "decision": "reject", **REASON}
    done = world.ask("POST", "/reviews/decisions", "reviewer", body).json
    assert [(item["review"], item["outcome"], item["status"], item["code"]) for item in done["items"]] == [
        ("rev_1", "decided", "rejected", ""),
        ("rev_9", "refused", "", "not_found"),
    ]
    assert done["refused"] == 1
    refused: list[dict[str, object]] = [{"reviews": []}, {"reviews": ["r"] * 501}, {"reviews": "rev_1"}, {"decision": "edit"}]
    for wrong in refused:
        assert world.ask("POST", "/reviews/decisions", "reviewer", {**body, **wrong}).status == 400


def test_the_inbox_filters_sorts_and_refuses_what_it_does_not_know(world: World) -> None:
    for number in range(5):
        world.happened(renamed([*lives.fell_back(), *lives.opened()], f"inv_{number}", f"rev_{number}.1", NOW - number * SECOND))
    seen: list[str] = []
    after = ""
    while True:
        page = world.ask("GET", f"/reviews?sort=newest&limit=2&after={after}", "viewer").json
        seen += [item["review"] for item in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == [f"rev_{number}.1" for number in range(5)]
    assert len(world.ask("GET", "/reviews?gate=none&mine=yes", "viewer").json["items"]) == 0
    for query in ("status=maybe", "mine=no", "claimed=ana", "sort=up", "after=x", "after=99999999999999999999.rev", "who=me"):
        assert world.ask("GET", f"/reviews?{query}", "viewer").status == 400


def test_what_waits_is_read_by_those_who_are_asked(world: World) -> None:
    fill(world)
    [asked] = world.ask("GET", "/reviews/rev_1", "reviewer").json["reviewers"]
    for email in ("member@example.com", "stranger@example.com"):
        world.person(email, "reviewer", PASSWORD)
    world.person("operator@example.com", "operator", PASSWORD)
    world.control.groups = {asked: ("member@example.com",), "others": ("stranger@example.com",)}
    member, stranger = logged_in(world, "member@example.com"), logged_in(world, "stranger@example.com")
    assert member.ask("GET", "/reviews/rev_1").json["answer"]["text"] == "the secret answer"
    for path in ("/reviews/rev_1", "/reviews", "/reviews?status=all&mine=yes", "/invocations/rev_1", "/invocations/inv_01", "/runs/r1"):
        for answer in (stranger.ask("GET", path), world.ask("GET", path, token_of(world, "stranger@example.com"))):
            assert b"the secret answer" not in answer.body
            assert answer.status in ((403,) if path == "/reviews/rev_1" else (200, 404)), (path, answer)
    assert stranger.ask("GET", "/audit/evidence/rev_1").status == 403
    for method, path, body in VERBS:
        if path != "/reviews/decisions":
            answer = stranger.ask(method, path, body)
            assert (answer.status, b"the secret answer" in answer.body) == (403, False), path
    bulk = stranger.ask("POST", "/reviews/decisions", {"reviews": ["rev_1"], "decision": "approve", **REASON}).json
    assert bulk["refused"] == 1
    assert not [row for row in world.audits if row.what == "review.read"]
    assert logged_in(world, "operator@example.com").ask("GET", "/reviews/rev_1").status == 200
    assert [(row.who, row.subject) for row in world.audits if row.what == "review.read"] == [("operator@example.com", "rev_1")]
    world.control.groups = {asked: ()}
    assert member.ask("GET", "/reviews/rev_1").status == 403, "by the policy in force now"
