"""Writes docs/reference/cli/COMMAND.schema.json: the JSON Schema of what each command prints under --json.

`python docs/generate_cli_schemas.py` writes them, `--check` says whether they are up to date.
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from orchvynt.assembly.doctor import Finding
from orchvynt.decisions.billing.reconciling import Reconciliation
from orchvynt.lifecycle.explain import Explanation
from orchvynt.surfaces import audit_shapes as a
from orchvynt.surfaces import budget_shapes as m
from orchvynt.surfaces import grant_shapes as g
from orchvynt.surfaces import key_shapes as k
from orchvynt.surfaces import notify_shapes as n
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces import people_shapes as h
from orchvynt.surfaces import policy_shapes as p
from orchvynt.surfaces import review_shapes as v
from orchvynt.surfaces.model_shapes import ProviderView
from orchvynt.surfaces.rate_shapes import RateLimitView
from orchvynt.surfaces.rehearsed import Rehearsal

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference" / "cli"

SHAPES: dict[str, Any] = {
    "apply": p.PolicyApplied,
    "audit coverage": a.CoverageView,
    "audit forget": a.ForgetView,
    "audit head": a.HeadView,
    "audit hold": a.HoldView,
    "audit holds": s.Listing[a.HoldView],
    "audit list": s.Listing[a.AuditEntry],
    "audit release": a.HoldView,
    "audit verify": a.VerifiedView,
    "budgets": s.Listing[s.BudgetView],
    "budgets reconcile": Reconciliation,
    "budgets show": s.Listing[s.BudgetView],
    "budgets statement": m.Statement,
    "budgets grant": g.GrantView,
    "changes list": s.Listing[p.ChangeView],
    "changes show": p.ChangeDetail,
    "changes approve": p.PolicyApplied,
    "changes reject": p.PolicyApplied,
    "budgets grants": s.Listing[g.GrantView],
    "diff": p.PolicyDiff,
    "doctor": s.Listing[Finding],
    "explain": Explanation,
    "forget": a.ForgetView,
    "history": s.Listing[p.PolicyView],
    "invocations": s.Listing[s.InvocationView],
    "store backup": s.StoreBackup,
    "store move": s.StoreMoved,
    "store reopen": s.StoreReopened,
    "keys issue": k.KeyIssued,
    "keys list": s.Listing[k.KeyView],
    "keys revoke": k.KeyRevoked,
    "keys rotate": k.KeyRotated,
    "migrate": s.StoreMigrated,
    "limits": s.Listing[RateLimitView],
    "login": h.LoggedIn,
    "logout": h.LoggedOut,
    "people add": h.PersonView,
    "people disable": h.PersonView,
    "people enable": h.PersonView,
    "people list": s.Listing[h.PersonView],
    "people password": h.PersonView,
    "people role": h.PersonView,
    "people unlink": h.PersonView,
    "notify list": s.Listing[n.DestinationView],
    "notify outbox": s.Listing[n.MessageView],
    "notify resend": n.MessageView,
    "notify test": n.NotifyTested,
    "policy pull": p.PolicyDetail,
    "providers": s.Listing[ProviderView],
    "reviews approve": v.ReviewView,
    "reviews claim": v.ReviewView,
    "reviews edit": v.ReviewView,
    "reviews list": s.Listing[v.ReviewView],
    "reviews reject": v.ReviewView,
    "reviews release": v.ReviewView,
    "reviews respond": v.ReviewView,
    "reviews show": v.ReviewDetail,
    "rollback": p.PolicyApplied,
    "runs": s.RunView,
    "spend": m.SpendReport,
    "status": s.StatusView,
    "test": Rehearsal,
    "tokens issue": s.TokenIssued,
    "tokens list": s.Listing[s.TokenView],
    "tokens revoke": s.TokenRevoked,
    "validate": p.Validity,
    "whoami": h.Me,
}
SEVERAL: dict[str, Any] = {"reviews approve": v.DecisionsView, "reviews reject": v.DecisionsView}
"""What the same commands print about several things at once."""
REFUSED = "refusal"


def file_name(command: str) -> str:
    return f"{command.replace(' ', '-')}.schema.json"


def schemas() -> dict[str, str]:
    """File name → text. `refusal` is what every command prints under --json when the server refuses."""
    titled = {f"orchvynt {command} --json": (command, shape) for command, shape in SHAPES.items()}
    titled["a refusal under --json"] = (REFUSED, s.RefusalBody)
    return {file_name(command): _text(title, shape, SEVERAL.get(command)) for title, (command, shape) in titled.items()}


def _text(title: str, shape: Any, several: Any) -> str:
    found = msgspec.json.schema(shape)
    if several is not None:
        either, components = msgspec.json.schema_components([shape, several], ref_template="#/$defs/{name}")
        found = {"anyOf": list(either), "$defs": components}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_cleaned(found)}
    return json.dumps(schema, indent=2) + "\n"


def _cleaned(schema: Any) -> Any:
    """The same with docstrings as people read them: msgspec leaves their indentation in before 0.23."""
    if isinstance(schema, dict):
        cleaned = {name: _cleaned(value) for name, value in schema.items()}
        if isinstance(cleaned.get("description"), str):
            cleaned["description"] = inspect.cleandoc(cleaned["description"])
        return cleaned
    return [_cleaned(value) for value in schema] if isinstance(schema, list) else schema


def stale() -> list[str]:
    """The files that are missing, differ, or belong to no command."""
    wanted = schemas()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.schema.json")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        for name in (old := stale()):
            print(f"docs/reference/cli/{name} is out of date: run `python docs/generate_cli_schemas.py`", file=sys.stderr)
        return 1 if old else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.schema.json"):
        path.unlink()
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
