"""Policies with tests in them, as text: the policy of the tests here, and how a test is put under it."""

import json
from typing import Any

from orchvynt.assembly.rehearsing import run
from orchvynt.surfaces.rehearsed import Rehearsal, Rehearsed

FILE = "orchvynt.yaml"
POLICY = """\
version: 1
timezone: Europe/Berlin
providers:
  openai:    {kind: openai,    api_key: "${env:OPENAI_API_KEY}"}
  anthropic: {kind: anthropic, api_key: "${env:ANTHROPIC_API_KEY}"}
  second:    {kind: openai,    api_key: "${file:/run/secrets/second}"}
  lab:       {kind: ollama,    base_url: "http://gpu-1:11434"}
models:
  gpt-4o:      {provider: openai, price: {input: 2.50, output: 10}, quality: 0.88, expect: {p95: 4s}}
  gpt-4o-mini: {provider: openai, price: {input: 0.15, output: 0.60}, quality: 0.79, expect: {p95: 2s}, aliases: [small]}
  claude:      {provider: anthropic, model: claude-sonnet-4-5, price: {input: 3, output: 15}, quality: 0.91, region: eu}
  spare:       {provider: second, model: gpt-4o, price: {input: 2.50, output: 10}}
  mistral:     {provider: lab, model: "mistral:7b", quality: 0.62, price: free}
routing:
  rules:
    - {name: cheap, when: 'workload == "classification"', use: gpt-4o-mini}
    - name: floor
      when: 'workload == "synthesis"'
      choose: {from: [gpt-4o, claude, gpt-4o-mini], where: 'quality >= 0.85 && p95_ms < 8000', prefer: cost}
    - {name: halves, when: 'workflow == "halves"', split: {gpt-4o: 50%, claude: 50%}, sticky: run}
    - {name: night, when: 'now.hour < 6', use: mistral}
  default: gpt-4o-mini
fallback:
  retry: {max_retries: 1, backoff: {base: 250ms, max: 8s}, respect_retry_after: 20s}
  timeouts: {connect: 2s, first_token: 15s, stall: 20s, answer: 300s, invocation: 3000s}
  chains:
    default:
      tiers: [gpt-4o, claude, mistral]
      triggers: [rate_limit, quota, overloaded, server_error, auth, timeout, connection, malformed, stall, cut, context_length]
budgets:
  - {name: tiny, scope: workflow, when: 'workflow == "tiny"', limit: {tokens: 20}, window: day, on_breach: reject}
  - {name: small, scope: workflow, when: 'workflow == "small"', limit: {tokens: 200}, window: day, on_breach: reject}
gates:
  - {name: financial, stage: output, when: '"financial" in flags', reviewers: people, escalation: [{after: 5m, do: reject}]}
  - {name: unsure, stage: output, when: '"judged" in flags && output.text == "hm"', reviewers: people}
groups: {people: {members: [ana@example.com]}}
"""


def with_tests(*tests: dict[str, Any], policy: str = POLICY) -> str:
    """The policy with these tests, each on a line of its own; JSON is YAML."""
    named = [{"name": f"test {number}", **test} for number, test in enumerate(tests)]
    return policy + "tests:\n" + "".join(f"  - {json.dumps(test)}\n" for test in named)


def rehearse(text: str, name: str = "") -> Rehearsal:
    return run(text, FILE, lambda test: name in test)


def one(given: dict[str, Any], expect: dict[str, Any], policy: str = POLICY, /, **providers: dict[str, Any]) -> Rehearsed:
    """What one test came to."""
    told = rehearse(with_tests({"given": given, "providers": providers, "expect": expect}, policy=policy))
    assert [problem.text for problem in told.problems if problem.severity == "error"] == []
    (item,) = told.items
    return item


def complaints(item: Rehearsed) -> list[str]:
    return [unmet.problem.text for unmet in item.unmet]
