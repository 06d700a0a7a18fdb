"""Broken policies: each is refused at its line and column, in words, with a suggestion where there is one."""

import pytest
from tests.language.policies import SMALL, WHOLE, changed

from orchvynt.language.compile import load

# what is replaced, by what, LINE:COL, a part of the message, a part of the help
BROKEN: list[tuple[str, str, str, str, str]] = [
    # the document
    ("version: 1\n", "", "1:1", "`version` is missing", "1"),
    ("version: 1", "version: 2", "1:10", "`2` is no version", "version: 1"),
    ("version: 1", "version: '1'", "1:10", "no version", "version: 1"),
    ("version: 1", "version: true", "1:10", "`true` is no version", ""),
    ("timezone: UTC", "timezone: Europe/Berlin", "2:11", "not supported yet: the timezone `Europe/Berlin`", "UTC"),
    ("budgets:", "bugdets:", "29:1", "unknown name `bugdets`", "Did you mean `budgets`?"),
    ("journal: {", "jornal: {", "42:1", "unknown name `jornal`", "`journal`"),
    ("sync: process", "sync: proces", "42:37", "`proces` is none of", "`process`"),
    ("keep_bodies: never", "keep_bodies: always", "42:24", "`always` cannot stand here", "never"),
    # providers
    ("kind: ollama", "kind: olama", "6:21", "`olama` is none of", "Did you mean `ollama`?"),
    ("{kind: ollama,    base_url", "{base_url", "6:3", "`kind` is missing", "API"),
    ('"${env:OPENAI_API_KEY}"', "sk-live-0123456789abcdef", "4:41", "secret_literal", "${env:NAME}"),
    ('"${env:OPENAI_API_KEY}"', '"${OPENAI_API_KEY}"', "4:41", "secret_literal", "${env:NAME}"),
    ("http://gpu-1:11434", "ftp://gpu-1", "6:42", "http:// or https://", "https://HOST"),
    ("http://gpu-1:11434", "http://me:pass@gpu-1", "6:42", "a user or a password", "api_key"),
    ("http://gpu-1:11434", "http://gpu-1/?a=b", "6:42", "a query or a fragment", "Remove it"),
    ("http://gpu-1:11434", "http://gpu-1:99999", "6:42", "cannot be read", "https://HOST"),
    ("http://gpu-1:11434", "http://gpu 1", "6:42", "a space", ""),
    ("http://gpu-1:11434", "http://gpu-1/../x", "6:42", "path", "percent-encoded"),
    ('base_url: "https://llm.example/v1", ', "", "7:3", "openai-compatible needs `base_url`", "/v1"),
    # models
    ("claude:      {provider: anthropic", "claude:      {provider: antropic", "11:27", "no provider `antropic`", "`anthropic`"),
    ("aliases: [small]", "aliases: [gpt-4o]", "10:60", "`gpt-4o` is a model already", "Remove"),
    ("region: eu}", "region: eu, aliases: [small]}", "11:101", "`small` is an alias of `gpt-4o-mini` already", ""),
    ("aliases: [small]", "aliases: [auto]", "10:60", "`auto` stands for", ""),
    ("quality: 0.79", "quality: 1.79", "10:44", "`1.79`", ""),
    ("quality: {default: 0.88, ", "quality: {", "9:44", "`quality` needs `default`", "default"),
    ("quality: 0.91", "qualty: 0.91", "11:64", "unknown name `qualty`", "`quality`"),
    ("price: free", "price: fre", "12:75", "`fre` is not a price", "`free`"),
    ("price: free", "price: {input: 1}", "12:75", "`output` is missing", ""),
    ("input: 0.40", "input: 0.40000000001", "13:63", "finer than a nano-dollar", "nine digits"),
    ("input: 0.40", "input: -1", "13:63", "negative", ""),
    ('  "claude-*":  {provider: anthropic}', '  "c*-*":  {provider: anthropic}', "14:3", "one `*`", ""),
    ('  "claude-*":  {provider: anthropic}', '  "c-*": {provider: anthropic, model: x}', "14:32", "a pattern asks for", "model"),
    ("  claude:      {", "  auto:      {", "11:3", "`auto` stands for", "another name"),
    ("context_window: 32768", "context_window: 0", "13:120", "between 1 and", ""),
    ("context_window: 32768", "context_window: many", "13:120", "a whole number, not `many`", ""),
    ("price: free}", "price: free, region: }", "12:81", "`region` has no value", ""),
    (", price: free", "", "12:3", "the price of model `mistral` is unknown, and the budget `doc-analysis`", "price: free"),
    # routing
    ("use: small", "use: smal", "17:64", "no model `smal`", "Did you mean `small`?"),
    ("use: custom", "use: claude-opus-4-1", "18:68", "no model `claude-opus-4-1`", ""),
    ("default: gpt-4o-mini", "default: gpt-4o-mni", "19:12", "no model `gpt-4o-mni`", "`gpt-4o-mini`"),
    ("  default: gpt-4o-mini\n", "  unknown_model: default\n", "19:18", "`unknown_model: default` needs a `default`", "Name one"),
    ("unknown_model: refuse", "unknown_model: reject", "20:18", "`reject` cannot stand here", "refuse, default"),
    ("name: careful", "name: cheap", "18:14", "a rule named `cheap` stands on line 17 already", ""),
    ("name: cheap, when: 'workload == \"classification\"', ", "name: cheap, ", "18:14", "rule `careful` is never reached", ""),
    ('context.user_tier == "premium"', 'workload == "classification"', "18:29", "`cheap` before it has the same condition", ""),
    ("when: 'workload == \"classification\"'", "when: 'false'", "17:27", "never true", "Remove"),
    ("when: 'workload == \"classification\"'", "when: true", "17:27", "`when` is text, not `true`", "quotes"),
    # expressions, pointed at within their quotes
    ('workload == "classification"', 'wrkload == "classification"', "17:28", "unknown name `wrkload`", "`workload`"),
    ('workload == "classification"', "workload == 5", "17:28", "a string is never equal to a number", ""),
    ('workload == "classification"', "workload", "17:28", "must be a boolean, not a string", '!= ""'),
    ('workload == "classification"', 'stream && key.nme == "x"', "17:38", "unknown name `key.nme`", "`key.name`"),
    ('workload == "classification"', 'workload = "x"', "17:37", "unexpected character `=`", "`==`"),
    ('workload == "classification"', 'workload == ""x""', "17:42", "unexpected `x`", ""),
    ('workload == "classification"', 'output.text == "x"', "17:28", "unknown name `output.text`", "stage output"),
    ('output.text.contains("wire transfer")', 'output.txt == "x"', "35:43", "unknown name `output.txt`", "`output.text`"),
    # fallback
    ("max_retries: 1", "max_retries: 99", "22:24", "between 0 and 10", ""),
    ("base: 250ms", "base: 9s", "22:36", "the first backoff is longer", "max"),
    ("respect_retry_after: 20s", "respect_retry_after: 20", "22:81", "`20` has no unit", "20s"),
    ("connect: 2s", "connect: 0s", "23:23", "more than zero", ""),
    ("stall: 20s", "stal: 20s", "23:45", "unknown name `stal`", "`stall`"),
    ("tiers: [gpt-4o, claude, mistral]", "tiers: [gpt-4o, cloud]", "26:23", "no model `cloud`", "`claude`"),
    ("tiers: [gpt-4o, claude, mistral]", "tiers: [gpt-4o-mini, small]", "26:28", "the model `gpt-4o-mini` is a tier already", ""),
    ("tiers: [gpt-4o, claude, mistral]", "tiers: []", "26:14", "`tiers` is empty", ""),
    ("status_503", "status_200", "27:63", "not the status of a failure", "400 to 599"),
    ("status_503", "status_400", "27:63", "never routed around", ""),
    ("status_503", "bad_request", "27:63", "never routed around", ""),
    ("status_503", "rate_limits", "27:63", "`rate_limits` is none of", "`rate_limit`"),
    ("status_503", "quota", "27:63", "`quota` stands twice", ""),
    # budgets
    ("scope: workflow", "scope: workflows", "30:33", "`workflows` is none of", "`workflow`"),
    ("limit: {usd: 2.50}", "limit: {}", "30:86", "the limit is empty", "usd"),
    ("limit: {usd: 2.50}", "limit: {usd: 0}", "30:92", "more than zero", ""),
    ("limit: {usd: 2.50}", "limit: {usd: 0.0000000001}", "30:92", "finer than a nano-dollar", ""),
    ("limit: {usd: 2.50}", 'limit: {usd: "2.50"}', "30:92", "`2.50` is not a number", "without quotes"),
    ("limit: {usd: 2.50}", "limit: {dollars: 2}", "30:87", "unknown name `dollars`", "usd"),
    ("limit: {usd: 2.50}, ", "", "30:6", "`limit` is missing", ""),
    ("window: day", "window: dayly", "30:107", "`dayly` is none of", "`day`"),
    ("name: company", "name: doc-analysis", "31:12", "a budget named `doc-analysis` stands on line 30", ""),
    ("tokens: 90000000", "tokens: 1.5", "31:63", "a whole number", ""),
    ("tokens: 90000000", "tokens: 16", "31:122", "more than the whole limit (16)", ""),
    # gates and groups
    ("reviewers: finance", "reviewers: finances", "36:16", "no group `finances`", "`finance`"),
    ("    reviewers: finance\n", "", "33:5", "`reviewers` is missing", ""),
    ("do: reject}]", "to: cfo}]", "39:35", "no group `cfo`", ""),
    ("do: reject}]", "to: finance}]", "39:35", "are the reviewers already", ""),
    ("do: reject}]", "do: reject, to: finance}]", "39:18", "either `do: reject` or `to: GROUP`", ""),
    ("require_reason: true", "require_reason: yes", "37:21", "true or false, not `yes`", ""),
    ("up_to: auto", "up_to: soon", "38:19", "`soon` is not a duration", "250ms"),
    ("{members: [ana@example.com, ben@example.com], oidc: finance-reviewers}", "{}", "41:10", "nobody in it", "members"),
    ("ben@example.com", "ana@example.com", "41:47", "`ana@example.com` stands twice", ""),
    ("region: eu", 'region: "${env:REGION}"', "11:87", "references are read in `api_key` only", ""),
    # YAML
    ("timezone: UTC", "\ttimezone: UTC", "2:1", "a tab cannot indent YAML", "spaces"),
    ("timezone: UTC", "timezone: UTC\ntimezone: UTC", "3:1", "`timezone` stands twice", ""),
    ("timezone: UTC", "timezone: @UTC", "2:11", "cannot begin with `@`", "quotes"),
    ("timezone: UTC", "timezone: !!str UTC\n---", "3:1", "a second document", ""),
    ("timezone: UTC", "timezone: *zone", "2:11", "the alias `*zone` stands for nothing", ""),
    ("providers:", "providers: {}\nprovider: [", "6:3", "YAML", ""),
]


