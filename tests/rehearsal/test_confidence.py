"""Tests of a policy whose gates ask how sure an answer is: sure unless the test says otherwise."""

from typing import Any

import pytest
from tests.rehearsal.policies import POLICY, complaints, one

SURE = POLICY.replace(
    "gates:\n",
    """gates:
  - {name: weighed, stage: output, when: 'confidence < 0.75', confidence: {from: "FROM", unknown: review}, reviewers: people}
""",
)
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("logprobs", {}, {"gates": [], "status": 200}),
    ("logprobs", {"openai": {"logprobs": 0.5}}, {"gates": ["weighed"]}),
    ("logprobs", {"openai": {"logprobs": "missing"}}, {"gates": ["weighed"]}),
    ("json:/sure", {"openai": {"json": {"sure": 0.9}}}, {"gates": []}),
    ("json:/sure", {}, {"gates": ["weighed"]}),
    ("judge:claude", {}, {"gates": [], "status": 200, "model": "gpt-4o-mini", "provider": "openai", "tier": 1, "trigger": ""}),
    ("judge:claude", {"anthropic": {"text": "0.3"}}, {"gates": ["weighed"], "model": "gpt-4o-mini"}),
    ("judge:mistral", {"lab": {"status": 503}}, {"gates": ["weighed"], "model": "gpt-4o-mini"}),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("source", "providers", "expect"), CASES)
def test_confidence(source: str, providers: dict[str, Any], expect: dict[str, Any], stream: bool) -> None:
    item = one({"stream": stream}, expect, SURE.replace("FROM", source), **providers)
    assert complaints(item) == []
    assert item.passed
