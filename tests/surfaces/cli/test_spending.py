"""orchvynt spend, budgets statement and budgets reconcile, against a running admin API."""

import csv
import io
import json
from pathlib import Path

import pytest
from tests.support.receipts import paid
from tests.surfaces.cli.shell import run
from tests.surfaces.world import NOW, SECOND, SECRETS, World

from orchvynt.model.money import Price, cost_nanos
from orchvynt.model.usage import Usage
from orchvynt.surfaces.budget_shapes import SpentView, Statement
from orchvynt.surfaces.cli.statements import FORMULAS, as_csv

DAY = 86_400 * SECOND
MINI = Price(150_000_000, 600_000_000, 75_000_000, "as in the world's policy")
NAMES = ["acme", "=cmd()", 'quo"ted, with\nline', "@x", "", "'quoted"]


def viewer(world: World) -> dict[str, str]:
    return {"ORCHVYNT_SERVER": world.url, "ORCHVYNT_TOKEN": SECRETS["viewer"]}


def fill(world: World, count: int = 24) -> None:
    """All of December 2025."""
    for number in range(count):
        usage = Usage(1000 + number, 100, estimated=number == 5)
        nanos = cost_nanos(MINI, usage.input_tokens, usage.output_tokens)
        why = "the caller went away" if usage.estimated else ""
        name = NAMES[number % len(NAMES)]
        world.happened(paid(number, nanos, NOW - (number + 1) * DAY, usage=usage, why=why, workflow="doc", context={"customer": name}))


def total(count: int = 24) -> int:
    return sum(cost_nanos(MINI, 1000 + number, 100) for number in range(count))


def test_spend_by_what_callers_say(world: World) -> None:
    assert "Nothing was settled from" in run("spend", env=viewer(world)).stdout
    fill(world)
    told = run("spend", "--by", "context.customer", "--month", "2025-12", env=viewer(world))
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[0].split() == ["CUSTOMER", "SHARE", "COST", "ESTIMATED", "CALLS", "ATTEMPTS", "IN", "CACHED", "OUT"]
    assert 'quo"ted, with\\nline' in told.stdout, "a line break is shown as one"
    assert "(none)" in told.stdout
    assert run("spend", "--since", "2d", "--json", env=viewer(world)).stdout.count('"model": "gpt-4o-mini"') == 1
    paged = run("spend", "--by", "context.customer", "--since", "60d", "--limit", "2", env=viewer(world)).stdout
    more = paged.splitlines()[-1]
    assert more.startswith("more: orchvynt spend --by context.customer --since 60d --limit 2 --after ")
    following = run(*more.split()[2:], env=viewer(world)).stdout
    assert following.splitlines()[1] not in paged
    assert run("spend", "--by", "nothing", env=viewer(world)).exit_code == 1
    assert run("spend", "--since", "1d", "--month", "2025-12", env=viewer(world)).exit_code == 2


def test_a_statement_as_csv_sums_up_and_calculates_nothing(world: World) -> None:
    fill(world)
    told = run("budgets", "statement", "--month", "2025-12", "--by", "context.customer,workflow", "--format", "csv", env=viewer(world))
    assert told.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(told.stdout, newline="")))
    assert sum(int(row["nanos"]) for row in rows) == total()
    assert {row["context.customer"] for row in rows} == {"acme", "'=cmd()", 'quo"ted, with\nline', "'@x", "", "''quoted"}
    assert {(row["month"], row["workflow"]) for row in rows} == {("2025-12", "doc")}
    assert told.stderr.startswith("total: $0.00")
    assert "in 1 receipt that no provider confirmed" in told.stderr
    for form in (["--format", "json"], ["--json"]):
        whole = json.loads(run("budgets", "statement", "--month", "2025-12", *form, env=viewer(world)).stdout)
        assert (whole["total"]["nanos"], whole["next"], whole["closed"]) == (total(), None, True)
    table = run("budgets", "statement", "--month", "2025-12", env=viewer(world)).stdout
    assert table.startswith("Statement of 2025-12  UTC\n")
    assert "total: $" in table
    assert run("budgets", "statement", "--month", "12/2025", env=viewer(world)).exit_code == 1
    assert run("budgets", "statement", "--month", "2030-01", env=viewer(world)).stdout.endswith("total: $0 in 0 invocations, 0 attempts\n")


def test_a_statement_of_many_groups_is_whole(world: World) -> None:
    for number in range(1203):
        world.happened(paid(number, number, NOW - DAY, run=f"run {number:05}"))
    told = run("budgets", "statement", "--month", "2025-12", "--by", "run", "--format", "csv", env=viewer(world)).stdout
    rows = list(csv.DictReader(io.StringIO(told, newline="")))
    assert [row["run"] for row in rows] == [f"run {number:05}" for number in range(1203)]
    assert sum(int(row["nanos"]) for row in rows) == 1202 * 1203 // 2


