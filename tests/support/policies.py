"""Policies for end-to-end tests, over the scripted provider's virtual providers."""

from orchvynt.testing.scripted import ScriptedProvider

TRIGGERS = "rate_limit, quota, overloaded, server_error, auth, timeout, connection, malformed, stall, cut, context_length"


def three_tiers(provider: ScriptedProvider, more: str = "", fallback: str = "", tiers: str = "gpt-4o, claude, local") -> str:
    """gpt-4o at "openai", claude at "anthropic", local at an Ollama; all of them the scripted provider."""
    return f"""
version: 1
providers:
  openai:    {{kind: openai, base_url: "{provider.base_url("openai")}", api_key: "${{env:TEST_API_KEY}}"}}
  anthropic: {{kind: anthropic, base_url: "{provider.base_url("anthropic", "anthropic")}", api_key: "${{env:TEST_API_KEY}}"}}
  local:     {{kind: ollama, base_url: "{provider.base_url("local", "ollama")}"}}
models:
  gpt-4o: {{provider: openai, price: {{input: 2.50, output: 10}}, aliases: [big]}}
  claude: {{provider: anthropic, model: claude-sonnet-4-5, price: {{input: 3, output: 15}}}}
  local:  {{provider: local, model: local-model, price: free}}
routing: {{default: gpt-4o}}
fallback:
  retry: {{max_retries: 1, backoff: {{base: 20ms, max: 200ms}}}}
{fallback}
  chains: {{default: {{tiers: [{tiers}], triggers: [{TRIGGERS}]}}}}
{more}
"""


GROUPS = "groups: {people: {members: [ana@example.com]}}\n"


def gate(up_to: str = "20s", escalation: str = "") -> str:
    """A gate on every answer that carries the flag `review`."""
    return f"""
gates:
  - name: reviewed
    stage: output
    when: '"review" in flags'
    reviewers: people
    require_reason: true
    wait: {{up_to: {up_to}}}
{escalation}
{GROUPS}"""
