"""What happens past a limit, from outside: shortened answers in every dialect, another model, and who is told of it."""

from itertools import product
from typing import Any

from tests.e2e.conftest import Serve
from tests.support.outside import Heard, chat, of_kind, post
from tests.support.policies import three_tiers
from tests.support.webhooks import Receiver

from orchvynt.testing.scripted import ScriptedProvider

LONG = {"answers": [{"text": "word " * 600}]}
MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]


def _openai(port: int, model: str, stream: bool) -> Heard:
    return post(port, "/v1/chat/completions", {"model": model, "messages": MESSAGES, "max_tokens": 2_000, "stream": stream})


def _anthropic(port: int, model: str, stream: bool) -> Heard:
    return post(port, "/v1/messages", {"model": model, "messages": MESSAGES, "max_tokens": 2_000, "stream": stream})


def _ollama(port: int, model: str, stream: bool) -> Heard:
    return post(port, "/api/chat", {"model": model, "messages": MESSAGES, "options": {"num_predict": 2_000}, "stream": stream})


def test_a_limit_is_lowered_on_the_way_from_every_caller_to_every_provider(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(LONG)
    server = serve(three_tiers(scripted_provider, "budgets: [{name: one-call, scope: invocation, limit: {tokens: 400}, on_breach: clamp}]"))
    for ask, model, stream in product((_openai, _anthropic, _ollama), ("gpt-4o", "claude", "local"), (False, True)):
        heard = ask(server.port, model, stream)
        assert heard.status == 200, heard.body
        arrival = scripted_provider.ledger().arrivals[-1]
        held = of_kind(server.explain(heard.headers["x-orchvynt-invocation"]), "hold_placed")[0]
        assert held["limited_by"] == "one-call"
        assert arrival.max_tokens == held["output_tokens_max"]
        assert held["output_tokens_max"] + held["input_tokens_bound"] == 400
        if not stream:
            assert heard.headers["x-orchvynt-limited-by"] == "budget:one-call"
        elif ask is not _ollama:
            assert b"limited-by" in heard.body


def test_a_session_goes_on_with_another_model_and_somebody_is_told_once(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    with Receiver() as receiver:
        notify = f'notify: {{oncall: {{webhook: "http://127.0.0.1:{receiver.port}/hook", secret: "${{env:HOOK_SECRET}}"}}}}\n'
        budgets = (
            "budgets:\n"
            "  - {name: session, scope: session, limit: {tokens: 150}, on_breach: {downgrade: local, ceiling: {tokens: 400}}, "
            "alert_at: [50%, 100%], notify: [oncall]}\n"
            "  - {name: watch, scope: global, limit: {usd: 0.000001}, on_breach: alert}\n"
        )
        server = serve(three_tiers(scripted_provider, budgets + notify, tiers="gpt-4o"))
        said = {"x-orchvynt-session": "s1"}
        heard = [chat(server, "gpt-4o", headers=said, max_tokens=20) for _ in range(40)]
        models = [one.headers.get("x-orchvynt-model", "none") for one in heard]
        assert set(models) == {"gpt-4o", "local", "none"}
        assert models == sorted(models, key=["gpt-4o", "local", "none"].index)
        first = heard[models.index("local")]
        assert (first.headers["x-orchvynt-requested-model"], first.headers["x-orchvynt-rule"]) == ("gpt-4o", "downgrade:session")
        assert (first.headers["x-orchvynt-tier"], first.headers["x-orchvynt-attempts"]) == ("2", "1")
        explained = server.explain(first.headers["x-orchvynt-invocation"])
        assert [one["model"] for one in of_kind(explained, "downgraded")] == ["local"]
        assert "budget session had no room for gpt-4o" in explained["verdict"]
        error = heard[-1].json["error"]
        assert (heard[-1].status, error["limit"], error["model"], error["budget"]) == (402, 400, "local", "session")
        line = next(one for one in server.admin("/budgets").json["items"] if one["name"] == "session")
        assert line["settled_tokens"] > line["limit_tokens"] == 150
        assert (line["on_breach"], line["breach_model"], line["state"]) == ("downgrade", "local", "over")
        assert chat(server, "gpt-4o", headers={"x-orchvynt-session": "s2"}, max_tokens=20).headers["x-orchvynt-model"] == "gpt-4o"
        receiver.wait_for(2)
        told = {one["data"]["threshold"]: one["data"] for one in receiver.taken}
        assert set(told) == {"50%", "100%"}
        (member,) = told["100%"]["group"]
        assert (member["subject"], member["limit"], member["unit"]) == ("s1", 150, "tokens")
        crossed = of_kind(server.explain(member["invocation"]), "budget_threshold_passed")
        assert 10_000 in [one["share"] for one in crossed]
        server.stop()
        server.start()
        assert chat(server, "gpt-4o", headers=said, max_tokens=20).status == 402
        alerts = {(one["alert"], one["subject"]): one for one in server.admin("/alerts").json["items"]}
        assert alerts["budget:session", "s1"]["threshold"] == "100%"
        assert alerts["budget:watch", "*"]["spent"].endswith("of 0.000001 USD")
        assert "100% of budget session (s1)" in server.command("status").stdout
        # What was delivered in the last moment may come again, as the same message; nothing is told anew.
        of_s1 = {id for id, one in zip(receiver.ids, receiver.taken, strict=True) if one["data"]["group"][0]["subject"] == "s1"}
        assert len(of_s1) == 2


def test_limits_on_input_and_output_alone(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    budgets = """budgets:
  - {name: reads, scope: agent, limit: {input_tokens: 400}}
  - {name: writes, scope: workflow, limit: {output_tokens: 30}}
"""
    server = serve(three_tiers(scripted_provider, budgets, tiers="gpt-4o"))
    heard = chat(server, "gpt-4o", max_tokens=20)
    assert heard.headers["x-orchvynt-budget-remaining"].startswith("writes;output_tokens=")
    over = chat(server, "gpt-4o", max_tokens=31).json["error"]
    assert (over["code"], over["budget"], over["unit"], over["limit"], over["needed"]) == (
        "budget_exceeded", "writes", "output_tokens", 30, 31,
    )  # fmt: skip
    long = post(
        server.port, "/v1/chat/completions", {"model": "gpt-4o", "max_tokens": 5, "messages": [{"role": "user", "content": "sea " * 900}]}
    )
    assert (long.json["error"]["budget"], long.json["error"]["unit"]) == ("reads", "input_tokens")
    views = {one["name"]: one for one in server.admin("/budgets").json["items"]}
    totals = scripted_provider.ledger().totals
    measured = {one["unit"]: one["settled"] for view in views.values() for one in view["measures"]}
    assert measured == {"input_tokens": totals.input_tokens, "output_tokens": totals.output_tokens}
