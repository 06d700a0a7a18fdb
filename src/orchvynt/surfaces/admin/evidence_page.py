"""The evidence pack of one review as a document: one HTML file without any external resource, which prints on paper.

INVARIANT: whatever comes from callers, providers, reviewers or the policy passes `_text` on its way in; there is no script in it.
"""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

import msgspec

from orchvynt.lifecycle.explain import Explanation
from orchvynt.lifecycle.explain.phrases import duration_text, instant_text
from orchvynt.model.facts import InvocationReceived
from orchvynt.ports.store import ReviewRow
from orchvynt.surfaces.audit_shapes import AuditEntry, HeadView, VerifiedView

HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex"><title>{title}</title><style>
@page { size: A4; margin: 18mm 16mm; }
* { box-sizing: border-box; }
body { font: 10.5pt/1.5 Georgia, "Times New Roman", serif; color: #16191d; background: #fff;
  max-width: 190mm; margin: 0 auto; padding: 12mm 8mm; }
header { border-bottom: 2px solid #16191d; padding-bottom: 4mm; margin-bottom: 7mm;
  display: flex; justify-content: space-between; gap: 8mm; }
h1 { font-size: 18pt; line-height: 1.2; margin: 0 0 1mm; font-weight: 600; }
h2 { font-size: 12pt; margin: 9mm 0 2.5mm; padding-bottom: 1mm; border-bottom: 1px solid #b9c0c8; font-weight: 600; break-after: avoid; }
p { margin: 1.5mm 0; } small, .dim { color: #56606b; }
.stamp { align-self: flex-start; border: 1.6px solid currentColor; border-radius: 2px; padding: 1.2mm 4mm;
  font: 600 10pt/1.3 system-ui, sans-serif;
  letter-spacing: .09em; text-transform: uppercase; white-space: nowrap; }
.approved { color: #17633a; } .rejected, .expired { color: #96231d; } .open { color: #7b5300; }
table { border-collapse: collapse; width: 100%; font-size: 9.5pt; } tr { break-inside: avoid; }
th, td { text-align: left; vertical-align: top; padding: 1.3mm 3mm 1.3mm 0; border-bottom: 1px solid #e1e5e9; overflow-wrap: anywhere; }
th { font: 600 8pt/1.5 system-ui, sans-serif; color: #56606b; letter-spacing: .02em; }
table.facts th { width: 42mm; } .log td:first-child { white-space: nowrap; }
pre, code { font: 8.5pt/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f7f8; border: 1px solid #dfe4e8; padding: 3mm; margin: 2mm 0; }
.proof code { font-size: 7.5pt; } .ok { color: #17633a; font-weight: 600; } .bad { color: #96231d; font-weight: 600; }
footer { margin-top: 10mm; padding-top: 3mm; border-top: 1px solid #b9c0c8; font-size: 8.5pt; color: #56606b; }
@media print { body { padding: 0; max-width: none; } pre { background: none; } }
</style></head><body>
"""
STATUS: Final[dict[str, str]] = {"approved": "Approved", "rejected": "Rejected", "expired": "Timed out", "open": "Open"}
EVENTS: Final[dict[str, str]] = {
    "review.open": "Opened",
    "review.claim": "Claimed",
    "review.release": "Released",
    "review.vote": "Voted",
    "review.remind": "Reminded",
    "review.escalate": "Escalated",
    "review.approve": "Approved",
    "review.edit": "Approved with an edit",
    "review.respond": "Answered in its place",
    "review.reject": "Rejected",
    "review.expire": "Timed out",
    "review.deliver": "Delivered to the caller",
}
REFUSED: Final = " refused"
HOW: Final = """<p>Each entry holds the hash of the one before it. The hash of an entry is the SHA-256 of a JSON list of texts,
without blanks, in UTF-8:
<code>["orchvynt audit 1", number, at_ns, who, what, subject, details, digests, salted, previous]</code>, where <code>details</code> and
<code>digests</code> are the JSON text of the object with its names sorted (RFC 8785). A digest is the
SHA-256 of the salt (32 bytes, given in hex)
followed by the content; <code>salted</code> is the SHA-256 of the JSON text of <code>salts</code>. To check the whole chain:</p>
<pre>orchvynt audit verify --head {hash}
orchvynt audit export -o audit.jsonl; orchvynt audit verify --file audit.jsonl --head {hash}</pre>
"""


class Content(msgspec.Struct, frozen=True):
    """What was reviewed, and the entry of the audit whose hash it has (`number` 0: none has). Not `reviewed`: it came after an approval."""

    name: str
    text: str
    number: int
    salt: str
    digest: str
    reviewed: bool = True


class Pack(msgspec.Struct, frozen=True):
    """All that the document says. `why_not` says why there are no `contents`. `policy_text` is what the policy said of the gate and of its
    reviewers then."""

    row: ReviewRow
    told: Explanation
    received: InvocationReceived | None
    reads: Mapping[str, object]
    contents: tuple[Content, ...]
    why_not: str
    entries: tuple[AuditEntry, ...]
    verified: VerifiedView
    head: HeadView
    at: str
    by: str
    policy_text: str = ""


def render(pack: Pack) -> str:
    row = pack.row
    status = STATUS.get(row.status, row.status)
    return "".join(
        [
            HEAD.replace("{title}", _text(f"Evidence of review {row.review}")),
            f"<header><div><h1>Evidence of a human review</h1><code>{_text(row.review)}</code><br>",
            f"<small>{_text(pack.told.verdict)}</small></div>",
            f'<div class="stamp {_text(row.status)}">{_text(status)}</div></header>',
            "<h2>1. Who asked</h2>",
            _facts(_asked(pack)),
            "<h2>2. What stopped it, and why</h2>",
            _facts(_stopped(pack)),
            *_policy_text(pack),
            "<h2>3. What was reviewed</h2>",
            *_reviewed(pack),
            "<h2>4. What people decided</h2>",
            _decided(pack),
            "<h2>5. Proof</h2>",
            *_proof(pack),
            f"<footer>Made by OrchVynt at {_text(pack.at)} for {_text(pack.by)}. ",
            "This document is complete in itself: it loads nothing.</footer>",
            "</body></html>\n",
        ]
    )


def _asked(pack: Pack) -> list[tuple[str, object]]:
    told, received = pack.told, pack.received
    claims = received.claims if received is not None else None
    return [
        ("Invocation", told.invocation),
        ("Received", told.at),
        ("Key of the caller", told.key or told.key_id),
        ("Owner of the key", pack.row.requester),
        ("Workflow", told.workflow),
        ("Agent", told.agent),
        ("Run", told.run),
        ("Session", claims.session if claims else ""),
        ("End user", claims.user if claims else ""),
        ("Flags", ", ".join(claims.flags) if claims else ""),
        ("Asked for", f"{told.asked} at {told.endpoint}"),
        ("Answered by", f"{told.model} of {told.provider}" if told.provider else told.model),
        (
            "Policy",
            f"version {told.policy_version}, digest {told.policy_digest}"
            + (f", commit {told.policy_commit}" if told.policy_commit else ""),
        ),
    ]


def _stopped(pack: Pack) -> list[tuple[str, object]]:
    row = pack.row
    reads = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in pack.reads.items())
    return [
        ("Gate", row.gate),
        ("Stage", row.stage),
        ("What it read", reads),
        ("Opened", instant_text(row.opened_at)),
        ("May decide", ", ".join(row.reviewers)),
        ("Approvals needed", row.quorum),
        ("The requester may approve", "no" if row.not_requester else "yes"),
        ("A reason is", "required" if row.require_reason else "optional"),
        ("Reviewed after delivery", "yes: nothing was held" if row.after_delivery else ""),
    ]


def _policy_text(pack: Pack) -> Iterable[str]:
    if pack.policy_text:
        yield f"<p>What the policy said of it then:</p><pre>{_text(pack.policy_text)}</pre>"


def _reviewed(pack: Pack) -> Iterable[str]:
    if not pack.contents:
        yield f"<p>{_text(pack.why_not)}</p>"
    for content in pack.contents:
        yield f"<p><b>{_text(content.name.capitalize())}</b></p><pre>{_text(_readable(content.text))}</pre>"
        if content.number:
            said = f"Entry {content.number} has its SHA-256 with the salt: {content.digest} (salt {content.salt})."
            yield f"<p><small>{_text(said)}</small></p>"
        elif not content.reviewed:
            yield "<p><small>It came after the decision: nobody reviewed it, and the audit has no hash of it.</small></p>"
        else:
            yield '<p><small class="bad">No entry of the audit has the hash of this content.</small></p>'
    hashes = [(entry.number, name, said) for entry in pack.entries for name, said in entry.digests.items() if name != "why"]
    if hashes and not pack.contents:
        yield _table(("Entry", "Content", "SHA-256 of salt and content"), hashes)


def _readable(text: str) -> str:
    """An answer as people saw it; anything else as it came."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, dict) or set(value) != {"text", "tool_calls", "refusal"}:
        return json.dumps(value, ensure_ascii=False, indent=2)
    calls = [f"calls {call.get('name')}({call.get('arguments')})" for call in value["tool_calls"] if isinstance(call, dict)]
    refused = f"refuses: {value['refusal']}" if value["refusal"] else ""
    return "\n\n".join(part for part in (str(value["text"]), *calls, refused) if part)


def _decided(pack: Pack) -> str:
    rows = []
    for entry in pack.entries:
        what, refused = entry.what.removesuffix(REFUSED), entry.what.endswith(REFUSED)
        if what not in EVENTS:
            continue
        at = int(entry.at_ns)
        since = duration_text(at - pack.row.opened_at) if at > pack.row.opened_at else ""
        choice = f": {entry.details['choice']}" if "choice" in entry.details else ""
        to = f" to {entry.details['to']}" if "to" in entry.details else ""
        why = "(forgotten)" if entry.forgotten_by and "why" in entry.digests else entry.why
        told = f"Refused: {what.removeprefix('review.')}" if refused else EVENTS[what] + choice + to
        rows.append((entry.at, since, told, entry.who, why))
    table = _table(("Instant (UTC)", "After", "What", "Who", "Reason, in their words"), rows)
    return f'<div class="log">{table}</div>' if rows else "<p>No entry is there.</p>"


def _proof(pack: Pack) -> Iterable[str]:
    found = pack.verified
    if found.ok:
        yield f'<p class="ok">The whole chain of {found.entries} entries was checked when this document was made: nothing was changed.</p>'
    else:
        yield f'<p class="bad">The chain is broken at entry {found.bad_at}: {_text(found.problem)}.</p>'
    yield f"<p>Its head then: entry {pack.head.number}, <code>{_text(pack.head.hash)}</code>.</p>"
    yield HOW.replace("{hash}", _text(pack.head.hash))
    rows = [(entry.number, entry.what, entry.previous, entry.hash) for entry in pack.entries]
    yield f'<div class="proof">{_table(("Entry", "What", "Hash of the one before", "Hash"), rows, code=(2, 3))}</div>'
    lines = "\n".join(msgspec.json.encode(entry).decode() for entry in pack.entries)
    yield f"<p>The same entries, as they are exported:</p><pre>{_text(lines)}</pre>"


def _facts(rows: Iterable[tuple[str, object]]) -> str:
    lines = "".join(f"<tr><th>{_text(name)}</th><td>{_lines(value)}</td></tr>" for name, value in rows if value not in ("", None))
    return f'<table class="facts">{lines}</table>'


def _table(names: tuple[str, ...], rows: Iterable[tuple[object, ...]], code: tuple[int, ...] = ()) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{f'<code>{_text(cell)}</code>' if at in code else _lines(cell)}</td>" for at, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _lines(value: object) -> str:
    return _text(value).replace("\n", "<br>")


def _text(value: object) -> str:
    """Inert: markup is escaped, and what a browser or a reader could be misled by (controls, bidirectional marks) is written out."""
    said = "".join(one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode("ascii") for one in str(value))
    return escape(said, quote=True)
