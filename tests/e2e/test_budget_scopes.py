"""Budgets from outside: whose spend is counted together, several at once, money and tokens, and what a refusal says."""

from typing import Any

import pytest
from tests.e2e.conftest import Serve
from tests.support.outside import chat, of_kind, post
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider


def budget(name: str, scope: str, limit: str, more: str = "") -> str:
    return f"  - {{name: {name}, scope: {scope}, limit: {{{limit}}}, on_breach: reject{more}}}\n"


def policy(provider: ScriptedProvider, *budgets: str, tiers: str = "gpt-4o") -> str:
    return three_tiers(provider, "budgets:\n" + "".join(budgets), tiers=tiers)


def lines(server: Serving) -> dict[tuple[str, str], Any]:
    return {(line["name"], line["subject"]): line for line in server.admin("/budgets").json["items"]}


# One call of 9 tokens in and 6 out is held at more than 50 tokens and less than 120, and settled at 15.
ROOM = "tokens: 120"


@pytest.mark.parametrize("scope", ["run", "session", "agent", "workflow"])
def test_a_subject_pays_for_itself_and_nobody_escapes_by_silence(serve: Serve, scripted_provider: ScriptedProvider, scope: str) -> None:
    server = serve(policy(scripted_provider, budget("one", scope, ROOM)))
    header = f"x-orchvynt-{scope}"
    for subject in ({header: "a"}, {header: "b"}, {}):
        statuses = [chat(server, "gpt-4o", headers=subject, max_tokens=20).status for _ in range(8)]
        assert statuses[0] == 200
        assert statuses[-1] == 402
        assert statuses == sorted(statuses)
    assert {subject for _, subject in lines(server)} >= {"a", "b", "(none)"}
    metadata = {f"orchvynt_{scope}": "a"}
    assert chat(server, "gpt-4o", max_tokens=20, metadata=metadata).status == 402, "saying it another way is no escape"
    assert sum(line["settled_tokens"] for line in lines(server).values()) == scripted_provider.ledger().totals.tokens
    assert all(line["held_tokens"] == 0 for line in lines(server).values())


def test_a_key_pays_for_itself(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, budget("one", "key", ROOM)))
    for key in ("alpha", "beta"):
        for field in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
            statuses = [chat(server, "gpt-4o", headers=field, max_tokens=20).status for _ in range(6)]
        assert statuses == [402] * 6, "the same key in the other field is the same key"
    assert chat(server, "gpt-4o", max_tokens=20).status == 200
    assert not [subject for _, subject in lines(server) if "alpha" in subject]


def test_one_invocation_has_a_limit_of_its_own(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, budget("one-call", "invocation", "usd: 0.001")))
    for _ in range(3):
        assert chat(server, "gpt-4o", max_tokens=20).status == 200
    heard = chat(server, "gpt-4o", max_tokens=2_000)
    assert (heard.status, heard.json["error"]["budget"]) == (402, "one-call")
    unlimited = chat(server, "gpt-4o")
    assert unlimited.status == 200
    asked = scripted_provider.ledger().arrivals[-1].max_tokens
    assert asked is not None
    assert asked * 10_000 <= 1_000_000, "at 10 USD per million, no more than the budget can pay"


def test_the_limit_of_an_attempt_that_follows_counts_too(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """Both attempts of one invocation are held for on its own budget: the first may have run."""
    server = serve(policy(scripted_provider, budget("one-call", "invocation", "tokens: 150"), tiers="gpt-4o, claude"))
    scripted_provider.fault("openai", "close_before_byte")
    heard = chat(server, "gpt-4o", max_tokens=60)
    assert scripted_provider.ledger().totals.tokens <= 150
    assert heard.status in (402, 503)
    assert [skipped["why"] for skipped in of_kind(server.explain("last"), "candidate_skipped")][-1] == "budget:one-call"


def test_all_budgets_hold_or_none(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(
        policy(
            scripted_provider,
            budget("wide", "global", "tokens: 100000, usd: 5", ", window: day"),
            budget("mid", "workflow", "tokens: 5000", ", window: month"),
            budget("tight", "run", ROOM, ", window: hour"),
        )
    )
    said = {"x-orchvynt-run": "r", "x-orchvynt-workflow": "w"}
    heard = [chat(server, "gpt-4o", headers=said, max_tokens=20) for _ in range(10)]
    answered = [one for one in heard if one.status == 200]
    assert heard[-1].status == 402
    error = heard[-1].json["error"]
    assert (error["budget"], error["limit"], error["held"]) == ("tight", 120, 0)
    assert error["spent"] == scripted_provider.ledger().totals.tokens
    assert error["resets"].endswith("Z")
    assert (heard[-1].headers["x-should-retry"], error["code"]) == ("false", "budget_exceeded")
    assert "retry-after" not in heard[-1].headers
    kept = lines(server)
    assert {line["settled_tokens"] for line in kept.values()} == {scripted_provider.ledger().totals.tokens}
    assert {line["held_tokens"] for line in kept.values()} == {0}
    assert answered[-1].headers["x-orchvynt-budget-remaining"].startswith("tight;")
    elsewhere = chat(server, "gpt-4o", headers={**said, "x-orchvynt-run": "other"}, max_tokens=20)
    assert elsewhere.status == 200


def test_low_budgets_are_announced(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, budget("one", "global", "tokens: 100")))
    low = []
    while (heard := chat(server, "gpt-4o", max_tokens=6)).status == 200:
        settled = lines(server)["one", "*"]["settled_tokens"]
        low.append(("x-orchvynt-budget-low" in heard.headers, settled >= 80))
    assert low
    assert all(said == is_low for said, is_low in low), low


def test_an_output_limit_that_a_budget_lowered_is_said(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "word " * 400}]})
    server = serve(policy(scripted_provider, budget("one", "global", "tokens: 200")))
    for stream in (False, True):
        heard = chat(server, "gpt-4o", stream=stream)
        if heard.status == 402:
            break
        told = heard.trailers if stream else heard.headers
        assert "one" in told["x-orchvynt-limited-by"]
        assert of_kind(server.explain("last"), "hold_placed")[0]["limited_by"] == "one"
    assert scripted_provider.ledger().totals.tokens <= 200
    assert chat(server, "gpt-4o").status == 402


