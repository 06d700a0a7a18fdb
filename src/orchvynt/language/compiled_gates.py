"""Parts of the compiled policy that say who must look at what, and what happens meanwhile."""

from typing import Literal

import msgspec

from orchvynt.language.compiled import Expression
from orchvynt.model.review_facts import CLAIM_FOR_NS

Stage = Literal["input", "output", "tool_call"]
ALL: int = 10_000
"""A share of everything, in parts of 10,000."""


class Escalation(msgspec.Struct, frozen=True):
    """After `after_ns`, counted from the opening: `to` a further group, or (`to` empty) reject."""

    after_ns: int
    to: str


class WorkingHours(msgspec.Struct, frozen=True):
    """The time that reminders and escalations count: on `days` (Monday is 0), from minute `begins` of the day to `ends`, by the clocks of
    `timezone`."""

    days: tuple[int, ...]
    begins: int
    ends: int
    timezone: str


class Confidence(msgspec.Struct, frozen=True):
    """Where the `confidence` of an answer comes from: `logprobs`; `json`, a number at the pointer `of` in its JSON; `judge`, what the
    model `of` says of it. `unknown_passes` is what holds where there is none."""

    source: Literal["logprobs", "json", "judge"]
    of: str = ""
    unknown_passes: bool = False

    @property
    def text(self) -> str:
        """As the policy has it: `logprobs`, `json:/pointer`, `judge:MODEL`. Gates with the same one get the same figure."""
        return f"{self.source}:{self.of}" if self.of else self.source


class Presidio(msgspec.Struct, frozen=True):
    """How Presidio is asked: in which language, with which of spaCy's models (empty: by patterns alone), and from which score on, in parts
    of 10,000, what it finds counts. What it has not looked through after `within_ns` is unknown."""

    language: str = "en"
    model: str = ""
    least_score: int = 4_000
    within_ns: int = 2_000_000_000


class Gate(msgspec.Struct, frozen=True):
    """`wait_up_to_ns` is None for `auto`: the caller's own timeout less ten seconds. `refuse_streams` is `stream: refuse`. Of what matches,
    `sample` parts of 10,000 are reviewed; `after_delivery` reviews hold nothing. `remind_ns` count from the opening, as escalations do;
    with `hours` both count working time only. `rejects_in_words` is `on_reject: message`. A gate that is not `enforced` is judged and
    recorded, and changes nothing. `claim_for_ns` is how long the same request joins once its caller left."""

    name: str
    stage: Stage
    when: Expression | None
    reviewers: str
    require_reason: bool
    wait_up_to_ns: int | None
    escalation: tuple[Escalation, ...] = ()
    refuse_streams: bool = False
    confidence: Confidence | None = None
    quorum: int = 1
    not_requester: bool = False
    rejects_in_words: bool = False
    notify: tuple[str, ...] = ()
    sample: int = ALL
    after_delivery: bool = False
    enforced: bool = True
    remind_ns: tuple[int, ...] = ()
    hours: WorkingHours | None = None
    claim_for_ns: int = CLAIM_FOR_NS


class Group(msgspec.Struct, frozen=True):
    """People who may decide: `members` by their e-mail address, and whoever the identity provider has in `oidc`. `notify` are told what
    escalates to them."""

    name: str
    members: tuple[str, ...]
    oidc: str = ""
    notify: tuple[str, ...] = ()
