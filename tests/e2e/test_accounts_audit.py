"""The audit of budgets by records alone can fail: what a broken server would have written is accused."""

from typing import Any

import pytest
from tests.support.accounts import Accounts, Limit

LIMIT = Limit({"tokens": 100}, wait_s=5)


def at(seconds: float) -> str:
    return f"2026-11-30T10:00:{seconds:09.6f}Z"


def part(tokens: int) -> dict[str, Any]:
    return {"budget": "b", "subject": "*", "window": 0, "nanos": 0, "tokens": tokens, "output_tokens": 0, "invocations": 0, "ends_at": 0}


def entry(kind: str, when: float, **detail: Any) -> dict[str, Any]:
    return {"kind": kind, "at": at(when), "detail": detail}


def answered(inv: str, since: float, until: float, held: int, settled: int | None) -> dict[str, Any]:
    placed = entry("hold_placed", since, attempt=inv, model="m", reserved=[part(held)])
    if settled is None:
        return {"invocation": inv, "timeline": [placed, entry("hold_voided", until, attempt=inv)]}
    return {"invocation": inv, "timeline": [placed, entry("attempt_settled", until, attempt=inv, reserved=[part(settled)])]}


def refused(when: float, spent: int, needed: int, since: float | None = None, limit: int = 100, leased: int = 0) -> dict[str, Any]:
    detail = {"budget": "b", "subject": "*", "unit": "tokens", "limit": limit, "spent": spent, "needed": needed, "resets": None}
    awaited = [] if since is None else [entry("hold_awaited", since)]
    told = entry("invocation_refused", when, code="budget_exceeded", detail={**detail, **({"leased": leased} if leased else {})})
    return {"invocation": "r", "timeline": [*awaited, told]}


def audit(*records: dict[str, Any], billed: int = 0) -> Accounts:
    accounts = Accounts({"b": LIMIT})
    for record in records:
        accounts.record(record)
    if billed:
        accounts.bill("one", billed)
    accounts.never_over()
    accounts.no_false_refusal()
    return accounts


def test_what_is_right_passes() -> None:
    first, second = answered("one", 1, 3, 60, 40), answered("two", 2, 4, 40, None)
    accounts = audit(first, second, answered("three", 4, 5, 60, 60), refused(6, 100, 1), billed=40)
    assert (accounts.settled("b", "*"), accounts.billed("b", "*"), accounts.in_vain) == (100, 40, 0)
    assert audit(first, refused(20, 40, 60, since=15, leased=60)).in_vain == 1
    assert audit(answered("one", 1, 30, 60, 40), refused(20, 0, 60, since=15)).in_vain == 1


@pytest.mark.parametrize(
    ("records", "billed", "accused"),
    [
        ([answered("one", 1, 3, 60, 40), answered("two", 2, 4, 41, 1)], 0, "101 of 100 tokens were settled and held"),
        ([answered("one", 1, 3, 60, 80), answered("two", 4, 5, 21, 1)], 0, "101 of 100 tokens were settled and held"),
        ([answered("one", 1, 3, 60, 60)], 101, "101 of 100 tokens were billed"),
        ([answered("one", 1, 3, 60, 40), refused(5, 60, 41)], 0, "40 were settled by then"),
        ([refused(5, 0, 60, limit=50)], 0, "refused below its limit"),
        ([answered("one", 1, 9, 60, 40), refused(5, 0, 60)], 0, "because of holds in flight alone"),
        ([answered("one", 1, 3, 60, 40), refused(20, 40, 60, since=15)], 0, "refused without need"),
    ],
)
def test_what_a_broken_server_would_have_written_is_accused(records: list[dict[str, Any]], billed: int, accused: str) -> None:
    with pytest.raises(AssertionError, match=accused):
        audit(*records, billed=billed)