def test_money_runs_out_and_a_free_model_still_answers(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, budget("purse", "global", "usd: 0.002"), tiers="gpt-4o, local"))
    seen = [chat(server, "gpt-4o", max_tokens=60) for _ in range(30)]
    assert {heard.status for heard in seen} == {200}
    models = [heard.headers["x-orchvynt-model"] for heard in seen]
    assert models == sorted(models)
    assert models[-1] == "local"
    explained = server.explain(seen[-1].headers["x-orchvynt-invocation"])
    assert [skipped["why"] for skipped in of_kind(explained, "candidate_skipped")] == ["budget:purse"]
    paid = scripted_provider.ledger().where(provider="openai").totals
    nanos = paid.input_tokens * 2_500 + paid.output_tokens * 10_000
    assert nanos <= 2_000_000
    assert lines(server)["purse", "*"]["settled_nanos"] == nanos
    assert chat(server, "local").headers["x-orchvynt-cost-usd"] == "0"


def test_a_match_of_a_pattern_without_a_price_is_unsupported_under_money(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    text = policy(scripted_provider, budget("purse", "global", "usd: 1")).replace("models:\n", 'models:\n  "odd-*": {provider: openai}\n')
    server = serve("".join(line + "\n" for line in text.split("\n") if "chains:" not in line))
    heard = chat(server, "odd-1")
    assert (heard.status, heard.json["error"]["code"]) == (400, "unsupported")
    assert scripted_provider.ledger().totals.arrivals == 0


def test_a_budget_with_a_condition_holds_for_what_it_matches(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    condition = ", when: 'context.user_tier == \"free\"'"
    server = serve(policy(scripted_provider, budget("free", "session", ROOM, condition)))
    free, paid = {"x-orchvynt-context": '{"user_tier": "free"}'}, {"x-orchvynt-context": '{"user_tier": "premium"}'}
    assert [chat(server, "gpt-4o", headers=free, max_tokens=20).status for _ in range(8)][-1] == 402
    assert {chat(server, "gpt-4o", headers=paid, max_tokens=20).status for _ in range(8)} == {200}
    route = {"messages": [{"role": "user", "content": "hello"}], "context": {"user_tier": "free"}, "options": {"max_tokens": 20}}
    heard = [post(server.port, "/v1/route", route) for _ in range(3)][-1]
    assert (heard.status, heard.json["error"]["code"]) == (402, "budget_exceeded")


def test_spend_is_remembered_over_apply_kill_and_restart(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    text = policy(scripted_provider, budget("one", "global", ROOM))
    server = serve(text)
    while chat(server, "gpt-4o", max_tokens=20).status == 200:
        pass
    spent = scripted_provider.ledger().totals.tokens
    server.kill()
    server.start()
    assert chat(server, "gpt-4o", max_tokens=20).status == 402
    assert server.admin("/policies", {"yaml": text.replace("tokens: 120", "tokens: 240"), "message": "more"}).status == 200
    assert lines(server)["one", "*"]["settled_tokens"] == spent
    assert chat(server, "gpt-4o", max_tokens=20).status == 200
    assert server.admin("/policies", {"yaml": text.replace("tokens: 120", "tokens: 20"), "message": "less"}).status == 200
    heard = chat(server, "gpt-4o", max_tokens=20)
    assert (heard.status, heard.json["error"]["spent"]) == (402, scripted_provider.ledger().totals.tokens)
