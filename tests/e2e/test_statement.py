"""A month's statement is the sum of what records settled, to the nano-dollar, over crashes; and a provider's own books explain it."""

import csv
import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Serve
from tests.e2e.test_metrics import leave_a_stream, records
from tests.support.outside import chat, post
from tests.support.policies import three_tiers
from tests.support.recount import Entry
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGETS = "budgets: [{name: all, scope: global, limit: {usd: 100, tokens: 10000000}, window: month, on_breach: reject}]\n"
CUSTOMERS = ("acme", "=HYPERLINK(1)", "")
# USD per million tokens, in and out, of the policy.
RATES = {"openai": (2.5, 10.0), "anthropic": (3.0, 15.0)}


def traffic(server: Serving, provider: ScriptedProvider) -> None:
    """Answers, streams, a fallback, a failed attempt, a caller that leaves, and a free model."""
    for number in range(6):
        context = json.dumps({"customer": CUSTOMERS[number % 3]}) if CUSTOMERS[number % 3] else "{}"
        headers = {"x-orchvynt-context": context, "x-orchvynt-workflow": f"w{number % 2}", "x-orchvynt-run": "r1"}
        assert chat(server, "gpt-4o", headers=headers, stream=number % 2 == 0).status == 200
    assert chat(server, "claude").status == 200
    assert chat(server, "local").status == 200
    provider.fault("openai", {"status": 429, "retry_after": 1}, times=1)
    assert chat(server, "gpt-4o").headers["x-orchvynt-model"] == "claude"
    time.sleep(1.1)
    provider.fault("openai", {"cut_after": 2}, times=1)
    chat(server, "gpt-4o", stream=True)
    leave_a_stream(server)


def settled(told: list[list[Entry]]) -> Counter[str]:
    """Counted again, from the facts of the records: what was settled, by model, and in all."""
    found: Counter[str] = Counter()
    for record in told:
        sent = {fields["attempt"]: fields["model"] for kind, fields in record if kind == "attempt_sent"}
        for kind, fields in record:
            if kind != "attempt_settled":
                continue
            usage = fields["usage"]
            found[sent[fields["attempt"]]] += fields["nanos"]
            found["nanos"] += fields["nanos"]
            found["attempts"] += 1
            found["tokens"] += usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
            found["estimated_nanos"] += fields["nanos"] if usage.get("estimated") else 0
        found["invocations"] += any(kind == "attempt_settled" for kind, _ in record)
    return found


def statement(server: Serving, by: str) -> Any:
    """Of both months, should the test run over the end of one."""
    reply = server.admin(f"/spend?since=2d&by={by}")
    assert reply.status == 200, reply.body
    return reply.json


def check(server: Serving) -> None:
    mine = settled(records(server))
    for by in ("model", "agent", "workflow", "run", "key", "provider", "context.customer", "day,price_source"):
        told = statement(server, by)
        total = told["total"]
        assert total["nanos"] == mine["nanos"] == sum(item["nanos"] for item in told["items"]), by
        assert (total["attempts"], total["invocations"]) == (mine["attempts"], mine["invocations"])
        assert total["input_tokens"] + total["output_tokens"] == mine["tokens"]
        assert total["estimated_nanos"] == mine["estimated_nanos"]
        if by == "model":
            assert {item["group"]["model"]: item["nanos"] for item in told["items"]} == {
                name: mine[name] for name in ("gpt-4o", "claude", "local")
            }
    line = server.admin("/budgets?budget=all").json["items"][0]
    assert line["settled_nanos"] == mine["nanos"], "and of the budget that counts everything"


def test_a_statement_equals_the_records_over_a_crash(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    slow = {"text": "word " * 200, "frames": 200, "frame_interval": "20ms"}
    scripted_provider.script({"answers": [{"match": {"last_user": "long"}, **slow}]})
    server = serve(three_tiers(scripted_provider, BUDGETS))
    traffic(server, scripted_provider)
    check(server)
    customers = {item["group"]["context.customer"] for item in statement(server, "context.customer")["items"]}
    assert customers == set(CUSTOMERS)
    leave_a_stream(server)
    server.kill()
    server.start()
    assert chat(server, "gpt-4o").status == 200
    check(server)
    month = datetime.now(UTC).strftime("%Y-%m")
    told = server.command("budgets", "statement", "--month", month, "--by", "context.customer", "--format", "csv")
    assert told.returncode == 0, told.stderr
    rows = list(csv.DictReader(told.stdout.splitlines()))
    assert "'=HYPERLINK(1)" in {row["context.customer"] for row in rows}
    assert server.admin(f"/statements/{month}?by=model").json["total"]["nanos"] == sum(int(row["nanos"]) for row in rows)
    shown = server.command("budgets", "show", "all")
    assert " of $100" in shown.stdout
    assert "on breach  reject" in shown.stdout


def bill(provider: ScriptedProvider, name: str, folder: Path) -> Path:
    """The provider's own books as an invoice."""
    ledger, (rate_in, rate_out) = provider.ledger(), RATES[name]
    days = {arrival.n: datetime.fromtimestamp(arrival.at / 1e9, UTC).date() for arrival in ledger.arrivals if arrival.provider == name}
    models = {arrival.n: arrival.model for arrival in ledger.arrivals}
    lines = []
    for one in ledger.charges:
        if one.n in days:
            usd = (one.billed.input * rate_in + one.billed.output * rate_out) / 1e6
            lines.append(f"{days[one.n]},{models[one.n]},{one.billed.input},{one.billed.output},{usd:.9f}")
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["date,model,input_tokens,output_tokens,cost_usd", *lines, ""]))
    return path


def reconciled(server: Serving, path: Path, provider: str) -> Any:
    month = datetime.now(UTC).strftime("%Y-%m")
    told = server.command("budgets", "reconcile", "--invoice", str(path), "--provider", provider, "--month", month, "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    return json.loads(told.stdout)


def test_the_providers_own_books_are_explained(serve: Serve, scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    server = serve(three_tiers(scripted_provider, BUDGETS))
    for _ in range(3):
        assert chat(server, "gpt-4o").status == 200
    assert chat(server, "claude").status == 200
    whole = reconciled(server, bill(scripted_provider, "openai", tmp_path), "openai")
    assert (whole["difference_nanos"], [one["parts"] for one in whole["models"]]) == (0, [[]])
    assert reconciled(server, bill(scripted_provider, "anthropic", tmp_path), "anthropic")["difference_nanos"] == 0
    scripted_provider.fault("openai", {"cut_after": 2}, times=1)
    chat(server, "gpt-4o", stream=True)
    cut = reconciled(server, bill(scripted_provider, "openai", tmp_path), "openai")
    assert {part["kind"] for one in cut["models"] for part in one["parts"]} <= {"estimates", "rounding"}
    assert cut["models"][0]["estimated"] >= 1
    # Somebody with the same key asks the provider past us.
    port = int(scripted_provider.url.rsplit(":", 1)[1])
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "behind your back " * 500}]}
    assert post(port, "/p/openai/v1/chat/completions", body).status == 200
    past = reconciled(server, bill(scripted_provider, "openai", tmp_path), "openai")
    kinds = {part["kind"] for one in past["models"] for part in one["parts"]}
    assert "outside" in kinds or past["difference_nanos"] < 0, "unless the estimates are larger than what passed by"
    assert past["unexplained_nanos"] == 0
