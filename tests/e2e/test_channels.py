"""Reviews are told from end to end: a signed webhook over `kill -9`, Slack whose buttons vote, mail in threads."""

import time
from pathlib import Path
from typing import Any

from slack_sdk.signature import SignatureVerifier
from tests.e2e.conftest import Serve
from tests.e2e.test_review import FLAGGED, decide, open_review, parked
from tests.support.mailbox import Mailbox, free_port
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving
from tests.support.slack_workspace import SIGNING_SECRET, TOKEN, Workspace, buttons
from tests.support.webhooks import WAIT_S_MAX, Receiver

from orchvynt.testing.scripted import ScriptedProvider

SLACK_ENVIRONMENT = {"SLACK_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SIGNING_SECRET}
SECRET_WORDS = "the quarterly figures nobody may see"


def told(provider: ScriptedProvider, notify: str, reason: bool = False) -> str:
    gates = gate("0s").replace("    require_reason: true\n", f"    require_reason: {str(reason).lower()}\n    notify: [oncall]\n")
    return three_tiers(provider, f"{gates}notify: {{oncall: {notify}}}\n")


def hook(port: int) -> str:
    return f'{{webhook: "http://127.0.0.1:{port}/hook", secret: "${{env:HOOK_SECRET}}"}}'


def test_a_webhook_hears_of_reviews_even_over_a_kill(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": SECRET_WORDS}]})
    port = free_port()
    server = serve(told(scripted_provider, hook(port)))
    started = time.monotonic()
    parked(server)
    first = open_review(server)
    server.kill()
    server.start()
    parked(server, "another")
    assert decide(server, first["review"]).status == 200
    assert time.monotonic() - started < WAIT_S_MAX, "nobody waits for a receiver that is away"
    with Receiver(port, (500,)) as receiver:
        seen: dict[str, list[str]] = {}
        until = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < until and ("review.decided" not in seen or len(seen.get("review.opened", [])) < 1):
            time.sleep(0.05)
            seen = {}
            for one in receiver.taken:
                seen.setdefault(one["type"], []).extend(review["review"] for review in one["data"]["reviews"])
        others = [one["review"] for one in server.admin("/reviews").json["items"]]
        until = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < until and others[0] not in str(receiver.taken):
            time.sleep(0.05)
        assert others[0] in str(receiver.taken)
        assert seen["review.decided"] == [first["review"]]
        (end,) = [one for one in receiver.taken if one["type"] == "review.decided"]
        assert end["data"]["reviews"][0]["by"] == "token:environment"
        assert end["data"]["reviews"][0]["link"].endswith(f"/api/v1/reviews/{first['review']}")
        assert SECRET_WORDS not in str(receiver.taken)
        assert "hello" not in str(receiver.taken)


def _button(workspace: Workspace, which: str) -> dict[str, Any]:
    return buttons(workspace.wait_for("chat.postMessage"))[which]


def test_buttons_of_slack_vote_as_the_person_who_pressed(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    people = {"U1": "Ana@example.com", "U2": "stranger@example.com"}
    with Workspace(people) as workspace:
        workspace.limited = 1
        slack = (
            '{slack: {channel: "#ai-review", token: "${env:SLACK_TOKEN}", signing_secret: "${env:SLACK_SIGNING_SECRET}", base_url: "URL"}}'
        )
        text = told(scripted_provider, slack.replace("URL", workspace.url))
        server = serve(text, environment=SLACK_ENVIRONMENT)
        parked(server)
        review = open_review(server)["review"]
        approve = _button(workspace, "approve")
        assert approve["value"] == review
        assert _button(workspace, "open")["url"].endswith(f"/api/v1/reviews/{review}")
        _refuses(workspace, server, approve)
        assert workspace.press(server.admin_port, approve, "U2") == 200
        assert "is not in" in workspace.wait_for("chat.postEphemeral")["text"]
        assert workspace.press(server.admin_port, approve, "U9") == 200
        assert "user_not_found" in workspace.wait_for("chat.postEphemeral", 2)["text"]
        assert server.admin(f"/reviews/{review}").json["status"] == "open"
        assert workspace.press(server.admin_port, approve, "U1") == 200
        assert f"Review {review} is approved" in workspace.wait_for("chat.postEphemeral", 3)["text"]
        update = workspace.wait_for("chat.update")
        assert set(buttons(update)) <= {"open"}
        reply = workspace.wait_for("chat.postMessage", 2)
        assert reply["thread_ts"] == update["ts"]
        assert "approved by ana@example.com" in reply["text"]
        decided = server.admin(f"/reviews/{review}").json
        assert (decided["status"], decided["by"]) == ("approved", "ana@example.com")
        entries = [(one["who"], one["what"]) for one in server.admin("/audit").json["items"]]
        assert entries.count(("ana@example.com", "review.approve")) == 1
        assert ("stranger@example.com", "review.approve refused") in entries
        assert server.chat("hello", FLAGGED).status == 200
        assert server.command("notify", "test", "oncall").stdout.startswith("oncall  took it: Slack took it")
        assert "slack" in server.command("notify", "list").stdout
    assert TOKEN not in server.log
    assert SIGNING_SECRET not in server.log


def _refuses(workspace: Workspace, server: Serving, approve: dict[str, Any]) -> None:
    """What no signature, an old one, another's or a used one opens."""
    port = server.admin_port
    assert workspace.press(port, approve, "U1", secret="another") == 401
    assert workspace.interact(port, {"type": "block_actions"}, at=int(time.time()) - 301) == 401
    assert workspace.post(port, "payload=%7B%7D", str(int(time.time())), "v0=00") == 401
    assert workspace.interact(port, {"type": "block_actions"}) == 400
    body, timestamp = "payload=%7B%22type%22%3A%22x%22%7D", str(int(time.time()))
    signature = SignatureVerifier(SIGNING_SECRET).generate_signature(timestamp=timestamp, body=body) or ""
    assert workspace.post(port, body, timestamp, signature) == 400
    assert workspace.post(port, body, timestamp, signature) == 401, "each counts once"


def test_a_gate_that_wants_a_reason_asks_for_it_in_slack(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    with Workspace({"U1": "ana@example.com"}) as workspace:
        slack = (
            '{slack: {channel: "#ai-review", token: "${env:SLACK_TOKEN}", signing_secret: "${env:SLACK_SIGNING_SECRET}", base_url: "URL"}}'
        )
        text = told(scripted_provider, slack.replace("URL", workspace.url), reason=True)
        server = serve(text, environment=SLACK_ENVIRONMENT)
        parked(server)
        review = open_review(server)["review"]
        assert workspace.press(server.admin_port, _button(workspace, "reject"), "U1") == 200
        view = workspace.wait_for("views.open")["view"]
        assert server.admin(f"/reviews/{review}").json["status"] == "open"
        assert workspace.submit(server.admin_port, view, "U1", "not <!channel> like this") == 200
        assert "rejected by ana@example.com" in workspace.wait_for("chat.postMessage", 2)["text"]
        decided = server.admin(f"/reviews/{review}").json
        assert (decided["status"], decided["reason"]) == ("rejected", "not <!channel> like this")


def test_mail_tells_in_threads_and_waits_for_its_server(serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    port = free_port()
    notify = '{email: {to: [ana@example.com, ben@example.com], smtp: "${env:SMTP_URL}"}, content: excerpt}'
    scripted_provider.script({"answers": [{"text": "an answer with sk-abcdefgh12345678 in it"}]})
    server = serve(told(scripted_provider, notify), environment={"SMTP_URL": f"smtp://127.0.0.1:{port}"})
    parked(server)
    review = open_review(server)["review"]
    tested = server.command("notify", "test", "oncall")
    assert tested.returncode == 1
    assert "did not take it: the mail server cannot be reached" in tested.stdout
    with Mailbox(port=port) as mailbox:
        first = mailbox.wait_for(1)
        assert review in first["Subject"]
        plain = next(iter(first.iter_parts())).get_content()
        assert "an answer with " in plain
        assert "abcdefgh" not in plain
        decide(server, review)
        second = mailbox.wait_for(2)
        assert second["References"] == first["Message-ID"]
        assert "approved by token:environment" in next(iter(second.iter_parts())).get_content()


def test_what_is_undeliverable_is_shown_and_sent_again(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    port = free_port()
    notify = '{email: {to: [ana@example.com], smtp: "${env:SMTP_URL}"}}'
    server = serve(told(scripted_provider, notify), environment={"SMTP_URL": f"smtp://127.0.0.1:{port}"})
    with Mailbox(port=port, refusals=("554 no",)) as mailbox:
        parked(server)
        until = time.monotonic() + WAIT_S_MAX
        while not (items := server.admin("/notify/outbox?status=undeliverable").json["items"]) and time.monotonic() < until:
            time.sleep(0.05)
        assert (items[0]["destination"], items[0]["why"]) == ("oncall", "the mail server answered 554")
        assert "undeliverable" in server.log
        assert items[0]["message"] in server.command("notify", "outbox", "--undeliverable").stdout
        assert server.admin("/notify").json["items"][0]["undeliverable"] == 1
        server.kill()
        server.start()
        assert "waits again for oncall" in server.command("notify", "resend", items[0]["message"]).stdout
        mailbox.wait_for(1)
    assert server.admin("/notify/outbox?status=undeliverable").json["items"] == []
