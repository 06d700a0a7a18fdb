"""What happens on budgets: holds, and the receipts that end them. Stored for years: fields are only added, with defaults."""

from typing import Final

import msgspec

from orchvynt.model.fact import Fact
from orchvynt.model.usage import Usage

PROMPTS: Final = "#same_prompt"
"""A budget that limits equal prompts counts them in a book of its own: this, behind its name. No name of a policy holds a `#`."""


class HoldAwaited(Fact, frozen=True, tag="hold_awaited"):
    """Only in-flight holds of `budget` stood in the way, so the invocation waits for their release."""

    tier: int
    model: str
    budget: str
    subject: str


class Reserved(msgspec.Struct, frozen=True, gc=False):
    """A part of one budget's window for one subject. `window` is the start of the window in ns UTC, of a lifetime 0, or when it began
    anew because its subject was idle.

    `tokens` are input and output, `output_tokens` those of them that are output. `invocations` is 1 in the hold that counts its
    invocation. `rolls_ns` is the length of a window that rolls; `window` is then the start of the slice that the hold belongs to.
    `ends_at` is when the window has ended, or the slice has rolled out; 0 for a lifetime."""

    budget: str
    subject: str
    window: int
    nanos: int = 0
    tokens: int = 0
    output_tokens: int = 0
    invocations: int = 0
    rolls_ns: int = 0
    ends_at: int = 0


class HoldPlaced(Fact, frozen=True, tag="hold_placed"):
    """`attempt` is this attempt's id. `reserved` is empty where no budget applies. `limited_by` names the budget that
    lowered the output limit; `output_tokens_max` is None where nothing bounds the output. `overflows` names the budgets past whose
    limit this model is admitted in place of others. `input_counted_by` is the tokenizer that counted the input; empty where its bytes
    bound it."""

    attempt: str
    tier: int
    model: str
    reserved: tuple[Reserved, ...]
    input_tokens_bound: int
    output_tokens_max: int | None
    nanos_bound: int
    limited_by: str = ""
    overflows: tuple[str, ...] = ()
    input_counted_by: str = ""


class Downgraded(Fact, frozen=True, tag="downgraded"):
    """No tier had room, and `budget` admits this model past its limit: it is asked as a further candidate. `unmeasured` names what
    nobody knows of it, which passed."""

    budget: str
    from_model: str
    model: str
    tier: int
    unmeasured: tuple[str, ...] = ()


class BudgetThresholdPassed(Fact, frozen=True, tag="budget_threshold_passed"):
    """With this invocation `share` of a budget's limit (in parts of 10,000) was reached for the first time by `subject` in this window.

    `why` is `settled`, or what happened although nothing else was in flight: `refused` (or led to another model), `clamped`. `limit`
    and `settled` are nano-dollars, tokens or invocations, as `unit` says. `window` is its start in ns UTC, 0 for a lifetime;
    `resets_at` its end, 0 for none."""

    budget: str
    subject: str
    share: int
    unit: str
    limit: int
    settled: int
    why: str
    window: int = 0
    resets_at: int = 0
    scope: str = ""


class AttemptSettled(Fact, frozen=True, tag="attempt_settled"):
    """The receipt. `reserved` repeats the hold's parts with what was really consumed. `overrun` is set when it exceeds the hold.
    `input_over` is by how many input tokens the provider's count exceeds the bound of the hold; where the input was counted exactly, that
    ends the trust in the count (decisions/budgets/reported.py)."""

    attempt: str
    usage: Usage
    nanos: int
    reserved: tuple[Reserved, ...]
    price_source: str
    overrun: bool = False
    why: str = ""
    input_over: int = 0


class BudgetGranted(Fact, frozen=True, tag="budget_granted"):
    """More of one budget for one subject, until `until` (ns UTC; 0: for its lifetime), on top of its limit. `window` is the start of the
    window that it belongs to, 0 where that is a lifetime or rolls; `rolls_ns` is the length of one that rolls.

    `grant` is its id: that of the review whose approval gave it, else of its own. `inv` is the invocation that waited in that review;
    a grant that an operator gave unasked belongs to no record and has none."""

    grant: str
    budget: str
    subject: str
    window: int
    rolls_ns: int
    until: int
    nanos: int
    tokens: int
    by: str
    reason: str = ""
    review: str = ""


class HoldVoided(Fact, frozen=True, tag="hold_voided"):
    """The hold was returned whole: it is certain that no provider can bill this attempt."""

    attempt: str
    why: str
