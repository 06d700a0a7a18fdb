"""Alerts and their destinations in a policy: what they compile to, what is refused, and what changes their meaning."""

import pytest
from tests.language.policies import WHOLE

from orchvynt.language.bindings import new_bindings
from orchvynt.language.compile import load, secret_names
from orchvynt.language.diff import diff
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Destination, SecretRef, Snapshot

ALERTS = "alerts: [{when: 'activation_rate > 0.1 && calls >= 20', window: 5m, notify: [oncall]}]"
HOOK = 'oncall: {webhook: "https://hooks.example/oncall/", secret: "${env:HOOK_SECRET}"}'


def policy(alerts: str = ALERTS, notify: str = HOOK) -> str:
    return WHOLE.replace("fallback:\n", f"fallback:\n  {alerts}\n") + f"notify:\n  {notify}\n"


def compiled(text: str) -> Snapshot:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot


def problems(text: str) -> list[Problem]:
    return list(load(text, "p.yaml").problems)


def test_what_they_compile_to() -> None:
    snapshot = compiled(policy())
    (alert,) = snapshot.alerts
    assert (alert.window_ns, alert.repeat_ns, alert.notify) == (300 * 10**9, 4 * 3600 * 10**9, ("oncall",))
    values = {"calls": 20.0, "chain": "default", "provider": "openai"}
    assert alert.when.evaluate({**values, "activation_rate": 0.2}) is True
    assert alert.when.evaluate({**values, "activation_rate": 0.1}) is False
    # The slash at the end is part of the path.
    hook = Destination("oncall", "hooks.example", 443, True, "/oncall/", SecretRef("env", "HOOK_SECRET"))
    assert snapshot.destinations == {"oncall": hook}
    assert "${env:HOOK_SECRET}" in secret_names(snapshot)


def test_an_address_without_a_path_has_the_root() -> None:
    snapshot = compiled(policy(notify=HOOK.replace("https://hooks.example/oncall/", "http://127.0.0.1:99")))
    assert [(one.port, one.tls, one.path) for one in snapshot.destinations.values()] == [(99, False, "/")]
    assert problems(policy(notify=HOOK.replace("https://hooks.example/oncall/", "http://127.0.0.1:99"))) == problems(policy())


SECRET = ', secret: "${env:HOOK_SECRET}"'


@pytest.mark.parametrize(
    ("alerts", "notify", "said", "help"),
    [
        (ALERTS, HOOK.replace(SECRET, ""), "nothing signs what the webhook `oncall` gets", "${env:HOOK_SECRET}"),
        (ALERTS, HOOK.replace("https://hooks.example/oncall/", "${env:HOOK_URL}"), "not supported yet: a webhook whose address", "secret"),
        (ALERTS, HOOK.replace("oncall/", "oncall?token=1"), "a query or a fragment", "signature"),
        (ALERTS, HOOK.replace("oncall/", "a/../b"), "cannot be used as it is", "percent-encoded"),
        (ALERTS, 'oncall: {slack: {channel: "#a", token: "${env:S_TOKEN}", base_url: "https://x.y/?a"}}', "a query or a fragment", ""),
        (ALERTS, 'oncall: {email: {to: [], smtp: "${env:SMTP_URL}"}}', "`to` is empty", "at least one"),
        (ALERTS, 'oncall: {email: {to: ["a@x.y\\r\\nBcc: b@x.y"], smtp: "${env:SMTP_URL}"}}', "not an e-mail address", "name@"),
        (ALERTS, 'oncall: {email: {to: ["a..b@x.y"], smtp: "${env:SMTP_URL}"}}', "not an e-mail address", "name@"),
        (ALERTS, 'oncall: {email: {to: [".a@x.y"], smtp: "${env:SMTP_URL}"}}', "not an e-mail address", "name@"),
        (ALERTS, 'oncall: {email: {to: ["a@."], smtp: "${env:SMTP_URL}"}}', "not an e-mail address", "name@"),
        (ALERTS, 'oncall: {email: {to: ["a@-x.y"], smtp: "${env:SMTP_URL}"}}', "not an e-mail address", "name@"),
        (ALERTS, HOOK.replace("oncall: {", "oncall: {digest: 25h, "), "a digest is longer than a day", "24h"),
        (ALERTS.replace("5m", "500ms"), HOOK, "an alert's window is from `1s` to `7d`", "once a second"),
        (ALERTS.replace("5m", "8d"), HOOK, "an alert's window is from `1s` to `7d`", ""),
        (ALERTS.replace("5m", "5m, repeat: 30s"), HOOK, "repeated after `1m` at the earliest", "4h"),
        (ALERTS.replace("[oncall]", "[oncall, oncall]"), HOOK, "a destination stands twice", "Remove"),
        (ALERTS.replace("[oncall]", "[]"), HOOK, "the alert tells nobody", "notify"),
        (ALERTS.replace("[oncall]", "[on-call]"), HOOK, "no destination of notifications `on-call`", "`oncall`"),
        (ALERTS.replace("calls >= 20", "calls >= 20 || true"), HOOK, "always true", ""),
    ],
)
def test_what_is_refused(alerts: str, notify: str, said: str, help: str) -> None:
    loaded = load(policy(alerts, notify), "p.yaml")
    assert loaded.snapshot is None
    found = [problem for problem in loaded.problems if said in problem.message]
    assert found, [problem.text for problem in loaded.problems]
    assert help in found[0].help


