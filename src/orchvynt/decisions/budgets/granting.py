"""Whether an operator may grant so much to that subject: the subject is one that the budget has, and the grants stay below its bound."""

from collections.abc import Collection
from typing import Final

from orchvynt.decisions.budgets.grants import Amounts
from orchvynt.language.compiled_budgets import Budget, Limits
from orchvynt.language.subjects import EVERYBODY, NOBODY
from orchvynt.model.faults import Fault
from orchvynt.model.money import usd_text

REASON_CHARS_MAX: Final = 2_000
SUBJECT_CHARS_MAX: Final = 256


def check_subject(budget: Budget, subject: str, keys: Collection[str]) -> Fault | None:
    """Whether the budget can have this subject; `keys` are the names of the policy's keys."""
    help = "`orchvynt budgets` lists the subjects that have spent."
    if not subject or len(subject) > SUBJECT_CHARS_MAX or not subject.isprintable():
        return _refused("subject", f"A subject is a text of 1 to {SUBJECT_CHARS_MAX} printable characters.", help)
    if budget.scope == "global" and subject != EVERYBODY:
        return _refused("subject", f"Budget {budget.name} is global: its one subject is `{EVERYBODY}`.", f"Grant it to `{EVERYBODY}`.")
    if budget.scope == "invocation":
        said = f"Budget {budget.name} is per invocation: each has one of its own, which nobody can add to before it is there."
        return _refused("budget", said, "Raise its `limit` in the policy, or let reviewers grant more: `on_breach: {review: …}`.")
    if budget.scope == "key" and keys and subject not in keys:
        return _refused("subject", f"Budget {budget.name} is per key, and the policy has no key {subject[:100]}.", "Name one of `keys`.")
    if budget.missing_refused and subject == NOBODY:
        said = f"Budget {budget.name} refuses invocations without a subject, so `{NOBODY}` never spends of it."
        return _refused("subject", said, help)
    return None


def check_amount(budget: Budget, amount: Amounts, so_far: Amounts, reason: str) -> Fault | None:
    """`amount` is money or tokens, whichever is not 0; `so_far` is what operators granted the subject in this window already."""
    if not reason.strip():
        return _refused("reason", "A grant needs a reason.", "Say why: it stands in the audit and beside the grant.")
    if len(reason) > REASON_CHARS_MAX:
        return _refused("reason", f"The reason is {len(reason)} characters long; the most is {REASON_CHARS_MAX}.", "")
    money = amount[0] > 0
    unit = "usd" if money else "tokens"
    if budget.breach.kind == "alert":
        said = f"Budget {budget.name} only tells (`on_breach: alert`): it stops nothing, so a grant would change nothing."
        return _refused("budget", said, "Raise its `limit` if it tells too early.")
    if _of(budget.limits, money) is None:
        has = "USD" if budget.limits.nanos is not None else "tokens" if budget.limits.tokens is not None else "neither"
        said = f"Budget {budget.name} has no limit in {'USD' if money else 'tokens'} that a grant could raise."
        return _refused(unit, said, f"It limits {has}." if has != "neither" else "Grants are in USD or tokens, and it limits neither.")
    most = _of(budget.grant_max if budget.grant_max is not None else budget.limits, money) or 0
    given, asked = (so_far[0], amount[0]) if money else (so_far[1], amount[1])
    if given + asked <= most:
        return None
    said = (
        f"That would grant {_text(given + asked, money)} of budget {budget.name} in this window, and operators may grant "
        f"{_text(most, money)} in all; {_text(given, money)} is granted already."
    )
    detail = {"budget": budget.name, "grant_max": _text(most, money), "granted": _text(given, money), "left": _text(most - given, money)}
    return Fault(
        "forbidden", said, f"Grant at most {_text(max(0, most - given), money)}, or raise `grant_max` or `limit` in the policy.",
        param=unit, detail=detail,
    )  # fmt: skip


def _of(limits: Limits, money: bool) -> int | None:
    return limits.nanos if money else limits.tokens


def _text(amount: int, money: bool) -> str:
    return f"{usd_text(amount)} USD" if money else f"{amount} tokens"


def _refused(param: str, message: str, help: str) -> Fault:
    return Fault("invalid_request", message, help, param=param)
