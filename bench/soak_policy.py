"""What the soak runs under: a policy that uses everything this build has, changed a little each time, and what its provider answers."""

import json
from types import MappingProxyType
from typing import Any, Final

from orchvynt.testing.scripted import ScriptedProvider

ENVIRONMENT: Final = MappingProxyType(
    {
        "SOAK_API_KEY": "sk-soak-0123456789abcdef",
        "SOAK_HOOK_SECRET": "whsec_c29hay1zb2FrLXNvYWstc29hay1zb2FrLXNvYWs=",
        "SOAK_SEALING_SECRET": "0f" * 32,
    }
)
KEYS: Final = ("team", "batch")
PEOPLE: Final = ("ana@example.com", "ben@example.com", "cleo@example.com")
EXPIRES_S: Final = 20
FLOWS: Final = 20
# What reads long answers, and spends from none of the budgets that are for short ones.
READING: Final = "reading"
WORDS: Final = "Explain in two sentences what a ledger is for, and list three things that whoever keeps one gets from it. "
ANSWER: Final = "A ledger is a book that never forgets what was written into it, whoever closes it and however suddenly it happens. " * 3

# By a word of the last user turn: one request chooses what it meets, whichever of the providers is asked.
SCRIPT: Final[dict[str, Any]] = {
    "answers": [
        {"match": {"provider": "openai", "last_user": {"contains": "busy"}}, "fault": {"status": 429, "retry_after": 1}},
        {"match": {"provider": "openai", "last_user": {"contains": "broken"}}, "fault": {"status": 500}},
        {"match": {"provider": "openai", "last_user": {"contains": "garbled"}}, "fault": "bad_json"},
        {"match": {"provider": "openai", "last_user": {"contains": "vanished"}}, "fault": "close_before_byte"},
        {
            "match": {"provider": "openai", "last_user": {"contains": "severed"}, "stream": True},
            "text": ANSWER,
            "frames": 12,
            "fault": {"cut_after": 5},
        },
        {"match": {"last_user": {"contains": "hopeless"}}, "fault": {"status": 503}},
        {"match": {"last_user": {"contains": "refund"}}, "tool_calls": [{"name": "refund", "arguments": {"amount": 900}}]},
        {"match": {"last_user": {"contains": "doubtful"}}, "text": ANSWER, "logprobs": 0.4},
        {"match": {"last_user": {"contains": "account"}}, "text": "It is DE89 3704 0044 0532 0130 00."},
        {"match": {"last_user": {"contains": "slowly"}}, "text": ANSWER, "frames": 20, "frame_interval": "100ms"},
        {"match": {"last_user": {"contains": "at length"}}, "text": ANSWER * 1_000, "frames": 64},
        {"match": {}, "text": ANSWER, "latency": "20ms", "frames": 16, "frame_interval": "5ms"},
    ]
}


def policy(provider: ScriptedProvider, hooks_port: int, turn: int) -> str:
    """The policy of one turn: it has some rules more or less than the one before, and other limits."""
    rules = "\n".join(
        f"    - {{name: flow-{number}, when: 'workflow == \"flow-{number}\"', use: {'gpt-4o' if number % 2 else 'small'}}}"
        for number in range(FLOWS - turn % 5)
    )
    return f"""
version: 1
timezone: Europe/Berlin
{_served(provider)}
routing:
  rules:
{rules}
    - name: good-enough
      when: 'workload == "synthesis"'
      choose: {{from: [gpt-4o, claude, small], where: 'quality >= 0.7 && p95_ms < 8000', prefer: cost}}
    - {{name: by-run, when: 'workload == "comparison"', split: {{gpt-4o: 70%, claude: 30%}}, sticky: run}}
  default: small
{_rescued()}
{_paid_for(turn)}
{_reviewed()}
{_called(hooks_port)}
"""


def _served(provider: ScriptedProvider) -> str:
    kinds = {"openai": "openai", "spare": "openai-compatible", "anthropic": "anthropic", "lab": "ollama"}
    addresses = {
        name: provider.base_url(name, "openai" if kind.startswith("openai") else "anthropic" if kind == "anthropic" else "ollama")
        for name, kind in kinds.items()
    }
    more = 'api_key: "${env:SOAK_API_KEY}"'
    providers = ", ".join(f"{name}: {{kind: {kind}, base_url: {json.dumps(addresses[name])}, {more}}}" for name, kind in kinds.items())
    return f"""
providers: {{{providers}}}
models:
  gpt-4o: {{provider: openai, quality: {{default: 0.88, classification: 0.95}}, expect: {{p95: 4s}}, price: {{input: 2.50, output: 10}}}}
  gpt-4o-mini: {{provider: spare, quality: 0.79, aliases: [small], price: {{input: 0.15, output: 0.60}}}}
  claude: {{provider: anthropic, model: claude-sonnet-4-5, quality: 0.91, region: eu, price: {{input: 3, output: 15}}}}
  local: {{provider: lab, model: local-model, quality: 0.62, region: eu, price: free}}
  "claude-*": {{provider: anthropic, price: {{input: 3, output: 15}}}}
constraints: [{{when: 'context.residency == "eu"', regions: [eu]}}]"""


