"""A policy that uses everything this build has, and how tests change one line of it."""

WHOLE = """\
version: 1
timezone: UTC
providers:
  openai:    {kind: openai,    api_key: "${env:OPENAI_API_KEY}"}
  anthropic: {kind: anthropic, api_key: "${env:ANTHROPIC_API_KEY}"}
  lab:       {kind: ollama,    base_url: "http://gpu-1:11434"}
  spare:     {kind: openai-compatible, base_url: "https://llm.example/v1", api_key: "${file:/run/secrets/spare}"}
models:
  gpt-4o:      {provider: openai, quality: {default: 0.88, classification: 0.95}}
  gpt-4o-mini: {provider: openai, quality: 0.79, aliases: [small]}
  claude:      {provider: anthropic, model: claude-sonnet-4-5, quality: 0.91, region: eu}
  mistral:     {provider: lab, model: "mistral:7b", quality: 0.62, price: free}
  custom:      {provider: spare, model: x-70b, price: {input: 0.40, output: 0.80, cached_input: 0.10}, context_window: 32768}
  "claude-*":  {provider: anthropic}
routing:
  rules:
    - {name: cheap, when: 'workload == "classification"', use: small}
    - {name: careful, when: 'context.user_tier == "premium"', use: custom}
  default: gpt-4o-mini
  unknown_model: refuse
fallback:
  retry: {max_retries: 1, backoff: {base: 250ms, max: 8s}, respect_retry_after: 20s}
  timeouts: {connect: 2s, first_token: 15s, stall: 20s, answer: 60s, invocation: 300s}
  chains:
    default:
      tiers: [gpt-4o, claude, mistral]
      triggers: [rate_limit, quota, overloaded, server_error, status_503]
      mid_stream: fail
budgets:
  - {name: doc-analysis, scope: workflow, when: 'workflow == "doc-analysis"', limit: {usd: 2.50}, window: day, on_breach: reject}
  - {name: company, scope: global, limit: {usd: 5000, tokens: 90000000}, window: month, wait_for_holds: 5s, min_output_tokens: 32}
gates:
  - name: financial-decision
    stage: output
    when: '"financial-action" in flags || output.text.contains("wire transfer")'
    reviewers: finance
    require_reason: true
    wait: {up_to: auto}
    escalation: [{after: 60m, do: reject}]
    stream: hold
groups: {finance: {members: [ana@example.com, ben@example.com], oidc: finance-reviewers}}
journal: {keep_bodies: never, sync: process}
outage: {budgets: {closed_after: 20s}, gates: closed, journal: {buffer: 5000}}
"""

SMALL = """\
version: 1
providers:
  lab: {kind: ollama}
models:
  mistral: {provider: lab, price: free}
routing:
  default: mistral
"""


def changed(old: str, new: str, text: str = WHOLE) -> str:
    """The policy with one piece of text replaced; the piece must be there."""
    assert old in text, old
    return text.replace(old, new, 1)


RICH = """\
version: 1
timezone: Europe/Berlin
providers:
  openai:    {kind: openai, api_key: "${env:OPENAI_API_KEY}"}
  anthropic: {kind: anthropic, api_key: "${env:ANTHROPIC_API_KEY}"}
  lab:       {kind: ollama, base_url: "http://gpu-1:11434"}
models:
  gpt-4o:      {provider: openai, quality: {default: 0.88, classification: 0.95}, expect: {p50: 1s, p95: 4s}}
  gpt-4o-mini: {provider: openai, quality: 0.79, expect: {p95: 2s}, aliases: [small]}
  claude:      {provider: anthropic, model: claude-sonnet-4-5, quality: 0.91, region: eu}
  mistral:     {provider: lab, model: "mistral:7b", quality: 0.62, price: free, region: eu, capabilities: {tools: false, images: false}}
  "claude-*":  {provider: anthropic}
routing:
  rules:
    - {name: cheap, when: 'workload == "classification"', use: small}
    - name: quality-floor
      when: 'workload == "synthesis" && context.user_tier == "premium"'
      choose: {from: [gpt-4o, claude, gpt-4o-mini], where: 'quality >= 0.85 && p95_ms < 8000', prefer: cost}
    - name: validate-claude
      when: 'workflow == "doc-analysis"'
      split: {gpt-4o: 70%, claude: 30%}
      sticky: run
  default: gpt-4o-mini
budgets:
  - {name: daily, scope: workflow, when: 'workflow == "doc-analysis"', limit: {usd: 2.50}, window: day}
gates:
  - {name: money, stage: output, when: '"financial-action" in flags', reviewers: finance, quorum: 1}
groups: {finance: {members: [ana@example.com, ben@example.com]}}
keys:
  - name: doc-team
    owner: docs-lead@example.com
    fixed: {workflow: doc-analysis, context: {team: docs, level: 2}, flags: [audited], min_quality: 0.5}
    may_set: [agent, run, session, workload, flags, context.customer]
    require: [run, context.customer]
    allow_models: [gpt-4o, claude, "claude-*"]
  - name: ops
constraints:
  - {when: 'context.residency == "eu"', regions: [eu]}
journal: {keep_bodies: never, sync: power}
telemetry: {metrics: false}
enforce: true
tests:
  - name: classification is cheap
    given: {workload: classification, messages: [{role: user, content: "spam or not?"}], key: ops, at: 2026-03-02T14:00}
    expect: {model: small, rule: cheap, gates: [], budgets: [], tier: 1}
  - name: an outage of openai
    given: {model: gpt-4o, messages: [{role: user, content: null}], min_quality: 0.9}
    providers: {openai: {status: 503, retry_after: 20s}, anthropic: {text: hello, latency: 250ms}}
    expect: {model: claude, provider: anthropic, trigger: server_error, rejected: [mistral], status: 200}
"""
"""What routing, keys, constraints and tests can say."""

