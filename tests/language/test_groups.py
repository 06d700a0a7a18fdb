"""Groups of the policy: an address is one person however it is written, and what is none is said."""

from orchvynt.language.compile import load

POLICY = """
version: 1
providers: {local: {kind: ollama, base_url: "http://127.0.0.1:9"}}
models: {local: {provider: local, price: free}}
routing: {default: local}
groups: {people: {members: [MEMBERS]}}
gates: [{name: g, stage: output, reviewers: people}]
"""


def test_members_are_normalised_once() -> None:
    loaded = load(POLICY.replace("MEMBERS", "Ana@Example.com, ben@example.com"), "p.yaml")
    assert loaded.snapshot is not None
    assert loaded.snapshot.groups["people"].members == ("ana@example.com", "ben@example.com")
    assert not [problem for problem in loaded.problems if "members" in problem.path]


def test_one_person_stands_once_and_a_name_that_is_no_address_is_warned_of() -> None:
    twice = load(POLICY.replace("MEMBERS", "ana@example.com, ANA@example.com"), "p.yaml").problems
    assert [problem.message for problem in twice if problem.severity == "error"] == ["`ANA@example.com` stands twice"]
    named = [problem for problem in load(POLICY.replace("MEMBERS", "ana"), "p.yaml").problems if problem.path.endswith("members[0]")]
    assert [(problem.severity, "no e-mail address" in problem.message) for problem in named] == [("warning", True)]


REQUESTED = POLICY.replace("reviewers: people", "reviewers: people, not_requester: true") + "keys: [{name: k, owner: OWNER}]\n"


def of_requester(owner: str, members: str = "ana@example.com") -> list[tuple[str, str]]:
    problems = load(REQUESTED.replace("MEMBERS", members).replace("OWNER", owner), "p.yaml").problems
    return [(one.severity, one.message) for one in problems if "keys[0].owner" in one.path or "not_requester" in one.path]


def test_whoever_owns_a_key_is_who_they_are_however_it_is_written() -> None:
    ((severity, message),) = of_requester("Ana@Example.com")
    assert severity == "error"
    assert "0 people beside Ana@Example.com" in message
    assert of_requester('" ana@example.com "')[0][0] == "error"
    assert of_requester("Ana@Example.com", "ana@example.com, ben@example.com") == []


def test_an_owner_who_can_be_nobody_is_warned_of() -> None:
    ((severity, message),) = of_requester("docs-team")
    assert severity == "warning"
    assert "bars nobody here: `docs-team` is no e-mail address" in message


def test_whether_an_identity_providers_group_has_approvers_enough_is_not_known() -> None:
    protected = "protected: {gates: [g], approvers: {group: sso, quorum: QUORUM}}\n"
    text = POLICY.replace("MEMBERS", "ana@example.com").replace("groups: {", "groups: {sso: {oidc: risk}, ") + protected
    for quorum, expected in (("2", ["warning"]), ("1", [])):
        problems = load(text.replace("QUORUM", quorum), "p.yaml").problems
        assert [one.severity for one in problems if one.path == "protected.approvers.quorum"] == expected
