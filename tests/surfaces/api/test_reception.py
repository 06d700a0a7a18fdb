"""From an HTTP request to an invocation: who calls, under which key, in which run, and what is refused by name."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.clock import FakeClock
from tests.support.snapshots import snapshot

from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.decisions.identity.conversations import Conversations
from orchvynt.decisions.identity.subjects import WINDOW_NS, Subjects
from orchvynt.language.snapshot import Budget, Fixed, Key, Limits, Snapshot
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation
from orchvynt.model.turns import Turn, said
from orchvynt.runtime.keyring import Issued, Keyring
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import CALLER_TIMEOUT_NS
from orchvynt.surfaces.api.paths import Place
from orchvynt.surfaces.api.reception import Reception, Taken

HELLO = {"role": "user", "content": "hello"}
CHAT = {"model": "gpt", "messages": [HELLO]}
RUNS = Budget("per-run", "run", None, "lifetime", Limits(tokens=1_000))


def keyed(*keys: Key, budgets: tuple[Budget, ...] = ()) -> Snapshot:
    return msgspec.structs.replace(snapshot(budgets=budgets), keys={key.name: key for key in keys})


def request(body: object = CHAT, *more: tuple[str, str], **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in (*headers.items(), *more)]
    made = Request("POST", "/v1/chat/completions", "", fields, "127.0.0.1:9")
    made.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return made


class Door:
    """A reception whose secrets are issued by the test."""

    def __init__(self, policy: Snapshot | None = None, subjects_max: int = 100) -> None:
        self.policy = policy or snapshot()
        self.keyring = Keyring(MemoryStore(), FakeClock())
        self.reception = Reception(self.keyring, Conversations(1), Subjects(subjects_max))

    def secret(self, name: str) -> str:
        issued = asyncio.run(self.keyring.issue(name, "token:ana"))
        assert isinstance(issued, Issued)
        return f"Bearer {issued.secret}"

    def take(self, made: Request, workflow: str = "", agent: str = "", inv: str = "inv_1", now: int = 7) -> Taken | Fault:
        return self.reception.take(made, Place("/v1/chat/completions", workflow, agent), "openai_chat", self.policy, inv, now)

    def taken(self, made: Request, workflow: str = "", agent: str = "", inv: str = "inv_1") -> Taken:
        found = self.take(made, workflow, agent, inv)
        assert isinstance(found, Taken), found
        return found

    def made(self, made: Request, workflow: str = "", agent: str = "") -> Invocation:
        found = self.taken(made, workflow, agent)
        assert found.refused is None
        return found.invocation

    def refused(self, made: Request) -> Fault:
        found = self.take(made)
        if isinstance(found, Taken):
            assert found.refused is not None
            return found.refused
        return found


def test_a_plain_request_claims_nothing() -> None:
    made = Door().made(request())
    assert (made.id, made.at, made.endpoint, made.dialect, made.key_id) == ("inv_1", 7, "/v1/chat/completions", "openai_chat", "(none)")
    assert (made.claims.workflow, made.claims.run, made.request_id, made.trace_id, made.retry_count) == ("", "", "", "", 0)
    assert (made.caller_timeout_ns, made.key, made.key_owner, made.claims_overruled) == (CALLER_TIMEOUT_NS, "", "", ())
    assert made.ask.requested_model == "gpt"


def test_claims_come_from_headers_before_metadata_before_the_path() -> None:
    body = {**CHAT, "metadata": {"orchvynt_workflow": "of-metadata", "orchvynt_session": "s1", "theirs": "kept"}}
    made = Door().made(request(body, x_orchvynt_workflow="of-header", x_orchvynt_flags="review, gold"), "of-path", "drafting")
    claims = made.claims
    assert (claims.workflow, claims.agent, claims.session, claims.flags) == ("of-header", "drafting", "s1", ("review", "gold"))
    assert made.claims_overruled == ("workflow: of-header, not of-metadata", "workflow: of-header, not of-path")
    assert Door().made(request(), "docs", "drafting").claims.workflow == "docs"


def test_the_credential_is_kept_as_a_digest_only() -> None:
    door = Door()
    made = door.made(request(authorization="Bearer sk-canary"))
    assert made.key_id == door.made(request(x_api_key="sk-canary")).key_id != door.made(request(x_api_key="sk-other")).key_id
    assert "canary" not in repr(made)


def test_traces_and_retries_are_noted() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    made = Door().made(request(traceparent=f"00-{trace}-b7ad6b7169203331-01", x_stainless_retry_count="2", x_request_id="req-7"))
    assert (made.trace_id, made.claims.run, made.claims.run_source) == (trace, trace, "traceparent")
    assert (made.retry_count, made.request_id) == (2, "req-7")


@pytest.mark.parametrize("count", ["", "-1", "1.5", "many", "10000", "²"])
def test_a_retry_count_that_is_none_counts_as_none(count: str) -> None:
    assert Door().made(request(x_stainless_retry_count=count)).retry_count == 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"", None),
        (b"[]", None),
        (b"\xff", None),
        ({"messages": []}, "model"),
        ({**CHAT, "messages": "hello"}, "messages"),
        ({**CHAT, "metadata": {"orchvynt_flags": 3}}, "metadata.orchvynt_flags"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_with_its_place(body: object, param: str | None) -> None:
    fault = Door().refused(request(body))
    assert (fault.code, fault.status) == ("invalid_request", 400)
    assert param is None or fault.param == param


def test_a_claim_that_cannot_be_used_is_refused_by_its_name() -> None:
    assert Door().refused(request(x_orchvynt_context="{")).param == "x-orchvynt-context"
    found = Door().take(request(), "w" * 300, "")
    assert isinstance(found, Fault)
    assert found.param == "path"


@pytest.mark.parametrize("name", ["workflow", "agent", "run", "session", "workload", "user", "parent", "context", "min-quality"])
def test_a_claim_that_is_made_twice_is_no_claim(name: str) -> None:
    field = f"x-orchvynt-{name}"
    value = {"context": "{}", "min-quality": "0.5"}.get(name, "docs")
    fault = Door().refused(request(CHAT, (field, value), (field, value)))
    assert (fault.code, fault.param) == ("invalid_request", field)
    assert Door().made(request(CHAT, ("x-orchvynt-flags", "a"), ("x-orchvynt-flags", "b"))).claims.flags == ("a", "b")


def test_with_keys_only_their_secrets_open() -> None:
    door = Door(keyed(Key("docs", "lead@example.com", Fixed(workflow="doc-analysis"))))
    secret = door.secret("docs")
    made = door.made(request(authorization=secret, x_orchvynt_workflow="support"))
    assert (made.key, made.key_owner, made.claims.workflow) == ("docs", "lead@example.com", "doc-analysis")
    assert made.claims_overruled == ("workflow: doc-analysis, not support",)
    assert door.made(request(x_api_key=secret.removeprefix("Bearer "))).key == "docs"
    gone = door.secret("retired")
    for field in ({}, {"authorization": "Bearer sk-any"}, {"authorization": gone}, {"x_api_key": "docs"}, {"authorization": "docs"}):
        fault = door.refused(request(b"not even read", **field))
        assert (fault.code, fault.status) == ("unauthorized", 401)
    assert door.refused(request(authorization=gone)) == door.refused(request(authorization="Bearer sk-never-issued")), "no oracle"
    twice = request(CHAT, ("authorization", secret), ("authorization", secret))
    assert door.refused(twice).code == "unauthorized"


def test_what_a_key_has_against_a_request_goes_on_record_with_what_was_said() -> None:
    door = Door(keyed(Key("docs", may_set=frozenset({"agent"}))))
    found = door.taken(request(authorization=door.secret("docs"), x_orchvynt_user="ana"))
    assert found.refused is not None
    assert (found.refused.code, found.invocation.key, found.invocation.claims.user) == ("forbidden", "docs", "ana")
    assert found.conversation is None


def going_on(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"model": "gpt", "messages": [HELLO, {"role": "assistant", "content": "hi"}, *messages]}


def test_a_request_that_goes_on_is_in_the_run_of_the_first() -> None:
    door = Door()
    first = door.taken(request(), inv="inv_first")
    assert first.conversation is not None
    assert first.invocation.claims.run == ""
    first.conversation.answered("inv_first", said(Turn("assistant", "hi")))
    second = door.taken(request(going_on(HELLO)), inv="inv_second")
    assert (second.invocation.claims.run, second.invocation.claims.run_source) == ("inv_first", "inferred")
    for said_first in ({"x_orchvynt_run": "r"}, {"x_claude_code_session_id": "s"}, {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}):
        known = door.taken(request(going_on(HELLO), **said_first))
        assert known.invocation.claims.run_source != "inferred"
        assert known.conversation is None, "nothing is hashed where the run is known"
    assert door.taken(request(going_on(HELLO), authorization="Bearer other")).invocation.claims.run == "", "never across callers"


def test_no_run_is_inferred_for_a_key_that_may_set_none_and_an_inferred_one_is_not_what_is_required() -> None:
    door = Door(keyed(Key("closed", may_set=frozenset({"agent"})), Key("strict", require=("run",))))
    assert door.taken(request(authorization=door.secret("closed"))).conversation is None
    assert door.refused(request(going_on(HELLO), authorization=door.secret("strict"))).detail["missing"] == ["run"]


def test_new_subjects_are_limited_per_key_and_only_where_a_budget_counts_them() -> None:
    keys = (Key("docs"), Key("other"))
    door = Door(keyed(*keys, budgets=(RUNS,)), subjects_max=2)
    docs, other = door.secret("docs"), door.secret("other")
    for run in ("a", "b", "a"):
        assert door.taken(request(authorization=docs, x_orchvynt_run=run, x_orchvynt_session=f"s-{run}")).refused is None
    fault = door.refused(request(authorization=docs, x_orchvynt_run="c"))
    assert (fault.code, fault.status, fault.retry_after_seconds) == ("rate_limited", 429, WINDOW_NS // 1_000_000_000)
    assert door.taken(request(authorization=docs, x_orchvynt_run="a")).refused is None
    assert door.taken(request(authorization=other, x_orchvynt_run="c")).refused is None
    for number in range(5):
        assert door.taken(request(authorization=docs, x_orchvynt_session=f"s{number}")).refused is None, "no budget counts sessions"


def test_a_run_that_a_client_sends_by_itself_falls_back_to_the_shared_subject() -> None:
    door = Door(keyed(Key("docs"), budgets=(RUNS,)), subjects_max=1)
    docs = door.secret("docs")
    traces = [f"00-{number:032x}-b7ad6b7169203331-01" for number in (1, 2)]
    made = [door.taken(request(authorization=docs, traceparent=trace)) for trace in traces]
    assert [one.invocation.claims.run for one in made] == [f"{1:032x}", ""]
    assert made[1].refused is None
    assert made[1].invocation.claims_overruled == (f"run: (none), not {2:032x} (too many runs within this hour)",)


def test_without_keys_all_callers_share_one_limit_whatever_credential_they_invent() -> None:
    by_key = Budget("per-key", "key", None, "lifetime", Limits(tokens=1_000))
    door = Door(snapshot(budgets=(by_key, RUNS)), subjects_max=2)
    assert [door.taken(request(authorization=f"Bearer {number}")).refused is None for number in range(3)] == [True, True, False]


@settings(max_examples=100)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["x_stainless_retry_count", "x_stainless_timeout", "traceparent", "authorization", "x_orchvynt_run", "content_type"]
        ),
        st.text(max_size=30),
        max_size=4,
    ),
    body=st.one_of(st.binary(max_size=40), st.just(json.dumps(CHAT).encode())),
)
@example(headers={"x_stainless_retry_count": "²"}, body=json.dumps(CHAT).encode())
def test_nothing_a_caller_sends_raises(headers: dict[str, str], body: bytes) -> None:
    for policy in (snapshot(), keyed(Key("docs"))):
        assert isinstance(Door(policy).take(request(body, **headers)), Taken | Fault)


def test_an_idempotency_key_belongs_to_one_caller_and_names_one_body() -> None:
    door = Door()
    assert door.made(request()).idempotency is None
    first = door.made(request(idempotency_key="k-1", authorization="Bearer one")).idempotency
    assert first is not None
    assert door.made(request(idempotency_key="k-1", authorization="Bearer one", x_orchvynt_run="r-2")).idempotency == first
    other = door.made(request({**CHAT, "n": 1}, idempotency_key="k-1", authorization="Bearer one")).idempotency
    assert other is not None
    assert (other.scope, other.request == first.request) == (first.scope, False)
    somebody = door.made(request(idempotency_key="k-1", authorization="Bearer two")).idempotency
    assert somebody is not None
    assert somebody.scope != first.scope
    assert door.refused(request(idempotency_key="")).code == "invalid_request"
