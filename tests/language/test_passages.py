"""What a policy says of one gate and its groups, whatever the policy's text looks like."""

import pytest
import yaml

from orchvynt.language.passages import passages

POLICY = """
version: 1
gates:
  - &f {name: financial, when: '"x" in flags', sample: 2.5%, reviewers: finance, escalation: [{after: 1h, to: heads}]}
  - name: other
budgets: [{name: run, limit: {usd: 1.50}}]
groups: {finance: {members: [ana@example.com]}, heads: {oidc: heads}, ops: {oidc: ops}}
"""


def test_the_gate_and_those_who_decide_there() -> None:
    assert yaml.safe_load(passages(POLICY, "financial", ("finance", "heads", "gone"))) == {
        "gates": [
            {
                "name": "financial",
                "when": '"x" in flags',
                "sample": "2.5%",
                "reviewers": "finance",
                "escalation": [{"after": "1h", "to": "heads"}],
            }
        ],
        "groups": {"finance": {"members": ["ana@example.com"]}, "heads": {"oidc": "heads"}},
    }
    assert yaml.safe_load(passages(POLICY, "budget run", ())) == {"budgets": [{"name": "run", "limit": {"usd": 1.5}}], "groups": {}}
    assert "usd: 1.50" in passages(POLICY, "budget run", ()), "as it was written"


@pytest.mark.parametrize("text", [POLICY, "", "[", "- a", "gates: 3", "gates: [3]", "gates: [{name: [x]}]", "x" * 100])
def test_what_is_not_there_is_empty(text: str) -> None:
    assert passages(text, "nobody", ("finance",)) == ""