def test_what_an_author_should_know() -> None:
    plain = problems(policy(notify=HOOK.replace("https", "http")))
    assert any("clear text" in problem.message and problem.severity == "warning" for problem in plain)
    unused = problems(policy(notify=f"{HOOK}\n  {HOOK.replace('oncall:', 'spare:')}"))
    assert any("nothing is told to the destination `spare`" in problem.message for problem in unused)
    two = f"{HOOK}\n  {HOOK.replace('oncall:', 'spare:')}\n  {HOOK.replace('oncall:', 'heads:')}\n"
    gates = "gates: [{name: g, stage: output, when: '\"x\" in flags', reviewers: ops, notify: [spare]}]\n"
    used = problems(policy(notify=f"{two}{gates}groups: {{ops: {{members: [a@example.com], notify: [heads]}}}}"))
    assert not any("nothing is told" in problem.message for problem in used), [problem.text for problem in used]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("window: 5m", "window: 1h", "alert when `activation_rate > 0.1 && calls >= 20`: window 5m → 1h"),
        ("window: 5m", "repeat: 1h", "alert when `activation_rate > 0.1 && calls >= 20`: repeat 4h → 1h"),
        (
            "> 0.1",
            "> 0.2",
            "alert when `activation_rate > 0.2 && calls >= 20` added: tells oncall, window 5m, repeat 4h",
        ),
        ("/oncall/", "/other", "destination oncall: webhook https://hooks.example/oncall/ → https://hooks.example/other"),
        ("HOOK_SECRET", "OTHER_SECRET", "destination oncall: secret ${env:HOOK_SECRET} → ${env:OTHER_SECRET}"),
    ],
)
def test_changes_in_words_and_in_the_digest(old: str, new: str, line: str) -> None:
    before, after = compiled(policy()), compiled(policy().replace(old, new))
    assert line in diff(before, after)
    assert before.digest != after.digest


def test_one_more_and_one_less() -> None:
    twice = policy(ALERTS.replace("]}]", "]}, {when: 'activation_rate > 0.1 && calls >= 20', window: 1h, notify: [oncall]}]"))
    added = diff(compiled(policy()), compiled(twice))
    assert added == ["alert when `activation_rate > 0.1 && calls >= 20` (again) added: tells oncall, window 1h, repeat 4h"]
    lines = diff(compiled(WHOLE), compiled(policy()))
    assert lines[1] == "destination oncall added: webhook https://hooks.example/oncall/, secret ${env:HOOK_SECRET}"
    assert diff(compiled(policy()), compiled(WHOLE))[1] == "destination oncall removed"


def test_the_order_of_destinations_means_nothing() -> None:
    both = f"{HOOK}\n  {HOOK.replace('oncall:', 'spare:')}"
    one, other = (policy(ALERTS.replace("[oncall]", names), both) for names in ("[oncall, spare]", "[spare, oncall]"))
    assert compiled(one).digest == compiled(other).digest


def test_a_new_webhook_needs_an_admin() -> None:
    """As a new address of a provider does, also where a provider is there already."""
    before = compiled(policy())
    assert new_bindings(before, before) == ()
    assert new_bindings(before, compiled(policy(notify=HOOK.replace("/oncall/", "/elsewhere").replace("oncall:", "oncall:")))) == ()
    moved = compiled(policy(notify=HOOK.replace("hooks.example", "llm.example")))
    assert [one.text for one in new_bindings(before, moved)] == [
        "destination oncall: new address https://llm.example/oncall/",
        "destination oncall: the secret ${env:HOOK_SECRET} now signs for https://llm.example/oncall/",
    ]
    signed = compiled(policy().replace("HOOK_SECRET", "OPENAI_API_KEY"))
    assert [one.text for one in new_bindings(before, signed)] == [
        "destination oncall: the secret ${env:OPENAI_API_KEY} now signs for https://hooks.example/oncall/"
    ]
    assert len(new_bindings(compiled(WHOLE), before)) == 2