@pytest.mark.parametrize("first", FORMULAS)
def test_no_cell_begins_a_formula(first: str) -> None:
    nothing = SpentView({}, 0, 0, 0, "0", 0, 0, "0", 0, 0, 0, 0, 0, 0)
    item = SpentView({"agent": f"{first}x"}, 0, 0, 0, "0", 0, 0, "0", 0, 0, 0, 0, 0, 0)
    text = as_csv(Statement("2025-12", "UTC", "", "", True, ("agent",), (item,), nothing))
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert f"'{first}x" in cells
    assert text.count("\r\n") == 2


def write(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(["date,model,input_tokens,output_tokens,cost_usd", *lines, ""]))
    return str(path)


def invoice(folder: Path, less: int = 0) -> str:
    """What a provider bills for `fill`: of the estimate, half; and the last `less` calls not at all."""
    lines = []
    for number in range(24 - less):
        tokens = (1000 + number, 100) if number != 5 else (1005, 50)
        day = f"2025-12-{31 - number:02}"
        lines.append(f"{day},gpt-4o-mini-2024-07-18,{tokens[0]},{tokens[1]},{cost_nanos(MINI, *tokens) / 1e9:.9f}")
    return write(folder / "invoice.csv", lines)


def test_an_invoice_is_explained(world: World, tmp_path: Path) -> None:
    fill(world)
    told = run("budgets", "reconcile", "--invoice", invoice(tmp_path), env=viewer(world))
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("openai, 2025-12  plain, 24 lines; days are those of UTC\n")
    assert "estimates    receipts settled at their bound, which is never below the truth: 1 the caller went away" in told.stdout
    assert told.stdout.endswith("$0 unexplained, of a tolerance of $0.01\n")


def test_what_nobody_can_explain_ends_with_1(world: World, tmp_path: Path) -> None:
    fill(world)
    path = invoice(tmp_path, less=3)
    assert run("budgets", "reconcile", "--invoice", path, env=viewer(world)).exit_code == 0, "within a cent"
    told = run("budgets", "reconcile", "--invoice", path, "--tolerance", "0.0001", env=viewer(world))
    assert told.exit_code == 1
    assert "unexplained  the provider reported this to us and does not bill it" in told.stdout
    as_json = run("budgets", "reconcile", "--invoice", path, "--tolerance", "0.0001", "--json", env=viewer(world))
    assert (as_json.exit_code, json.loads(as_json.stdout)["within"]) == (1, False)


def test_a_file_that_cannot_be_used_is_said_with_its_place(world: World, tmp_path: Path) -> None:
    fill(world)
    bad = write(tmp_path / "bad.csv", ["2025-12-01,gpt-4o-mini,1,1,1", "2025-12-01,gpt-4o-mini,1,1,1 EUR"])
    told = run("budgets", "reconcile", "--invoice", bad, env=viewer(world))
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith(f"{bad}:3:1: cost_usd is '1 EUR', not a number.\n  help: ")
    months = write(tmp_path / "months.csv", ["2025-12-01,gpt-4o-mini,1,1,1", "2025-11-01,gpt-4o-mini,1,1,1"])
    assert "are of 2 months: 2025-11, 2025-12." in run("budgets", "reconcile", "--invoice", months, env=viewer(world)).stderr
    wrong = run("budgets", "reconcile", "--invoice", months, "--month", "2025-10", env=viewer(world))
    assert (wrong.exit_code, "is of 2025-10: they are of 2025-11, 2025-12." in wrong.stderr) == (1, True)
    left = run("budgets", "reconcile", "--invoice", months, "--month", "2025-12", "--tolerance", "9", env=viewer(world)).stdout
    assert "1 line of other months left out" in left
    (tmp_path / "none.csv").write_text("model,cost_usd\ngpt-4o-mini,1\n")
    undated = run("budgets", "reconcile", "--invoice", str(tmp_path / "none.csv"), env=viewer(world))
    assert "have no day" in undated.stderr
    (tmp_path / "bytes.csv").write_bytes(b"model,cost_usd\n\xff,1\n")
    assert (
        ":2:1: This byte is not UTF-8." in run("budgets", "reconcile", "--invoice", str(tmp_path / "bytes.csv"), env=viewer(world)).stderr
    )
    assert run("budgets", "reconcile", "--invoice", str(tmp_path / "no.csv"), env=viewer(world)).exit_code == 1
    assert run("budgets", "reconcile", "--invoice", months, "--tolerance", "much", env=viewer(world)).exit_code == 2


def test_of_several_providers_one_is_named(world: World, tmp_path: Path) -> None:
    world.happened(paid(1, 1000, NOW - DAY, "m", "spare"))
    world.happened(paid(2, 1000, NOW - DAY, "m", "lab"))
    path = write(tmp_path / "x.csv", ["2025-12-31,m,1,1,0.000001"])
    told = run("budgets", "reconcile", "--invoice", path, env=viewer(world))
    assert (told.exit_code, "several providers: lab, spare." in told.stderr) == (1, True)
    assert run("budgets", "reconcile", "--invoice", path, "--provider", "lab", env=viewer(world)).stdout.startswith("lab, 2025-12")
