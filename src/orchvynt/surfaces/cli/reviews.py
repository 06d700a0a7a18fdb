"""Bodies of the commands of a reviewer: list, show, approve, reject."""

import json
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces.cli.session import Session
from orchvynt.surfaces.cli.terminal import STATES, Terminal, state


def listed(session: Session, everything: bool, limit: int, after: str) -> None:
    query = {"status": "all" if everything else "open", "limit": str(limit), "after": after}
    page = session.fetch("GET", "/reviews", s.Listing[s.ReviewView], query=query)
    if page is None:
        return
    terminal = session.terminal
    if not page.items:
        terminal.line("No review is on record." if everything else "No review is open.")
        return
    rows = [
        (
            row.review,
            row.gate,
            _stage(row),
            state(row.status),
            terminal.when(row.opened_at),
            ", ".join(row.reviewers) or "-",
            terminal.when(row.escalates_at) if row.status == "open" else row.by or "-",
        )
        for row in page.items
    ]
    terminal.table(("REVIEW", "GATE", "STAGE", "STATUS", "OPENED", "REVIEWERS", "ESCALATES/BY"), rows)
    session.more(page.next, f"orchvynt reviews list{' --all' if everything else ''}")


def show(session: Session, review: str) -> None:
    shown = session.fetch("GET", f"/reviews/{quote(review, safe='')}", s.ReviewDetail)
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
            ("reason", "required" if shown.require_reason else "optional"),
            ("opened", terminal.when(shown.opened_at)),
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
    if shown.status == "open":
        terminal.line("")
        grant = f"--grant {shown.wanted.grants[0]}" if shown.wanted is not None else "--reason TEXT"
        terminal.line((f"orchvynt reviews approve {shown.review} {grant}   or   reject", "dim"))


def decide(session: Session, review: str, decision: Literal["approve", "reject"], reason: str, grant: Decimal | None = None) -> None:
    path = f"/reviews/{quote(review, safe='')}/decisions"
    done = session.fetch("POST", path, s.ReviewView, s.DecisionBody(decision=decision, reason=reason, grant=grant))
    if done is not None:
        granted = f", granting {_amount(done.granted, done.wanted)}" if done.wanted is not None and done.granted else ""
        session.terminal.line((done.status, STATES.get(done.status, "")), f"  {done.review} by {done.by}{granted}")


def _stage(row: s.ReviewView) -> str:
    return f"{row.stage}, after delivery" if row.after_delivery else row.stage


def _wants(terminal: Terminal, wanted: s.WantedView | None) -> list[tuple[str, str]]:
    """The numbers of a call that wants more of a budget."""
    if wanted is None:
        return []
    figures = ((wanted.limit, "limit"), (wanted.spent, "spent"), (wanted.held, "held"), (wanted.needed, "needed"))
    return [
        ("subject", wanted.subject),
        ("budget", ", ".join(f"{word} {_amount(amount, wanted)}" for amount, word in figures)),
        ("resets", terminal.when(wanted.resets_at) if wanted.resets_at else "never"),
        ("may grant", ", ".join(_amount(amount, wanted) for amount in wanted.grants)),
    ]


def _amount(amount: str, wanted: s.WantedView) -> str:
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
