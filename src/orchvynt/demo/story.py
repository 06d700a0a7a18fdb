"""The story of the demo, act by act. Each act does something, and claims what came of it.

A claim is checked when it is made, against the provider's own ledger and OrchVynt's records; the demo prints nothing it has not seen.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from openai import APIStatusError, OpenAI

from orchvynt.demo.agents import drafting, fact_checking, retrieval
from orchvynt.demo.stage import Stage

QUESTION: Final = "When was the bridge built, how long did it take, and how long is it?"
PARAGRAPH: Final = "Built over fourteen years and opened in 1883, the bridge spans 486 metres between two cities that it made one."
WORKFLOW: Final = "doc-analysis"
# What openai asks for with its 429; over by the time the budget runs out.
RESTS_S: Final = 3
# The nightly import's budget, as the policy says it.
IMPORT_BUDGET_TOKENS: Final = 1_500


class Claim(NamedTuple):
    """One sentence, and whether it was seen to hold."""

    text: str
    holds: bool


class Scene(NamedTuple):
    """What one act came to: `seen` is what the on-call engineer gets to see, from the command that stands before it."""

    title: str
    told: str
    claims: list[Claim]
    command: str
    seen: str


class Story:
    """Seven acts over one stage. They build on one another."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def acts(self) -> Iterator[Callable[[], Scene]]:
        yield from (self.well, self.broken, self.rate_limited, self.both_down, self.changed, self.spent, self.reviewed)

    def run_workflow(self, run: str, flags: str = "") -> list[str]:
        """The three agents, one after the other, each at its own address."""
        headers = {"x-orchvynt-run": run}
        review = {**headers, "x-orchvynt-flags": flags} if flags else headers
        facts = retrieval.retrieve(self._at("retrieval"), headers, QUESTION)
        text = drafting.draft(self._at("drafting"), review, facts)
        return [facts, text, fact_checking.check(self._at("fact-checking"), headers, text)]

    def _at(self, agent: str, workflow: str = WORKFLOW) -> str:
        return f"{self.stage.agents_url}/@{workflow}/{agent}/v1"

    def _records(self, run: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.stage.asked("runs", run)["items"]
        return items

    def _arrivals(self, since: int) -> list[str]:
        return [arrival.provider for arrival in self.stage.providers.ledger().arrivals if arrival.n > since]

    def _last_arrival(self) -> int:
        return max((arrival.n for arrival in self.stage.providers.ledger().arrivals), default=0)

    def well(self) -> Scene:
        before = self._last_arrival()
        answers = self.run_workflow("run-1")
        records = self._records("run-1")
        claims = [
            Claim("three agents asked for gpt-4o and got an answer each", len(answers) == 3 and all(answers)),
            Claim("openai's own ledger shows three arrivals, nobody else's shows any", self._arrivals(before) == ["openai"] * 3),
            Claim(
                "each of the three is on record, with model and cost", all(r["model"] == "gpt-4o" and r["cost_nanos"] > 0 for r in records)
            ),
        ]
        return self._scene("All is well", "Three agents run a workflow through OrchVynt. They know one address.", claims, "runs", "run-1")

    def broken(self) -> Scene:
        self.stage.providers.fault("openai", {"cut_after": 6}, times=1)
        before = self._last_arrival()
        client = OpenAI(
            base_url=self._at("drafting"), api_key="agent-key", max_retries=0, default_headers={"x-orchvynt-run": "run-1-broken"}
        )
        asked = client.chat.completions.create(
            model="gpt-4o", stream=True, max_tokens=80, messages=[{"role": "user", "content": "Write the paragraph."}]
        )
        parts = [chunk.choices[0].delta.content or "" for chunk in asked if chunk.choices]
        record = self._records("run-1-broken")[0]
        claims = [
            Claim("the agent read one text, word for word, without a gap or a repetition", "".join(parts) == PARAGRAPH),
            Claim(
                "openai was asked once and broke off; anthropic was asked once, and went on",
                self._arrivals(before) == ["openai", "anthropic"],
            ),
            Claim("the record says who ended it, and that it is whole", (record["model"], record["outcome"]) == ("claude", "answered")),
        ]
        return self._scene(
            "A stream breaks in the middle", "The next tier goes on with the same text.", claims, "explain", record["invocation"]
        )

    def rate_limited(self) -> Scene:
        self.stage.providers.fault("openai", {"status": 429, "retry_after": RESTS_S})
        before = self._last_arrival()
        answers = self.run_workflow("run-2")
        records = self._records("run-2")
        arrived = self._arrivals(before)
        claims = [
            Claim("all three agents got their answer, none saw an error", len(answers) == 3 and all(answers)),
            Claim("claude answered, on tier 2", all((r["model"], r["tier"]) == ("claude", 2) for r in records) and len(records) == 3),
            Claim(
                f"openai said to wait {RESTS_S} s, and was asked once, not three times",
                arrived.count("openai") == 1 and arrived.count("anthropic") == 3,
            ),
        ]
        last = records[0]["invocation"]
        return self._scene(
            "openai answers 429", "No agent has retry code. The chain in the policy is the retry code.", claims, "explain", last
        )

    def both_down(self) -> Scene:
        self.stage.providers.fault("anthropic", {"status": 503})
        answers = self.run_workflow("run-3")
        records = self._records("run-3")
        claims = [
            Claim("all three agents got their answer from the local model", len(answers) == 3 and all(answers)),
            Claim(
                "every record says tier 3, and costs nothing",
                all((r["model"], r["tier"], r["cost_nanos"]) == ("local", 3, 0) for r in records),
            ),
        ]
        if self.stage.local_model:
            claims.append(Claim("a real model on this machine wrote them", all(r["provider"] == "local" for r in records)))
        last = records[0]["invocation"]
        return self._scene("Both providers are down", "The last tier is local.", claims, "explain", last)

    def changed(self) -> Scene:
        self.stage.providers.fault("openai", None)
        self.stage.providers.fault("anthropic", None)
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(self._ask, "drafting", WORKFLOW, f"Write the paragraph. Number {n}", "run-4") for n in range(20)]
            self.stage.change_policy(
                "when: 'agent == \"drafting\"', use: gpt-4o", "when: 'agent == \"drafting\"', use: claude", "drafts read better"
            )
            running += [pool.submit(self._ask, "drafting", WORKFLOW, f"Write the paragraph. Number {n}", "run-4") for n in range(20)]
            outcomes = [one.result() for one in running]
        after = self._ask("drafting", WORKFLOW, "Write the paragraph. The last one.", "run-4-after")
        record = self._records("run-4-after")[0]
        claims = [
            Claim("forty calls ran while the policy changed; none failed", outcomes == ["answered"] * 40),
            Claim(
                "the next draft went to claude, by the changed line",
                after == "answered" and (record["model"], record["rule"]) == ("claude", "drafting"),
            ),
            Claim("the history says who changed what and why", self.stage.asked("history")["items"][0]["message"] == "drafts read better"),
        ]
        return self._scene("One line is changed", "`use: gpt-4o` becomes `use: claude`, applied while agents run.", claims, "history")

    def spent(self) -> Scene:
        before = self._last_arrival()
        with ThreadPoolExecutor(16) as pool:
            rows = [pool.submit(self._ask, "importer", "nightly-import", f"Import row {n}", "run-5") for n in range(60)]
            outcomes = [row.result() for row in rows]
        ledger = self.stage.providers.ledger()
        new = {arrival.n for arrival in ledger.arrivals if arrival.n > before}
        billed = [charge.billed for charge in ledger.charges if charge.n in new]
        tokens = sum(one.input + one.output for one in billed)
        answered = outcomes.count("answered")
        claims = [
            Claim(
                f"of 60 calls {answered} were answered and {60 - answered} refused with 402",
                0 < answered < 60 and outcomes.count("402") == 60 - answered,
            ),
            Claim(f"exactly {answered} arrived at the provider: what was refused never left", len(new) == answered),
            Claim(f"the provider billed {tokens} tokens, within the ceiling of {IMPORT_BUDGET_TOKENS}", tokens <= IMPORT_BUDGET_TOKENS),
        ]
        return self._scene("The budget runs out", "A nightly import runs away, sixteen calls at a time.", claims, "budgets")

    def reviewed(self) -> Scene:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.run_workflow, "run-6", "publish")
            review = self._open_review()
            shown = self.stage.asked("reviews", "show", review)
            undelivered = not waiting.done()
            self.stage.command("reviews", "approve", review, "--reason", "Checked against the archive")
            answers = waiting.result(timeout=60)
        claims = [
            Claim("the draft was parked, and the agent waited on its open connection", undelivered),
            Claim("the reviewer saw the very text that was delivered", shown["answer"]["text"] == answers[1]),
            Claim(
                "the decision is on record with its reason",
                self.stage.asked("reviews", "show", review)["reason"] == "Checked against the archive",
            ),
        ]
        return self._scene("A person looks first", "The draft is flagged `publish`; the gate parks it.", claims, "explain", review)

    def _open_review(self) -> str:
        """The review that the gate opened, as soon as there is one."""
        for _ in range(200):
            if found := self.stage.asked("reviews", "list")["items"]:
                review: str = found[0]["review"]
                return review
        raise RuntimeError("the draft was not parked")

    def _ask(self, agent: str, workflow: str, text: str, run: str) -> str:
        client = OpenAI(base_url=self._at(agent, workflow), api_key="agent-key", max_retries=0, default_headers={"x-orchvynt-run": run})
        try:
            client.chat.completions.create(model="gpt-4o", max_tokens=40, messages=[{"role": "user", "content": text}])
        except APIStatusError as error:
            return str(error.status_code)
        return "answered"

    def _scene(self, title: str, told: str, claims: list[Claim], *command: str) -> Scene:
        return Scene(title, told, claims, f"orchvynt {' '.join(command)}", self.stage.command(*command))