def _rescued() -> str:
    triggers = "rate_limit, quota, overloaded, server_error, auth, timeout, connection, malformed, stall, cut, context_length"
    return f"""
fallback:
  retry: {{max_retries: 1, backoff: {{base: 20ms, max: 200ms}}}}
  timeouts: {{connect: 2s, first_token: 15s, stall: 10s, answer: 30s, invocation: 60s}}
  breaker: {{window: 10s, open_for: 2s}}
  chains:
    default: {{tiers: [gpt-4o, claude, local], triggers: [{triggers}], latency_p99: 20s, mid_stream: continue}}
    short: {{tiers: [small, local], triggers: [rate_limit, status_503]}}
  use: [{{when: 'workflow == "triage"', chain: short}}]
  alerts: [{{when: 'activation_rate > 0.05', window: 1m, notify: [hook], repeat: 1m}}]"""


def _paid_for(turn: int) -> str:
    short = f"when: 'workflow != \"{READING}\"'"
    return f"""
budgets:
  - {{name: by-customer, by: context.customer, {short}, limit: {{tokens: {4_000 + turn % 3}, usd: 1}}, window: minute, wait_for_holds: 1s}}
  - {{name: by-session, scope: session, {short}, limit: {{tokens: 6000}}, on_breach: {{downgrade: small}}, idle: 2m}}
  - {{name: by-run, scope: run, limit: {{usd: 1, invocations: 200, depth: 8, same_prompt: 100}}, idle: 2m}}
  - {{name: by-flow, scope: workflow, limit: {{usd: 100}}, window: rolling 10m, alert_at: [1%], notify: [hook]}}
  - {{name: one-call, scope: invocation, limit: {{usd: 0.10}}, on_breach: clamp}}
  - name: projects
    by: context.project
    when: 'context.project != null'
    limit: {{tokens: 1500}}
    window: minute
    on_breach: {{review: {{reviewers: people, grant: [2000]}}}}
  - {{name: company, scope: global, limit: {{usd: 100000}}, window: month, alert_at: [50%], notify: [hook]}}
rate_limits:
  - {{name: by-agent, scope: agent, limit: {{invocations: 120, concurrent: 50}}, window: minute}}
  - {{name: all, scope: global, limit: {{tokens: 100000000}}, window: minute}}"""


def _reviewed() -> str:
    escalation = f"escalation: [{{after: 5s, to: heads}}, {{after: {EXPIRES_S}s, do: reject}}]"
    output = f"stage: output, reviewers: people, {escalation}, claim_for: 1m"
    return f"""
gates:
  - {{name: asked, stage: input, when: '"asked" in flags', reviewers: people, {escalation}, wait: {{up_to: 10s}}, claim_for: 1m}}
  - {{name: later, {output}, when: '"later" in flags', wait: {{up_to: 0s}}, remind: [3s], notify: [hook]}}
  - {{name: held, {output}, when: '"held" in flags', wait: {{up_to: 10s}}}}
  - {{name: four-eyes, {output}, when: '"four-eyes" in flags', quorum: 2, require_reason: true, wait: {{up_to: 5s}}}}
  - name: doubtful
    stage: output
    when: '"sure" in flags && confidence < 0.5'
    confidence: {{from: logprobs, unknown: pass}}
    reviewers: people
    {escalation}
    on_reject: message
    wait: {{up_to: 5s}}
    claim_for: 1m
  - {{name: personal, {output}, when: 'output.tokens < 60 && detects("iban")', not_requester: true, wait: {{up_to: 5s}}}}
  - name: tools
    stage: tool_call
    when: 'tool.name == "refund"'
    reviewers: people
    {escalation}
    on_reject: message
    wait: {{up_to: 5s}}
    claim_for: 1m
  - {{name: looked-at, stage: output, sample: 1%, mode: after_delivery, reviewers: people, {escalation}}}
groups: {{people: {{members: [{PEOPLE[0]}, {PEOPLE[1]}]}}, heads: {{members: [{PEOPLE[2]}]}}}}
protected: {{gates: [four-*], approvers: {{group: heads}}}}"""


def _called(hooks_port: int) -> str:
    hook = f'"http://127.0.0.1:{hooks_port}/told"'
    secret = json.dumps("${env:SOAK_HOOK_SECRET}")
    return f"""
keys:
  - {{name: {KEYS[0]}, owner: owner@example.com, fixed: {{flags: [known]}}, webhook: {{url: {hook}, secret: {secret}}}}}
  - {{name: {KEYS[1]}, owner: {PEOPLE[1]}, fixed: {{workload: batch}}, may_set: [agent, run, session, workflow, flags, context]}}
notify: {{hook: {{webhook: {hook}, secret: {secret}, digest: 5s}}}}
journal: {{keep_evidence: {{for: 1m, key: {json.dumps("${env:SOAK_SEALING_SECRET}")}}}}}"""
