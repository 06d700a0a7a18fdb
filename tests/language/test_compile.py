"""What a policy becomes: the snapshot's values, its name by meaning, its warnings; and that no secret is ever shown."""

import pytest
from tests.language.policies import SMALL, WHOLE, changed

from orchvynt.language.addresses import AddressError, parse_address
from orchvynt.language.compile import load, secret_names, secret_refs
from orchvynt.language.patterns import base_url, matched
from orchvynt.language.snapshot import Escalation, Limits, SecretRef, Snapshot
from orchvynt.model.money import FREE, Price

MINUTE = 60 * 10**9


def _compiled(text: str) -> Snapshot:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot


def test_the_whole_policy_as_values() -> None:
    snapshot = _compiled(WHOLE)
    assert snapshot.version == 0
    assert snapshot.source == WHOLE
    assert list(snapshot.models) == ["gpt-4o", "gpt-4o-mini", "claude", "mistral", "custom"]
    assert snapshot.aliases == {"small": "gpt-4o-mini"}
    assert [pattern for pattern, _ in snapshot.patterns] == ["claude-*"]
    assert [(rule.name, rule.use) for rule in snapshot.rules] == [("cheap", "gpt-4o-mini"), ("careful", "custom")]
    assert snapshot.default == "gpt-4o-mini"
    assert snapshot.chains["default"].tiers == ("gpt-4o", "claude", "mistral")
    assert "status_503" in snapshot.chains["default"].triggers
    assert snapshot.retry.backoff_base_ns == 250_000_000
    assert snapshot.timeouts.invocation_ns == 5 * MINUTE


def test_models_and_providers_as_values() -> None:
    snapshot = _compiled(WHOLE)
    gpt = snapshot.models["gpt-4o"]
    assert (gpt.quality, gpt.quality_by_workload) == (0.88, {"classification": 0.95})
    assert gpt.price is not None
    assert gpt.price.source.startswith("genai-prices ")
    assert (gpt.context_window, gpt.max_output_tokens) == (128_000, 16_384)
    assert snapshot.models["claude"].upstream_model == "claude-sonnet-4-5"
    assert snapshot.models["mistral"].price is FREE
    custom = snapshot.models["custom"]
    assert custom.price == Price(400_000_000, 800_000_000, 100_000_000, "policy")
    assert (custom.context_window, custom.max_output_tokens) == (32_768, 0)
    spare = snapshot.providers["spare"]
    assert (spare.host, spare.port, spare.tls, spare.path_prefix, spare.wire) == ("llm.example", 443, True, "/v1", "openai_chat")
    assert spare.api_key == SecretRef("file", "/run/secrets/spare")
    assert base_url(snapshot.providers["openai"]) == "https://api.openai.com/v1"
    assert base_url(snapshot.providers["anthropic"]) == "https://api.anthropic.com"
    assert base_url(snapshot.providers["lab"]) == "http://gpu-1:11434"


def test_budgets_and_gates_as_values() -> None:
    snapshot = _compiled(WHOLE)
    first, second = snapshot.budgets
    assert (first.limits.nanos, first.limits.tokens, first.window, first.scope) == (2_500_000_000, None, "day", "workflow")
    assert second.limits == Limits(5000 * 10**9, 90_000_000)
    assert (second.wait_for_holds_ns, second.min_output_tokens) == (5 * 10**9, 32)
    gate = snapshot.gates[0]
    assert gate.escalation == (Escalation(60 * MINUTE, ""),)
    assert (gate.wait_up_to_ns, gate.require_reason, gate.refuse_streams) == (None, True, False)
    assert snapshot.groups["finance"].members == ("ana@example.com", "ben@example.com")


def test_what_is_left_out_has_a_default() -> None:
    snapshot = _compiled(SMALL + "budgets: [{name: all, scope: run, limit: {tokens: 100}}]\n")
    budget = snapshot.budgets[0]
    assert (budget.window, budget.when, budget.wait_for_holds_ns, budget.min_output_tokens) == ("lifetime", None, 30 * 10**9, 16)
    assert snapshot.timeouts.first_token_ns == 15 * 10**9
    assert snapshot.unknown_model == "refuse"
    assert base_url(snapshot.providers["lab"]) == "http://127.0.0.1:11434"


def test_a_sum_passes_through_no_float() -> None:
    snapshot = _compiled(SMALL + "budgets: [{name: all, scope: run, limit: {usd: 0.000000001}}]\n")
    assert snapshot.budgets[0].limits.nanos == 1


