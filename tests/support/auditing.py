"""Holds a server to its books, from outside: its records, its budgets, and what the provider's own ledger says arrived and was billed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from tests.support.accounts import Accounts
from tests.support.crowd import Told, books, fault_of, never_over, no_false_refusal
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

READERS = 16


class Found(msgspec.Struct):
    """What the audits have seen so far. `arrivals` are those at the provider, `attempts` those of the records, with a receipt or voided."""

    arrivals: int = 0
    invocations: int = 0
    attempts: int = 0
    estimated: int = 0
    voided: int = 0
    settled_tokens: int = 0
    billed_tokens: int = 0


class Auditor:
    """Audits what is new since its last audit, with nothing in flight. The policy has a global budget `all`; `per-run` if it has one.

    With `accounts`, every budget is worked out from the records, and every refusal is held to that; else refusals are held to what the
    server says of its budgets."""

    def __init__(self, server: Serving, provider: ScriptedProvider, accounts: Accounts | None = None) -> None:
        self.server = server
        self.provider = provider
        self.accounts = accounts
        self.found = Found()
        self._newest = ""
        self._seen_arrivals = 0
        self._attempts: dict[str, dict[str, Any] | None] = {}

    def audit(self, told: Sequence[Told] = ()) -> list[Any]:
        """Gives the new records, explained, oldest first.

        Nothing over, nothing forgotten, nothing twice: by the provider's ledger, the records and the budgets, all that was so far."""
        new = self.audit_records(told)
        found = books(self.server, self.provider)
        never_over(found)
        if self.accounts is None:
            no_false_refusal([one for one in told if fault_of(one).get("unit") == "tokens"], found)
        else:
            self.accounts.granted(self.server.admin("/grants").json["items"])
            self.accounts.never_over()
            self.accounts.no_false_refusal()
        assert found.lines["all", "*"]["settled_tokens"] == self.found.settled_tokens, "the budget and the receipts say the same"
        of_runs = [line["settled_tokens"] for (name, _), line in found.lines.items() if name == "per-run"]
        assert not of_runs or sum(of_runs) == self.found.settled_tokens
        assert found.billed_tokens <= self.found.settled_tokens
        self.found.billed_tokens = found.billed_tokens
        return new

    def audit_records(self, told: Sequence[Told] = ()) -> list[Any]:
        """As `audit`, of a policy without budgets."""
        # Of several processes each question is asked of all of them, and they answer many at once as fast as one.
        with ThreadPoolExecutor(READERS) as readers:
            new = list(readers.map(lambda inv: self._get(f"/invocations/{inv}"), self._new()))
        outcomes = {}
        for explained in new:
            self._record(explained)
            outcomes[explained["invocation"]] = explained["outcome"]
        for one in told:
            assert not one.whole or outcomes[one.invocation] == "answered", one
        self._arrivals()
        return new

    def _get(self, path: str) -> Any:
        reply = self.server.admin(path)
        assert reply.status == 200, reply.body
        return reply.json

    def _new(self) -> list[str]:
        """The invocations since the last audit, oldest first."""
        found: list[str] = []
        after = ""
        while True:
            page = self._get(f"/invocations?limit=500&after={after}")
            new = [item["invocation"] for item in page["items"] if item["invocation"] > self._newest]
            found += new
            after = page["next"] or ""
            if not after or len(new) < len(page["items"]):
                break
        self._newest = max([self._newest, *found])
        return found[::-1]

    def _record(self, explained: Any) -> None:
        entries = explained["timeline"]
        assert explained["outcome"] not in ("running", "unknown", ""), explained
        sent = [entry["detail"]["attempt"] for entry in entries if entry["kind"] == "attempt_sent"]
        ended = [entry["detail"] for entry in entries if entry["kind"] in ("attempt_settled", "hold_voided")]
        held = [entry["detail"]["attempt"] for entry in entries if entry["kind"] == "hold_placed"]
        assert sorted(detail["attempt"] for detail in ended) == sorted(held), "each hold is settled or voided once"
        assert set(sent) <= set(held)
        for detail in ended:
            usage = detail.get("usage")
            self._attempts[detail["attempt"]] = usage
            self.found.attempts += 1
            self.found.voided += usage is None
            self.found.estimated += bool(usage and usage.get("estimated"))
            self.found.settled_tokens += sum(usage.get(name, 0) for name in ("input_tokens", "output_tokens")) if usage else 0
        self.found.invocations += 1
        if self.accounts is not None:
            self.accounts.record(explained)

    def _arrivals(self) -> None:
        """What reached the provider is on record as sent, and was settled at no less than what it billed."""
        ledger = self.provider.ledger().where(since=self._seen_arrivals)
        charges = {charge.n: charge.billed for charge in ledger.charges}
        for arrival in ledger.arrivals:
            assert arrival.client_request_id in self._attempts, f"{arrival} is on no record"
            usage = self._attempts[arrival.client_request_id]
            if (billed := charges.get(arrival.n)) is None:
                continue
            if self.accounts is not None:
                self.accounts.bill(arrival.client_request_id, billed.input + billed.output)
            assert usage is not None, f"{arrival} was billed, and its hold given back"
            assert usage.get("input_tokens", 0) >= billed.input, (arrival, usage, billed)
            assert usage.get("output_tokens", 0) >= billed.output, (arrival, usage, billed)
        self.found.arrivals += len(ledger.arrivals)
        self._seen_arrivals = max(self._seen_arrivals, ledger.last)