LATER = """\
version: 1
providers: {openai: {kind: openai, api_key: "${env:OPENAI_API_KEY}"}}
models: {gpt-4o: {provider: openai, continues: prefill}, gpt-4o-mini: {provider: openai}}
routing:
  rules:
    - name: rollout
      when: 'workflow == "support"'
      canary:
        stable: gpt-4o-mini
        candidate: gpt-4o
        steps: [{weight: 5%, for: 30m}, {weight: 30%, for: 2h}, {weight: 100%}]
        min_calls: 50
        abort_if: ['error_rate > 0.02', 'p95_ms > 1.3 * stable.p95_ms']
    - {name: shadowed, when: 'workload == "x"', use: gpt-4o-mini, shadow: {model: gpt-4o, sample: 10%}, enforce: observe}
fallback:
  retry: {budget: 10%}
  breaker: {window: 30s, min_calls: 10, error_rate: 50%, open_for: 15s, probes: 2}
  chains:
    default: {tiers: [gpt-4o], triggers: [rate_limit, latency, policy], latency_p99: 9s, mid_stream: continue}
    cheap: {tiers: [gpt-4o-mini]}
  use: [{when: 'workflow == "triage"', chain: cheap}]
  alerts: [{when: 'activation_rate > 0.1', window: 5m, notify: [oncall]}]
budgets:
  - {name: session, scope: session, limit: {tokens: 10000}, on_breach: {downgrade: gpt-4o-mini, ceiling: {tokens: 20000}}}
  - {name: run, scope: run, limit: {usd: 1, invocations: 200, depth: 8, same_prompt: 5}, on_breach: {review: {reviewers: leads, grant: [1, 5]}}}
  - {name: customer, by: 'context.customer', limit: {usd: 20}, window: rolling 24h, missing: refuse, was: former}
  - {name: company, scope: global, limit: {input_tokens: 5, output_tokens: 5}, alert_at: [50%, 80%], notify: [oncall], on_breach: alert, enforce: observe}
rate_limits:
  - {name: per-agent, scope: agent, limit: {invocations: 60, tokens: 200000, concurrent: 10}, window: minute, enforce: observe}
gates:
  - name: financial
    stage: output
    when: 'confidence < 0.75 || detects("iban") || unusual'
    confidence: {from: "judge:gpt-4o-mini", unknown: review}
    reviewers: leads
    quorum: 2
    not_requester: true
    escalation: [{after: 60m, to: heads}, {after: 120m, do: reject}]
    require_reason: true
    notify: [oncall]
    sample: 5%
    mode: after_delivery
    enforce: observe
  - {name: asked, stage: input, when: 'input.images > 0', reviewers: leads}
  - {name: tools, stage: tool_call, when: 'tool.name in ["refund"]', reviewers: leads}
groups: {leads: {members: [a@x.y, b@x.y]}, heads: {oidc: heads}}
keys: [{name: team, owner: c@x.y}]
notify:
  oncall: {webhook: "https://hooks.example/oncall", secret: "${env:HOOK_SECRET}"}
  chat:   {slack: {channel: "#ai", token: "${env:SLACK_TOKEN}", signing_secret: "${env:SLACK_SIGNING_SECRET}"}}
  mail:   {email: {to: [finance@example.com], smtp: "${env:SMTP_URL}"}}
journal: {keep_records: 400d}
telemetry: {otlp: "${env:OTEL_EXPORTER_OTLP_ENDPOINT}"}
passthrough: [{path: /v1/audio/speech, provider: openai, price: 0.01}]
protected: {gates: ["fin*"], budgets: [company], approvers: {group: leads, quorum: 1, not_author: true}}
enforce: observe
"""  # noqa: E501 - a budget with every limit is one line
"""What this build checks and then refuses: every such field and word, each of them right."""
