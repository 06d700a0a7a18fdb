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
