"""What callers may say about themselves, and what is refused with the field's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.identity.claims import claims, key_id, trace_id
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read(
    headers: dict[str, str] | None = None, metadata: dict[str, object] | None = None, workflow: str = "", agent: str = ""
) -> Claims | Fault:
    known = headers or {}
    return claims(lambda name: known.get(name, ""), metadata or {}, workflow, agent)


def test_headers_win_over_metadata_and_metadata_over_the_path() -> None:
    found = read({"x-orchvynt-workflow": "h"}, {"workflow": "m", "agent": "m"}, "p", "p")
    assert isinstance(found, Claims)
    assert (found.workflow, found.agent) == ("h", "m")
    found = read({}, {}, "p", "q")
    assert isinstance(found, Claims)
    assert (found.workflow, found.agent) == ("p", "q")


@pytest.mark.parametrize(
    ("headers", "metadata", "run", "source"),
    [
        ({"x-orchvynt-run": "r", "traceparent": TRACE}, {"run": "m"}, "r", "header"),
        ({"traceparent": TRACE}, {"run": "m"}, "m", "metadata"),
        ({"x-claude-code-session-id": "s", "traceparent": TRACE}, {}, "s", "session-id"),
        ({"traceparent": TRACE}, {}, "4bf92f3577b34da6a3ce929d0e0e4736", "traceparent"),
        ({}, {}, "", ""),
    ],
)
def test_a_run_is_found_in_order(headers: dict[str, str], metadata: dict[str, object], run: str, source: str) -> None:
    found = read(headers, metadata)
    assert isinstance(found, Claims)
    assert (found.run, found.run_source) == (run, source)


def test_flags_context_and_quality() -> None:
    found = read({"x-orchvynt-flags": "a, b,a", "x-orchvynt-context": '{"user_tier": "premium"}', "x-orchvynt-min-quality": "0.8"})
    assert isinstance(found, Claims)
    assert found.flags == ("a", "b")
    assert found.context == {"user_tier": "premium"}
    assert found.min_quality == 0.8


@pytest.mark.parametrize(
    ("headers", "metadata", "where"),
    [
        ({"x-orchvynt-run": "x" * 257}, {}, "x-orchvynt-run"),
        ({"x-orchvynt-agent": "a\u202eb"}, {}, "x-orchvynt-agent"),
        ({"x-orchvynt-context": "{"}, {}, "x-orchvynt-context"),
        ({"x-orchvynt-context": "[]"}, {}, "x-orchvynt-context"),
        ({"x-orchvynt-context": "[" * 9000}, {}, "x-orchvynt-context"),
        ({"x-orchvynt-min-quality": "high"}, {}, "x-orchvynt-min-quality"),
        ({"x-orchvynt-min-quality": "nan"}, {}, "x-orchvynt-min-quality"),
        ({"x-orchvynt-flags": ",".join(str(one) for one in range(65))}, {}, "x-orchvynt-flags"),
        ({}, {"workflow": 3}, "metadata.orchvynt_workflow"),
        ({}, {"flags": {"a": 1}}, "metadata.orchvynt_flags"),
        ({}, {"flags": [1]}, "metadata.orchvynt_flags"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(headers: dict[str, str], metadata: dict[str, object], where: str) -> None:
    found = read(headers, metadata)
    assert isinstance(found, Fault)
    assert (found.code, found.param) == ("invalid_request", where)


@given(
    st.dictionaries(
        st.sampled_from(["workflow", "run", "flags", "context", "min_quality"]), st.text() | st.integers() | st.lists(st.text())
    )
)
def test_nothing_a_caller_says_raises(metadata: dict[str, object]) -> None:
    assert isinstance(read({f"x-orchvynt-{k}": str(v) for k, v in metadata.items()}, metadata), Claims | Fault)
    assert isinstance(read({}, metadata), Claims | Fault)


def test_a_credential_is_never_kept() -> None:
    digest = key_id("Bearer sk-secret", "")
    assert "secret" not in digest
    assert len(digest) == 16
    assert key_id("", "sk-secret") == digest
    assert key_id("", "") == "(none)"


@pytest.mark.parametrize("bad", ["", "00", "00-xyz-1-1", "00-" + "0" * 32 + "-1-1", "00-" + "A" * 32 + "-1-1"])
def test_a_bad_traceparent_gives_no_run(bad: str) -> None:
    assert trace_id(bad) == ""
