"""Bodies of what a reviewer reads: the list, and one review with the answer to decide on."""

import json
from typing import Any, NamedTuple
from urllib.parse import quote

from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces import review_shapes as v
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import Terminal, state


class Wanted(NamedTuple):
    """Which reviews are listed, as the server's query says it; empty texts: whatever."""

    status: str = "open"
    gate: str = ""
    claimed: str = ""
    mine: bool = False
    newest: bool = False


def listed(session: Session, wanted: Wanted, limit: int, after: str) -> None:
    asked = {
        "status": wanted.status,
        "gate": wanted.gate,
        "claimed": wanted.claimed,
        "mine": "yes" if wanted.mine else "",
        "sort": "newest" if wanted.newest else "",
    }
    query = {name: value for name, value in asked.items() if value}
    page = session.fetch("GET", "/reviews", s.Listing[v.ReviewView], query={**query, "limit": str(limit), "after": after})
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("No review is open." if query == {"status": "open"} else "No such review is on record.")
        return
    rows = [
        (
            row.review,
            row.gate,
            _stage(row),
            state(row.status),
            terminal.when(row.opened_at),
            ", ".join(row.reviewers) or "-",
            f"{len(row.votes)} of {row.quorum}" if row.quorum > 1 else "-",
            row.claimed_by or "-",
            terminal.when(row.escalates_at) if row.status == "open" else row.by or "-",
        )
        for row in page.items
    ]
    headings = ("REVIEW", "GATE", "STAGE", "STATUS", "OPENED", "REVIEWERS", "VOTES", "CLAIMED", "ESCALATES/BY")
    terminal.table(headings, rows, spare=("VOTES", "CLAIMED", "STAGE", "REVIEWERS", "ESCALATES/BY", "OPENED", "STATUS"))
    flags = {"status": "--status", "gate": "--gate", "claimed": "--claimed"}
    said = "".join(f" {flag} {query[name]}" for name, flag in flags.items() if name in query and query[name] != "open")
    said += f"{' --mine' if wanted.mine else ''}{' --newest' if wanted.newest else ''}"
    session.more(page.next, f"orchvynt reviews list{said.replace(' --status all', ' --all')}")


def show(session: Session, review: str) -> None:
    shown = session.fetch("GET", f"/reviews/{quote(review, safe='')}", v.ReviewDetail)
    if shown is None:
        return
    terminal = session.terminal
    terminal.line((shown.verdict, "bold"))
    terminal.line("")
    terminal.pairs(
        [
            ("review", shown.review),
            ("status", state(shown.status)),
            ("gate", shown.gate),
            ("stage", _stage(shown)),
            ("matched on", _values(shown.reads)),
            *_wants(terminal, shown.wanted),
            ("reviewers", ", ".join(shown.reviewers)),
            ("quorum", f"{shown.quorum} people, {shown.missing} more to approve" if shown.status == "open" and shown.quorum > 1 else ""),
            ("not", f"{shown.requester}, who asked" if shown.not_requester else ""),
            ("takes", ", ".join(shown.choices)),
            ("claimed", f"{shown.claimed_by}, until {terminal.when(shown.claimed_until)}" if shown.claimed_by else ""),
            *[("voted", f"{one.by} {one.choice} {terminal.when(one.at)}{f': {one.reason}' if one.reason else ''}") for one in shown.votes],
            ("reason", "required" if shown.require_reason else "optional"),
            ("opened", terminal.when(shown.opened_at)),
            ("reminds", terminal.when(shown.reminds_at) if shown.reminds_at else ""),
            ("escalates", f"{terminal.when(shown.escalates_at)} ({shown.escalation or 'reject'})" if shown.escalates_at else ""),
            ("decided", f"{shown.status} by {shown.by} {terminal.when(shown.decided_at)}: {shown.reason}" if shown.decided_at else ""),
            ("model", _fact(shown.answer, "model")),
            ("finish", _fact(shown.answer, "finish")),
            ("flags", _fact(shown.answer, "flags")),
            ("workflow", shown.workflow),
            ("agent", shown.agent),
            ("run", shown.run),
            ("invocation", shown.invocation),
        ]
    )
    terminal.line("")
    if shown.answer.get("text") is not None or shown.answer.get("request") is None:
        terminal.line(("The answer", "bold underline"))
        terminal.line(_answer(shown.answer), lines=True)
    else:
        terminal.line(("What is asked, and was not sent yet", "bold underline"))
        terminal.line(str(shown.answer.get("request") or "(not kept)"), lines=True)
    if shown.diff:
        terminal.line("")
        edits = shown.status == "open"
        terminal.line(
            (f"What {shown.votes[0].by} wants to change" if edits and shown.votes else "What the reviewers changed", "bold underline")
        )
        terminal.line(shown.diff, lines=True)
    if shown.status == "open":
        terminal.line("")
        grant = f"--grant {shown.wanted.grants[0]}" if shown.wanted is not None else "--reason TEXT"
        terminal.line((f"orchvynt reviews approve {shown.review} {grant}   or   reject", "dim"))


def _stage(row: v.ReviewView) -> str:
    return f"{row.stage}, after delivery" if row.after_delivery else row.stage


def _wants(terminal: Terminal, wanted: v.WantedView | None) -> list[tuple[str, str]]:
    """The numbers of a call that wants more of a budget."""
    if wanted is None:
        return []
    figures = ((wanted.limit, "limit"), (wanted.spent, "spent"), (wanted.held, "held"), (wanted.needed, "needed"))
    return [
        ("subject", wanted.subject),
        ("budget", ", ".join(f"{word} {amount_text(amount, wanted)}" for amount, word in figures)),
        ("resets", terminal.when(wanted.resets_at) if wanted.resets_at else "never"),
        ("may grant", ", ".join(amount_text(amount, wanted) for amount in wanted.grants)),
    ]


def amount_text(amount: str, wanted: v.WantedView) -> str:
    """An amount in the unit of what is wanted."""
    return f"${amount}" if wanted.unit == "usd" else f"{int(amount):,} tokens"


def _values(reads: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in reads.items())


def _answer(answer: dict[str, Any]) -> str:
    """What the caller would get: the text, then each tool call, then a refusal."""
    if why := answer.get("not_kept"):
        return f"({why})"
    calls = answer.get("tool_calls")
    lines = [str(answer.get("text") or "")]
    lines += [f"calls {call.get('name')}({call.get('arguments')})" for call in calls or () if isinstance(call, dict)]
    if refusal := answer.get("refusal"):
        lines.append(f"refuses: {refusal}")
    return "\n\n".join(line for line in lines if line) or "(no text)"


def _fact(answer: dict[str, Any], name: str) -> str:
    """One small thing that the server says beside the answer."""
    value = answer.get(name)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
