"""What takes away from what is protected is told; what is as strict as before is not."""

import pytest

from orchvynt.language.compile import load
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.weakening import weakened

POLICY = """
version: 1
providers: {openai: {kind: openai, api_key: "${env:OPENAI_API_KEY}"}, lab: {kind: ollama, base_url: "http://gpu:11434"}}
models: {gpt-4o: {provider: openai, price: {input: 2.5, output: 10}}, small: {provider: lab, price: free}}
gates:
  - {name: financial-one, stage: output, when: '"financial-action" in flags',
     reviewers: finance, require_reason: true, escalation: [{after: 2h, do: reject}]}
  - {name: financial-two, stage: output, when: 'workflow == "z"', reviewers: finance}
  - {name: other, stage: output, when: 'workflow == "x"', reviewers: ops}
budgets:
  - {name: company, scope: global, limit: {usd: 5000}, window: month, on_breach: reject}
  - {name: team, scope: workflow, limit: {usd: 5}, window: day}
groups:
  finance: {members: [ana@example.com, ben@example.com]}
  ops: {members: [ops@example.com]}
  risk: {members: [cfo@example.com, cro@example.com]}
keys: [{name: docs, owner: ana@example.com, fixed: {flags: [financial-action]}, may_set: [run]}]
protected: {gates: ["financial-*"], budgets: [company], approvers: {group: risk, quorum: 2}}
"""


def compiled(text: str) -> Snapshot:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [one.text for one in loaded.problems]
    return loaded.snapshot


def found(old: str, new: str) -> tuple[str, ...]:
    assert old in POLICY
    return weakened(compiled(POLICY), compiled(POLICY.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: financial-one", "name: renamed", "gate financial-one is removed"),
        ("stage: output, when: '\"financial-action\" in flags'", "stage: output, when: '\"later\" in flags'", "gate financial-one: when"),
        ("require_reason: true", "require_reason: false", "gate financial-one: require_reason true → false"),
        ("reviewers: finance", "reviewers: ops", "gate financial-one: reviewers finance → ops"),
        ("escalation: [{after: 2h, do: reject}]", "escalation: [{after: 2h, to: ops}]", "gate financial-one: escalation"),
        ("usd: 5000", "usd: 5001", "budget company: limit 5000 USD → 5001 USD"),
        ("limit: {usd: 5000}", "limit: {tokens: 5}", "budget company: limit"),
        ("on_breach: reject", "on_breach: alert", "budget company: on_breach reject → alert"),
        ("on_breach: reject", "on_breach: {downgrade: small}", "budget company: on_breach"),
        ("on_breach: reject", "on_breach: {review: {reviewers: ops, grant: [1]}}", "budget company: on_breach"),
        ("window: month", "window: week", "budget company: window month → week"),
        ("name: company, scope: global", "name: company, scope: workflow", "budget company: scope global → workflow"),
        (
            "members: [ana@example.com, ben@example.com]",
            "members: [ana@example.com, me@example.com]",
            "group finance: me@example.com joins",
        ),
        ("members: [cfo@example.com, cro@example.com]", "members: [cfo@example.com, cro@example.com, x@example.com]", "group risk: x@"),
        ("finance: {members", "finance: {oidc: everybody, members", "group finance: whoever the identity provider has in everybody"),
        ("input: 2.5, output: 10", "input: 2.5, output: 1", "model gpt-4o: price"),
        ("fixed: {flags: [financial-action]}", "fixed: {flags: []}", "key docs: what it says of flags changes"),
        ("may_set: [run]", "may_set: [run, flags]", "key docs: what it says of flags changes"),
        (", quorum: 2", "", "protected.approvers: quorum 1 in place of 2"),
        ("group: risk, quorum: 2", "group: risk, quorum: 2, not_author: false", "protected.approvers: the author may approve"),
        ("group: risk", "group: finance", "protected.approvers: the group finance in place of risk"),
        ("budgets: [company]", "budgets: [team]", "protected.budgets: company is no longer named"),
        ('protected: {gates: ["financial-*"], budgets: [company], approvers: {group: risk, quorum: 2}}', "", "`protected` is removed"),
    ],
)
def test_what_weakens_is_told(old: str, new: str, told: str) -> None:
    lines = found(old, new)
    assert any(line.startswith(told) for line in lines), lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("usd: 5000", "usd: 4000"),
        ("limit: {usd: 5000}", "limit: {usd: 5000, invocations: 9}"),
        ("usd: 5}", "usd: 50000}"),
        ("when: 'workflow == \"x\"'", "when: 'workflow == \"y\"'"),
        ("stage: output, when: '\"financial-action\" in flags'", "stage: output"),
        ("members: [ana@example.com, ben@example.com]", "members: [ana@example.com]"),
        ("input: 2.5, output: 10", "input: 3, output: 11"),
        ("on_breach: reject", "on_breach: clamp"),
        ("flags: [financial-action]", "flags: [financial-action, more]"),
        ("may_set: [run]", "may_set: []"),
        ('gates: ["financial-*"]', 'gates: ["financial-*", other]'),
        ("quorum: 2", "quorum: 2, not_author: true"),
    ],
)
def test_what_is_as_strict_needs_no_approval(old: str, new: str) -> None:
    assert found(old, new) == ()


def test_without_protection_nothing_is_protected() -> None:
    free = compiled(POLICY[: POLICY.index("protected:")])
    assert weakened(free, compiled(POLICY.replace("usd: 5000", "usd: 9000"))) == ()


def test_a_policy_does_not_weaken_itself() -> None:
    whole = compiled(POLICY)
    assert weakened(whole, whole) == ()
