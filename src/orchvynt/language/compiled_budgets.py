"""Parts of the compiled policy that say what invocations may cost, and how many there may be."""

from typing import Final, Literal

import msgspec

from orchvynt.language.compiled import Expression

Scope = Literal["invocation", "run", "session", "agent", "workflow", "key", "global"]
WindowKind = Literal["minute", "hour", "day", "week", "month", "rolling", "lifetime"]
BreachKind = Literal["reject", "clamp", "downgrade", "review", "alert"]

DAY_NS: Final = 86_400_000_000_000


class Limits(msgspec.Struct, frozen=True, gc=False):
    """What may be spent; None does not bound. `nanos` is money, `tokens` is input + output."""

    nanos: int | None = None
    tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    invocations: int | None = None


UNLIMITED: Final = Limits()


class Breach(msgspec.Struct, frozen=True):
    """What happens past the limit. `model` is the one that is admitted by a `downgrade`, `ceiling` where even that ends. `reviewers` is
    the group that a `review` asks, `grants` the amounts that it may grant: nano-dollars if the limit is money, else tokens."""

    kind: BreachKind = "reject"
    model: str = ""
    ceiling: Limits = UNLIMITED
    reviewers: str = ""
    grants: tuple[int, ...] = ()


class Budget(msgspec.Struct, frozen=True):
    """A budget. Its subject is that of `scope`, or the value of `by`: exactly one of them is there. `timezone` is the policy's.

    `rolls_ns` is the length of a rolling window, else 0. `depth` and `same_prompt` stop runs that went astray; None does not.
    `missing_refused`: who names no subject is refused. `was` is the former name, empty where there is none. `alert_at` are shares of the
    limit in parts of 10,000. `grant_max` bounds what operators grant one subject in one window, None: no more than the limit itself."""

    name: str
    scope: Scope | None
    when: Expression | None
    window: WindowKind
    limits: Limits = UNLIMITED
    wait_for_holds_ns: int = 30_000_000_000
    min_output_tokens: int = 16
    timezone: str = "UTC"
    by: Expression | None = None
    rolls_ns: int = 0
    depth: int | None = None
    same_prompt: int | None = None
    breach: Breach = Breach()
    missing_refused: bool = False
    idle_ns: int = 30 * DAY_NS
    was: str = ""
    alert_at: tuple[int, ...] = ()
    notify: tuple[str, ...] = ()
    grant_max: Limits | None = None

    @property
    def subject_of(self) -> str:
        """Whose spend is counted together, in the policy's words: `run`, or `context.customer`."""
        return self.scope if self.scope is not None else self.by.text if self.by is not None else ""


class RateLimit(msgspec.Struct, frozen=True):
    """How much may come in a window of `window_ns`; None does not bound. Its subject is that of `scope`, or the value of `by`."""

    name: str
    scope: Scope | None
    when: Expression | None
    window_ns: int
    invocations: int | None = None
    tokens: int | None = None
    concurrent: int | None = None
    by: Expression | None = None

    @property
    def subject_of(self) -> str:
        """Whose calls are counted together, in the policy's words."""
        return self.scope if self.scope is not None else self.by.text.strip() if self.by is not None else ""
