"""How budgets look: each limit in its own unit, the tightest first, and within the terminal that there is."""

import io
import json

import pytest
from rich.cells import cell_len
from tests.surfaces.cli.shell import NOW, run
from tests.surfaces.cli.test_terminal import SGR, on_screen
from tests.surfaces.world import SECRETS, World

from orchvynt.decisions.budgets.standing import HOUR_NS, Burn, Spend, forecast, measures
from orchvynt.language.compiled_budgets import BreachKind, Limits
from orchvynt.runtime.control import BudgetLine
from orchvynt.surfaces.admin.budgets import budget_view
from orchvynt.surfaces.cli import budgets
from orchvynt.surfaces.cli.terminal import Terminal

USD = 1_000_000_000


def line(
    name: str,
    subject: str,
    limits: Limits,
    settled: Spend,
    held: Spend = Spend(),  # noqa: B008 - frozen
    burn: Burn = Burn(),  # noqa: B008 - frozen
    resets_in: int = 0,
    rolls: int = 0,
    breach: BreachKind = "reject",
    model: str = "",
    waiting: int = 0,
) -> BudgetLine:
    found, resets_at = measures(limits, settled, held), NOW + resets_in if resets_in else 0
    return BudgetLine(
        name, "workflow", subject, "rolling" if rolls else "day" if resets_in else "lifetime", resets_at, limits.nanos, settled.nanos,
        held.nanos, limits.tokens, settled.tokens, held.tokens, waiting, found, burn, forecast(found, burn, NOW, resets_at, rolls), breach,
        model, rolls,
    )  # fmt: skip


RECENT = Burn(Spend(USD // 2, 5000, 500, 60), HOUR_NS, "recent")
LINES = [
    line("daily", "doc", Limits(nanos=2 * USD), Spend(USD), Spend(USD // 5), RECENT, 20 * HOUR_NS, waiting=3),
    line("calm", "doc", Limits(nanos=100 * USD), Spend(USD), burn=RECENT, resets_in=20 * HOUR_NS),
    line("switch", "s1", Limits(tokens=10_000), Spend(0, 13_250, 250, 9), breach="downgrade", model="gpt-4o-mini"),
    line("per-run", "run-1", Limits(nanos=USD, invocations=200), Spend(USD // 5, 9, 9, 199), Spend(0, 0, 0, 1), RECENT),
    line("rolls", "*", Limits(output_tokens=200_000), Spend(0, 90_000, 40_000, 9), burn=RECENT, rolls=24 * HOUR_NS),
    line("unbounded", "x" * 60, Limits(), Spend(USD)),
    line("=hostile\x1b[2J", "\u202egnp\r\n", Limits(input_tokens=10), Spend(0, 5, 1)),
]


def viewer(world: World) -> dict[str, str]:
    return {"ORCHVYNT_SERVER": world.url, "ORCHVYNT_TOKEN": SECRETS["viewer"]}


def test_a_pipe_gets_every_budget_whole_the_tightest_first(world: World) -> None:
    world.control.budget_lines = LINES
    lines = run("budgets", env=viewer(world)).stdout.splitlines()
    cells = {row.split()[0]: row for row in lines[1:]}
    assert [row.split()[0] for row in lines[1:]] == ["switch", "per-run", "daily", "=hostile\\x1b[2J", "rolls", "calm", "unbounded"]
    assert "132%  ███████████████████▶   13,250" in cells["switch"]
    assert cells["switch"].endswith("gpt-4o-mini only")
    assert "200 calls" in cells["per-run"]
    assert cells["per-run"].endswith("used up")
    assert "doc  3 waiting" in cells["daily"]
    assert cells["daily"].endswith("full 2026-01-01T02:36:00.000000Z")
    assert cells["calm"].endswith("11% at reset")
    assert "everybody" in cells["rolls"]
    assert "200,000 tokens out" in cells["rolls"]
    assert cells["rolls"].endswith("6% steady")
    assert "no limit" in cells["unbounded"]


def test_the_list_is_narrowed_sorted_and_paged(world: World) -> None:
    world.control.budget_lines = LINES
    by_name = json.loads(run("budgets", "--sort", "name", "--json", env=viewer(world)).stdout)["items"]
    assert [item["name"] for item in by_name] == sorted(one.name for one in LINES)
    only = json.loads(run("budgets", "--budget", "daily", "--json", env=viewer(world)).stdout)["items"]
    assert [(item["name"], item["state"], item["measures"][0]["used"]) for item in only] == [("daily", "ok", 0.6)]
    assert [item["name"] for item in json.loads(run("budgets", "--subject", "doc", "--json", env=viewer(world)).stdout)["items"]] == [
        "daily",
        "calm",
    ]
    first = run("budgets", "--limit", "3", env=viewer(world)).stdout.splitlines()
    assert first[-1].startswith("more: orchvynt budgets --after ")
    assert run("budgets", "--after", first[-1].split()[-1], env=viewer(world)).stdout.splitlines()[1].split()[0] == "=hostile\\x1b[2J"
    missing = run("budgets", "--budget", "dayly", env=viewer(world))
    assert (missing.exit_code, "no budget of this name" in missing.stderr) == (1, True)
    assert run("budgets", "--subject", "nobody", env=viewer(world)).stdout == "No budget has met nobody in its current window.\n"
    early = run("budgets", "--json", "show", "daily", env=viewer(world))
    assert (early.exit_code, "say it behind" in early.stderr) == (2, True)


def test_one_budget_is_shown_with_all_its_limits(world: World) -> None:
    world.control.budget_lines = LINES
    shown = run("budgets", "show", "per-run", "run-1", env=viewer(world)).stdout
    assert "   20%  ████░░░░░░░░░░░░░░░░  $0.2 of $1  ($0.8 left)\n" in shown
    assert "  100%  ████████████████████  199 of 200 calls  (1 held, 0 left)\n" in shown
    assert "rate       60 an hour (by the receipts of the last 1 h)" in shown
    switch = run("budgets", "show", "switch", env=viewer(world)).stdout
    assert "13,250 of 10,000 tokens  (3,250 past it)" in switch
    assert "on breach  downgrade to gpt-4o-mini" in switch
    assert "rate       too little to say" in switch
    assert "no limit on what is counted here" in run("budgets", "show", "unbounded", env=viewer(world)).stdout
    assert run("budgets", "show", "daily", "nobody", env=viewer(world)).exit_code == 1
    world.control.budget_lines = [*LINES, line("daily", "other", Limits(nanos=USD), Spend(0))]
    several = run("budgets", "show", "daily", env=viewer(world)).stdout
    assert several.startswith("daily  workflow, day, reject\n")
    assert len(several.splitlines()) == 5


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    terminal, screen = on_screen(COLUMNS=str(columns))
    budgets.table(terminal, [budget_view(one) for one in LINES])
    lines = [SGR.sub("", text) for text in screen.getvalue().splitlines()]
    if columns > 40:  # the names alone take more there
        assert max(cell_len(text) for text in lines if not text.startswith("This terminal")) <= columns
    assert any("▶" in text for text in lines)


def test_a_pipe_has_no_colour() -> None:
    out = io.StringIO()
    budgets.table(Terminal({}, NOW, out, out), [budget_view(one) for one in LINES])
    assert "\x1b" not in out.getvalue()
