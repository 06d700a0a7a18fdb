"""Bodies of the commands that read records: explain, invocations, runs."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from rich.text import Text

from orchvynt.lifecycle.explain import Entry, Explanation
from orchvynt.lifecycle.explain.phrases import count
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.amounts import after, spent
from orchvynt.surfaces.cli.plain import printable
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import Terminal, state

KIND_STYLES: Final[dict[str, str]] = {
    "candidate_skipped": "yellow",
    "hold_awaited": "yellow",
    "hold_placed": "cyan",
    "attempt_settled": "cyan",
    "hold_voided": "cyan",
    "fallback_activated": "yellow",
    "retry_scheduled": "yellow",
    "review_opened": "magenta",
    "review_escalated": "magenta",
    "review_decided": "magenta",
    "answer_delivered": "green",
    "invocation_refused": "red",
    "caller_left": "red",
}
OUTCOME_STYLES: Final[dict[str, str]] = {"answered": "green", "parked": "yellow", "running": "cyan"}


def explain(session: Session, reference: str) -> None:
    told = session.fetch("GET", f"/invocations/{quote(reference, safe='')}", Explanation)
    if told is None:
        return
    terminal = session.terminal
    terminal.line((told.verdict, f"bold {OUTCOME_STYLES.get(told.outcome, 'red')}"))
    terminal.line((_about(told, terminal), "dim"))
    terminal.line("")
    terminal.table(("AT", "WHAT HAPPENED"), [_row(entry) for entry in told.timeline], right=("AT",))
    terminal.line("")
    terminal.line((_totals(told), "dim"))
    if told.others:
        more = f"{count(len(told.others), 'further invocation')} by this reference"
        terminal.line((f"{more}: orchvynt runs {told.run}" if told.run == reference else f"{more}: {', '.join(told.others[:5])}", "dim"))


def _about(told: Explanation, terminal: Terminal) -> str:
    names = (("workflow", told.workflow), ("agent", told.agent), ("run", told.run), ("rule", told.rule))
    parts = [told.invocation, *(f"{name} {value}" for name, value in names if value)]
    if told.policy_version:
        commit = f" (commit {told.policy_commit[:12]})" if told.policy_commit else ""
        parts.append(f"policy version {told.policy_version}{commit}")
    return "  ·  ".join([*parts, terminal.when(told.at)])


def _row(entry: Entry) -> tuple[str, Text]:
    style = KIND_STYLES.get(entry.kind, "")
    if entry.kind == "attempt_ended":
        style = "green" if entry.detail.get("outcome") == "answered" else "red"
    if entry.kind == "gate_judged" and entry.detail.get("verdict") != "passed":
        style = "magenta"
    return f"+{after(entry.offset_ms)}", Text(printable(entry.text), style)


def _totals(told: Explanation) -> str:
    totals = told.totals
    parts = [
        f"{count(totals.attempts, 'attempt')} on {count(totals.tiers, 'tier')}",
        f"{totals.input_tokens} tokens in, {totals.output_tokens} out",
        f"settled ${totals.settled_usd}{' (estimated)' if totals.estimated else ''}",
    ]
    if totals.held_nanos:
        parts.append(f"still held ${totals.held_usd}")
    return "  ·  ".join([*parts, spent(totals.duration_ms)])


def invocations(session: Session, limit: int, after: str) -> None:
    page = session.fetch("GET", "/invocations", s.Listing[s.InvocationView], query={"limit": str(limit), "after": after})
    if page is None:
        return
    if not page.items:
        session.terminal.line("No invocation is on record yet.")
        return
    _list(session.terminal, page.items)
    session.more(page.next, "orchvynt invocations")


def run(session: Session, name: str) -> None:
    told = session.fetch("GET", f"/runs/{quote(name, safe='')}", s.RunView)
    if told is None:
        return
    terminal = session.terminal
    terminal.line(
        (f"run {told.run}", "bold"),
        f"  workflow {told.workflow or '-'}, {count(told.invocations, 'invocation')}, ${told.cost_usd}, ",
        f"{told.input_tokens} tokens in, {told.output_tokens} out",
        f", ${told.held_usd} still held" if told.held_nanos else "",
        ", some of it estimated" if told.estimated else "",
    )
    terminal.line("")
    for item in told.items:
        terminal.line((item.invocation, "dim"), f"  {item.agent or '-'}: ", (item.verdict, OUTCOME_STYLES.get(item.outcome, "red")))
    if told.truncated:
        terminal.line(("only the newest 100 are shown", "dim"))


def _list(terminal: Terminal, items: Sequence[s.InvocationView]) -> None:
    rows = [
        (
            item.invocation,
            terminal.when(item.at),
            item.agent or "-",
            item.workflow or "-",
            item.asked or "-",
            item.model or "-",
            state(item.outcome),
            f"${item.cost_usd}",
            spent(item.duration_ms) if item.duration_ms else "-",
        )
        for item in items
    ]
    headings = ("INVOCATION", "WHEN", "AGENT", "WORKFLOW", "ASKED", "GOT", "OUTCOME", "COST", "TIME")
    terminal.table(headings, rows, right=("COST", "TIME"), spare=("AGENT", "TIME", "ASKED", "WORKFLOW"))
