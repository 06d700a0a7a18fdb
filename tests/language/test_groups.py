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