@pytest.mark.parametrize(("old", "new", "place", "message", "help"), BROKEN, ids=[f"{row[2]} {row[3]}" for row in BROKEN])
def test_refused_where_it_is_wrong(old: str, new: str, place: str, message: str, help: str) -> None:
    loaded = load(changed(old, new), "p.yaml")
    assert loaded.snapshot is None
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    found = [problem for problem in errors if message in problem.message]
    assert found, [problem.text for problem in errors]
    assert f"{found[0].line}:{found[0].column}" == place, found[0].text
    assert help in found[0].help
    assert found[0].text.startswith(f"p.yaml:{found[0].line}:{found[0].column}: {found[0].message}")


def test_the_corpus_is_large_enough() -> None:
    assert len(BROKEN) >= 40


def test_the_whole_policy_is_right() -> None:
    assert [problem.text for problem in load(WHOLE, "p.yaml").problems if problem.severity == "error"] == []


def test_all_problems_come_in_one_pass_in_the_order_of_the_file() -> None:
    text = changed("kind: ollama", "kind: olama")
    for old, new in (("use: small", "use: smal"), ("scope: workflow", "scope: flow"), ("reviewers: finance", "reviewers: nobody")):
        text = changed(old, new, text)
    problems = [problem for problem in load(text, "p.yaml").problems if problem.severity == "error"]
    assert [problem.line for problem in problems] == [6, 17, 30, 36]


def test_the_text_is_underlined() -> None:
    problem = load(changed("use: small", "use: smal"), "p.yaml").problems[0]
    shown, carets = problem.excerpt.split("\n")
    begin = carets.index("^")
    assert shown[begin : begin + carets.count("^")] == "smal"


def test_a_broken_item_is_not_a_missing_one() -> None:
    """What refers to a broken model is right: only the model itself is reported."""
    problems = [p for p in load(changed("quality: 0.79", "quality: high"), "p.yaml").problems if p.severity == "error"]
    assert len(problems) == 1
    assert problems[0].line == 10


@pytest.mark.parametrize("empty", ["", "# nothing\n", "[]", "hello", "1", "- a\n- b\n", "null"])
def test_what_is_no_policy_at_all(empty: str) -> None:
    loaded = load(empty, "p.yaml")
    assert loaded.snapshot is None
    assert loaded.problems[0].line == 1


def test_a_small_policy_is_enough() -> None:
    loaded = load(SMALL, "p.yaml")
    assert loaded.problems == ()
    assert loaded.snapshot is not None
    assert loaded.snapshot.chain is None
    assert loaded.snapshot.retry.max_retries == 1
