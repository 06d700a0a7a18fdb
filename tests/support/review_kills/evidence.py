"""What is known of one question from outside: all that its audit goes by. Plain values, so that a forged copy can be judged, too."""

from typing import Any, NamedTuple

import msgspec


class End(NamedTuple):
    """What a caller was told for good: the id and words of the answer, or no id and the code of the refusal; and of which invocation."""

    id: str
    said: str
    inv: str = ""


class Cast(NamedTuple):
    """One vote. `reason` is unlike that of any other, `text` what an edit or a response says. `told` is the status of its answer, 0 where
    the server died before it said anything, or did not know; `late`: because the review was decided before."""

    by: str
    choice: str
    reason: str
    text: str
    told: int
    late: bool = False


class Claim(NamedTuple):
    """Somebody wanted the review for themselves."""

    by: str
    told: int


class Arrival(NamedTuple):
    """One request of the question in the provider's own ledger, with its number there; `how` is how it was billed, empty if it was not."""

    n: int
    how: str


class Evidence(msgspec.Struct):
    """`ends` is what the callers of the question were told, each time that it was asked for; `marks` what those of them that see headers
    were told of a reviewer's changes. `answered` is the invocation that the first caller got its last word from.

    `keyed`: its requests carry an idempotency key. `left_ns` is when a caller gave up (ns UTC), 0 if none did, `told_ns` when the first got
    its last word; `spans` are when what one process knew was out of the others' reach. `records` are the explanations of all invocations of
    the question's run, in their order, and `reviews` its reviews by name, as the admin plane has them; `casts` and `claims` by review, too.
    """

    text: str
    way: str
    gate: str
    keyed: bool
    ends: list[End]
    marks: list[str]
    answered: str
    left_ns: int
    told_ns: int
    spans: list[tuple[int, int]]
    tries: int
    arrivals: list[Arrival]
    records: list[dict[str, Any]]
    reviews: dict[str, dict[str, Any]]
    casts: dict[str, list[Cast]]
    claims: dict[str, list[Claim]]


class Question:
    """One request, alone in its run, as its caller knows it."""

    def __init__(self, number: int, way: str, gate: str) -> None:
        self.text = f"question {number}, {gate}"
        self.run = f"run-{number}"
        self.way = way
        self.gate = gate
        # Of every second one. Without, a request that is made again is known by its caller, its run and its body.
        self.key = f"key-{number}" if number % 2 else ""
        self.ends: list[End] = []
        self.marks: list[str] = []
        self.tries = 0
        self.left_ns = 0
        self.told_ns = 0
        # Whether a caller of it was told to come back.
        self.came_back = False
        # The invocation whose answer its caller has read, whatever became of the connection after that.
        self.answered = ""
        # What ended its last try without an answer.
        self.last = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.way}, {self.tries} tries, {len(self.ends)} times answered, last: {self.last})"


class Found(msgspec.Struct):
    """What the audits have seen."""

    questions: int = 0
    readings: int = 0
    tries: int = 0
    arrivals: int = 0
    cut_off: int = 0
    crossed: int = 0
    failed: int = 0
    unheard: int = 0
    keyed: int = 0
    fallbacks: int = 0
    votes: int = 0
    counted: int = 0
    late: int = 0
    barred: int = 0
    unanswered: int = 0
    claims: int = 0
    escalated: int = 0
    four_eyes: int = 0
    approved: int = 0
    edited: int = 0
    responded: int = 0
    rejected: int = 0
    in_words: int = 0
    expired: int = 0
    ended_by_kill: int = 0