def test_the_digest_names_the_meaning() -> None:
    digest = _compiled(WHOLE).digest
    assert len(digest) == 64
    same = [
        "# a comment\n" + WHOLE,
        changed("aliases: [small]", "aliases: [  small ]"),
        changed("triggers: [rate_limit, quota, ", "triggers: [quota, rate_limit, "),
        changed("unknown_model: refuse\n", "\n"),
        changed("respect_retry_after: 20s", "respect_retry_after: 20000ms"),
        changed("usd: 2.50", "usd: 2.5"),
        changed("{kind: ollama,    base_url", "{base_url").replace('"http://gpu-1:11434"}', '"http://gpu-1:11434", kind: ollama}'),
        changed("{kind: anthropic, api", '{kind: anthropic, base_url: "https://api.anthropic.com/", api'),
    ]
    for text in same:
        assert _compiled(text).digest == digest, text
    different = [
        changed("usd: 2.50", "usd: 2.51"),
        changed("use: small", "use: gpt-4o"),
        changed("quality: 0.79", "quality: 0.8"),
        changed("gpu-1", "gpu-2"),
        changed("OPENAI_API_KEY", "OPENAI_TOKEN"),
        changed('workload == "classification"', 'workload == "extraction"'),
        changed("sync: process", "sync: power"),
    ]
    assert len({_compiled(text).digest for text in different} | {digest}) == len(different) + 1


def _warnings(text: str) -> list[str]:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    assert all(problem.severity == "warning" for problem in loaded.problems)
    return [f"{problem.line}:{problem.column} {problem.message}" for problem in loaded.problems]


def test_warnings_name_what_callers_may_omit() -> None:
    assert _warnings(WHOLE) == ["30:49 budget `doc-analysis` depends only on what callers may omit: workflow"]
    gate = changed('"financial-action" in flags || output.text.contains("wire transfer")', 'context.a == 1 || "x" in flags')
    assert "35:11 gate `financial-decision` depends only on what callers may omit: context.a, flags" in _warnings(gate)


def test_warnings_name_what_does_nothing() -> None:
    unused = changed("tiers: [gpt-4o, claude, mistral]", "tiers: [gpt-4o]")
    assert "11:3 nothing uses the model `claude`: no rule, no tier and no default" in _warnings(unused)
    assert _warnings(SMALL.replace("  lab:", "  spare: {kind: openai}\n  lab:")) == ["3:3 the provider `spare` serves no model"]
    assert _warnings(SMALL + "groups: {ops: {oidc: ops}}\n") == ["8:10 no gate asks the group `ops`"]


def test_warnings_of_addresses_and_keys() -> None:
    assert _warnings(SMALL.replace("{kind: ollama}", '{kind: ollama, base_url: "http://gpu/api"}'))[0].startswith(
        "3:33 the address ends with /api"
    )
    clear = SMALL.replace("{kind: ollama}", '{kind: openai-compatible, base_url: "http://gpu/v1", api_key: "${env:GPU_TOKEN}"}')
    assert _warnings(clear) == ["3:44 the credential goes over the network in clear text"]
    named = changed('workload == "classification"', 'key.name == "x"')
    assert any('`key.name` is "" for every caller' in warning for warning in _warnings(named))


def test_secrets_are_references() -> None:
    snapshot = _compiled(WHOLE)
    assert secret_names(snapshot) == ("${env:ANTHROPIC_API_KEY}", "${env:OPENAI_API_KEY}", "${file:/run/secrets/spare}")
    assert secret_refs(snapshot)[0] == SecretRef("env", "ANTHROPIC_API_KEY")


SECRET = "hunter2-Zq81kfLw93mmX"


@pytest.mark.parametrize(
    "text",
    [
        changed('"${env:OPENAI_API_KEY}"', SECRET),
        changed('"${env:OPENAI_API_KEY}"', f'"{SECRET}"').replace("kind: openai, ", "kind: opnai, "),
        changed('"${env:OPENAI_API_KEY}"}', f'"{SECRET}", api_key: "{SECRET}"}}'),
        changed('api_key: "${env:OPENAI_API_KEY}"', f"api_kye: {SECRET}"),
        changed('api_key: "${env:OPENAI_API_KEY}"', f'base_url: "https://me:{SECRET}@host/v1"'),
        changed('"${env:OPENAI_API_KEY}"}', f"{SECRET}"),
        changed('"${env:OPENAI_API_KEY}"}', f'"{SECRET}" x}}'),
        changed('"${env:OPENAI_API_KEY}"}', f"{SECRET}}}}}"),
        changed('"${env:OPENAI_API_KEY}"', f"[{SECRET}]"),
        changed('"${env:OPENAI_API_KEY}"', f"{{value: {SECRET}}}"),
        changed(
            '  openai:    {kind: openai,    api_key: "${env:OPENAI_API_KEY}"}',
            f"  openai:\n    kind: openai\n    api_key: |\n      {SECRET}\n",
        ),
        changed("journal: {", f"notify: {{oncall: {{secret: {SECRET}, wbhook: x}}}}\njournal: {{"),
        changed("provider: lab", f"provider: lab, token: {SECRET}"),
    ],
)
def test_a_literal_secret_is_refused_and_never_shown(text: str) -> None:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is None
    for problem in loaded.problems:
        assert SECRET not in problem.text, problem.text


