"""The route table: every path, its method, the least role that may use it, and its shapes. The OpenAPI document is made of it."""

from typing import Final

from orchvynt.lifecycle.explain import Explanation
from orchvynt.surfaces import budget_shapes as m
from orchvynt.surfaces import grant_shapes as g
from orchvynt.surfaces import key_shapes as k
from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces import policy_shapes as p
from orchvynt.surfaces.admin import (
    access,
    budgets,
    changes,
    exposition,
    fleet,
    grants,
    keys,
    metrics,
    policies,
    rates,
    records,
    reviews,
    spend,
)
from orchvynt.surfaces.admin.asking import Query, Row
from orchvynt.surfaces.admin.audit_rows import AUDIT_ROWS
from orchvynt.surfaces.admin.notify_table import NOTIFY_ROWS
from orchvynt.surfaces.admin.people_table import PEOPLE_ROWS
from orchvynt.surfaces.model_shapes import AlertView, ModelView, ProviderView
from orchvynt.surfaces.rate_shapes import RateLimitView

PREFIX: Final = "/api/v1"

ROWS: Final[tuple[Row, ...]] = (
    Row("GET", "/health", None, fleet.health, "Whether this process serves.", s.Health),
    Row("GET", "/status", "viewer", fleet.status, "What runs: version, policy, open work, store.", s.StatusView),
    Row("GET", "/policies", "viewer", policies.history, "The policy's history, newest first.", s.Listing[p.PolicyView], pages=True),
    Row("POST", "/policies", "operator", policies.apply, "Applies a policy.", p.PolicyApplied, takes=p.ApplyBody),
    Row(
        "POST", "/policies/validate", "viewer", policies.validate, "Checks a policy without applying it.", p.Validity, takes=p.ValidateBody
    ),
    Row("POST", "/policies/diff", "viewer", policies.diff, "What changes from one policy to another.", p.PolicyChange, takes=p.DiffBody),
    Row("POST", "/policies/rollback", "operator", policies.rollback, "Goes back to a version.", p.PolicyApplied, takes=p.RollbackBody),
    Row(
        "GET",
        "/policies/changes",
        "viewer",
        changes.listed,
        "Changes of what the policy protects, longest waiting first.",
        s.Listing[p.ChangeView],
        query=(Query("status", "`open` (default) or `all`.", ("open", "all")),),
        pages=True,
    ),
    Row("GET", "/policies/changes/{change}", "viewer", changes.one, "One change with its text.", p.ChangeDetail),
    Row(
        "POST",
        "/policies/changes/{change}/decisions",
        "reviewer",
        changes.decide,
        "Approves or rejects a change; the last approval puts it in force.",
        p.PolicyApplied,
        takes=p.ChangeDecisionBody,
    ),
    Row("GET", "/policies/{version}", "viewer", policies.one, "One version with its text.", p.PolicyDetail),
    Row(
        "POST",
        "/policies/{version}/rollback",
        "operator",
        policies.rollback_to,
        "Goes back to this version.",
        p.PolicyApplied,
        takes=p.RollbackToBody,
    ),
    Row("GET", "/invocations", "viewer", records.listed, "Invocations, newest first.", s.Listing[s.InvocationView], pages=True),
    Row(
        "GET",
        "/invocations/{reference:path}",
        "viewer",
        records.explained,
        "One record, explained. Takes an invocation, attempt, review, run, request, trace or provider response id, or `last`.",
        Explanation,
    ),
    Row("GET", "/runs/{run:path}", "viewer", records.run, "One run, from its first invocation to its last.", s.RunView),
    Row(
        "GET",
        "/budgets",
        "viewer",
        budgets.budgets,
        "Every budget for every subject in its current window.",
        s.Listing[s.BudgetView],
        query=(
            Query("budget", "Only this budget."),
            Query("subject", "Only this subject."),
            Query("sort", "By `name` (default), or the `tightest` first.", ("name", "tightest")),
        ),
        pages=True,
    ),
    Row("GET", "/budgets/{name}/{subject:path}", "viewer", budgets.budget, "One budget for one subject.", s.BudgetView),
    Row(
        "GET",
        "/spend",
        "viewer",
        spend.spend,
        "What was spent, by model, agent, workflow, run, key, provider or what callers say, the costliest first.",
        m.SpendReport,
        query=(
            Query("by", "One or several names, with commas: model (default), agent, workflow, run, key, provider, context.NAME …"),
            Query("since", "24h (default), 30d, a day such as 2026-11-03, or an instant."),
            Query("month", "A month such as 2026-11, instead of `since`."),
        ),
        pages=True,
    ),
    Row(
        "GET",
        "/receipts",
        "viewer",
        spend.receipts,
        "Receipts one by one, in the order in which they were settled: what statements are the sum of.",
        s.Listing[m.ReceiptView],
        query=(Query("since", "As that of /spend."), Query("month", "As that of /spend.")),
        pages=True,
    ),
    Row(
        "GET",
        "/statements/{month}",
        "viewer",
        spend.statement,
        "The statement of a month such as 2026-11: the sum of its receipts, to the nano-dollar.",
        m.Statement,
        query=(
            Query("by", "As that of /spend."),
            Query("days", "Whose days the month is made of: those of the `policy`'s timezone (default), or of `utc`.", ("policy", "utc")),
        ),
        pages=True,
    ),
    Row(
        "GET",
        "/grants",
        "viewer",
        grants.listed,
        "What was granted of budgets, newest first.",
        s.Listing[g.GrantView],
        query=(Query("budget", "Only those of this budget."),),
        pages=True,
    ),
    Row("POST", "/grants", "operator", grants.grant, "Grants more of a budget to a subject.", g.GrantView, takes=g.GrantBody, status=201),
    Row(
        "GET",
        "/rate-limits",
        "viewer",
        rates.rate_limits,
        "Every rate limit for every subject that is not at its full limit.",
        s.Listing[RateLimitView],
        pages=True,
    ),
    Row(
        "GET",
        "/reviews",
        "viewer",
        reviews.queue,
        "Reviews, longest waiting first.",
        s.Listing[s.ReviewView],
        query=(Query("status", "`open` (default) or `all`.", ("open", "all")),),
        pages=True,
    ),
    Row("GET", "/reviews/{review}", "reviewer", reviews.one, "One review with the answer to decide on.", s.ReviewDetail),
    Row("POST", "/reviews/{review}/decisions", "reviewer", reviews.decide, "Approves or rejects.", s.ReviewView, takes=s.DecisionBody),
    Row(
        "GET",
        "/providers",
        "viewer",
        fleet.providers,
        "Each model's route, whether it rests, and how it did lately.",
        s.Listing[ProviderView],
        pages=True,
    ),
    Row("GET", "/alerts", "viewer", fleet.alerts, "Alerts that hold, or held a moment ago.", s.Listing[AlertView], pages=True),
    Row(
        "GET",
        "/models",
        "viewer",
        fleet.models,
        "The policy's models with the prices in force and what was measured of them.",
        s.Listing[ModelView],
        pages=True,
    ),
    *AUDIT_ROWS,
    Row("GET", "/keys", "operator", keys.listed, "The secrets of the policy's keys, by id.", s.Listing[k.KeyView], pages=True),
    Row("POST", "/keys", "admin", keys.issue, "Issues a secret; it is shown once.", k.KeyIssued, takes=k.KeyBody, status=201),
    Row(
        "POST",
        "/keys/{name:path}/rotate",
        "admin",
        keys.rotate,
        "Issues a secret; those before it end after an overlap.",
        k.KeyRotated,
        takes=k.RotateBody,
        status=201,
    ),
    Row(
        "DELETE",
        "/keys/{name:path}",
        "admin",
        keys.revoke,
        "Revokes all secrets of a key, or one.",
        k.KeyRevoked,
        query=(Query("id", "Only the secret with this id."),),
    ),
    Row("GET", "/tokens", "admin", access.tokens, "The admin tokens, without their secrets.", s.Listing[s.TokenView], pages=True),
    Row(
        "POST", "/tokens", "admin", access.issue, "Issues a token; its secret is shown once.", s.TokenIssued, takes=s.TokenBody, status=201
    ),
    Row("DELETE", "/tokens/{name}", "admin", access.revoke, "Revokes a token.", s.TokenRevoked),
    *PEOPLE_ROWS,
    *NOTIFY_ROWS,
)

BESIDE: Final[tuple[Row, ...]] = (
    Row("GET", "/metrics", "viewer", metrics.metrics, "All metrics, as Prometheus text.", str, media=exposition.CONTENT_TYPE),
)
"""Those that stand outside of PREFIX, where other programs expect them."""