def test_the_code_word_for_a_literal() -> None:
    loaded = load(changed('"${env:OPENAI_API_KEY}"', SECRET), "p.yaml")
    assert loaded.problems[0].message.startswith("secret_literal: ")


def test_a_pattern_under_a_money_budget() -> None:
    """Priced vendors are looked up when a name matches; elsewhere nothing a pattern matches could ever be priced."""
    _compiled(WHOLE)
    loaded = load(changed('"claude-*":  {provider: anthropic}', '"llama*":  {provider: lab}'), "p.yaml")
    assert any("whatever `llama*` matches has no known price" in problem.message for problem in loaded.problems)
    _compiled(changed('"claude-*":  {provider: anthropic}', '"llama*":  {provider: lab, price: free}'))


def test_without_a_money_budget_no_price_is_needed() -> None:
    assert _compiled(SMALL.replace(", price: free", "")).models["mistral"].price is None


def test_what_a_pattern_matches_is_priced_by_its_own_name() -> None:
    template = _compiled(WHOLE).patterns[0][1]
    model = matched(template, "claude-haiku-4-5")
    assert (model.name, model.upstream_model) == ("claude-haiku-4-5", "claude-haiku-4-5")
    assert model.price is not None
    assert model.max_output_tokens == 64_000
    assert matched(template, "claude-of-tomorrow-99").price is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.openai.com/v1", ("api.openai.com", 443, True, "/v1")),
        ("http://127.0.0.1:8080/", ("127.0.0.1", 8080, False, "")),
        ("http://[::1]:8080/a/b/", ("::1", 8080, False, "/a/b")),
        ("HTTPS://Host.Example:8443", ("host.example", 8443, True, "")),
    ],
)
def test_addresses(url: str, address: tuple[str, int, bool, str]) -> None:
    found = parse_address(url)
    assert (found.host, found.port, found.tls, found.path_prefix) == address


@pytest.mark.parametrize(
    "url",
    ["", "api.openai.com", "file:///etc/passwd", "http://", "http://a b", "http://a\r\nx", "http://u:p@h", "http://h?x", "http://h#x",
     "http://h:0", "http://h:70000", "http://h:x", "http://[::1", "http://-h", "http://é", "http://h/../x", "http://h/ö", "//h", "http://h/a\\b"],
)  # fmt: skip
def test_addresses_that_are_refused_unquoted(url: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse_address(url)
    assert "u:p" not in str(refused.value)


def test_positions_inside_other_quotes() -> None:
    for written, place in (
        ("\"workload == 'é' && wrkload\"", "17:47"),
        ("'workload == ''x'' && wrkload'", "17:49"),
        ('"workload == \\"x\\" && wrkload"', "17:49"),
        ("stream && wrkload", "17:37"),
    ):
        problem = load(changed("'workload == \"classification\"'", written), "p.yaml").problems[0]
        assert f"{problem.line}:{problem.column}" == place, problem.text
    block = changed(
        "    - {name: cheap, when: 'workload == \"classification\"', use: small}",
        "    - name: cheap\n      when: |\n        stream\n        && wrkload\n      use: small",
    )
    problem = load(block, "p.yaml").problems[0]
    assert f"{problem.line}:{problem.column}" == "20:12", problem.text


def test_budget_windows_follow_the_policys_timezone() -> None:
    text = changed("version: 1", "version: 1\ntimezone: Europe/Berlin", SMALL)
    loaded = load(text + "\nbudgets: [{name: daily, scope: global, limit: {tokens: 100}, window: day}]\n", "p.yaml")
    assert loaded.snapshot is not None, loaded.problems
    assert loaded.snapshot.budgets[0].timezone == "Europe/Berlin"
