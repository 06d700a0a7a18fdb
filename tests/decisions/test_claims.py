"""What callers may say about themselves, what of it holds where places differ, and what is refused with the field's name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.identity.claims import Told, claims, shown, trace_id
from orchvynt.model.faults import Fault

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read(
    headers: dict[str, str] | None = None, metadata: dict[str, object] | None = None, workflow: str = "", agent: str = ""
) -> Told | Fault:
    known = headers or {}
    return claims(lambda name: known.get(name, ""), metadata or {}, workflow, agent)


def told(headers: dict[str, str] | None = None, metadata: dict[str, object] | None = None, workflow: str = "", agent: str = "") -> Told:
    found = read(headers, metadata, workflow, agent)
    assert isinstance(found, Told), found
    return found


def test_headers_win_over_metadata_and_metadata_over_the_path_and_contradictions_are_kept() -> None:
    found = told({"x-orchvynt-workflow": "h"}, {"workflow": "m", "agent": "m"}, "p", "m")
    assert (found.claims.workflow, found.claims.agent) == ("h", "m")
    assert found.places == {"workflow": "x-orchvynt-workflow", "agent": "metadata.orchvynt_agent"}
    assert found.overruled == ("workflow: h, not m", "workflow: h, not p")
    found = told({}, {}, "p", "q")
    assert (found.claims.workflow, found.claims.agent, found.overruled) == ("p", "q", ())
    assert found.places == {"workflow": "path", "agent": "path"}


@pytest.mark.parametrize(
    ("headers", "metadata", "run", "source"),
    [
        ({"x-orchvynt-run": "r", "traceparent": TRACE}, {"run": "m"}, "r", "header"),
        ({"traceparent": TRACE}, {"run": "m"}, "m", "metadata"),
        ({"x-claude-code-session-id": "s", "traceparent": TRACE}, {}, "s", "session-id"),
        ({"traceparent": TRACE}, {}, "4bf92f3577b34da6a3ce929d0e0e4736", "traceparent"),
        ({"x-orchvynt-run": ""}, {"run": ""}, "", ""),
        ({}, {"run": None}, "", ""),
    ],
)
def test_a_run_is_found_in_order(headers: dict[str, str], metadata: dict[str, object], run: str, source: str) -> None:
    found = told(headers, metadata).claims
    assert (found.run, found.run_source) == (run, source)


def test_flags_context_and_quality() -> None:
    found = told({"x-orchvynt-flags": "a, b,a", "x-orchvynt-context": '{"user_tier": "premium"}', "x-orchvynt-min-quality": "0.8"}).claims
    assert found.flags == ("a", "b")
    assert found.context == {"user_tier": "premium"}
    assert found.min_quality == 0.8


def test_flags_of_all_places_count_so_that_one_place_takes_none_away() -> None:
    assert told({"x-orchvynt-flags": "a"}, {"flags": ["b", "a"]}).claims.flags == ("a", "b")
    assert told({"x-orchvynt-flags": ""}, {"flags": "b, c"}).claims.flags == ("b", "c")
    assert told({"x-orchvynt-flags": "a"}, {"flags": []}).claims.flags == ("a",)
    assert told({"x-orchvynt-flags": "a"}, {"flags": None}).claims.flags == ("a",)


def test_context_of_all_places_counts_and_the_header_decides_about_a_key_of_both() -> None:
    found = told({"x-orchvynt-context": '{"tier": "free"}'}, {"context": {"tier": "gold", "team": "docs"}})
    assert found.claims.context == {"tier": "free", "team": "docs"}
    assert found.overruled == ("context.tier: free, not gold",)
    assert found.places == {"context.tier": "x-orchvynt-context", "context.team": "metadata.orchvynt_context"}


@pytest.mark.parametrize("metadata", [{"workflow": " docs "}, {"workflow": "docs "}, {"flags": ["docs "]}, {"flags": " docs,"}])
def test_blanks_around_a_claim_do_not_make_it_another_one(metadata: dict[str, object]) -> None:
    found = told({}, metadata).claims
    assert found.workflow == "docs" or found.flags == ("docs",)


@pytest.mark.parametrize(
    ("headers", "metadata", "where"),
    [
        ({"x-orchvynt-run": "x" * 257}, {}, "x-orchvynt-run"),
        ({"x-orchvynt-agent": "a\u202eb"}, {}, "x-orchvynt-agent"),
        ({"x-orchvynt-agent": "a\u200bb"}, {}, "x-orchvynt-agent"),
        ({"x-orchvynt-agent": "a\u00a0b"}, {}, "x-orchvynt-agent"),
        ({"x-orchvynt-context": "{"}, {}, "x-orchvynt-context"),
        ({"x-orchvynt-context": "[]"}, {}, "x-orchvynt-context"),
        ({"x-orchvynt-context": "[" * 9000}, {}, "x-orchvynt-context"),
        ({"x-orchvynt-min-quality": "high"}, {}, "x-orchvynt-min-quality"),
        ({"x-orchvynt-min-quality": "nan"}, {}, "x-orchvynt-min-quality"),
        ({"x-orchvynt-flags": ",".join(str(one) for one in range(65))}, {}, "x-orchvynt-flags"),
        ({}, {"workflow": 3}, "metadata.orchvynt_workflow"),
        ({"x-orchvynt-workflow": "a"}, {"workflow": ["a"]}, "metadata.orchvynt_workflow"),
        ({}, {"flags": {"a": 1}}, "metadata.orchvynt_flags"),
        ({}, {"flags": [1]}, "metadata.orchvynt_flags"),
        ({}, {"min_quality": 10**400}, "metadata.orchvynt_min_quality"),
        ({}, {"min_quality": True}, "metadata.orchvynt_min_quality"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(headers: dict[str, str], metadata: dict[str, object], where: str) -> None:
    found = read(headers, metadata)
    assert isinstance(found, Fault)
    assert (found.code, found.param) == ("invalid_request", where)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["workflow", "run", "flags", "context", "min_quality"]), st.text() | st.integers() | st.lists(st.text())
    )
)
def test_nothing_a_caller_says_raises(metadata: dict[str, object]) -> None:
    assert isinstance(read({f"x-orchvynt-{k}": str(v) for k, v in metadata.items()}, metadata), Told | Fault)
    assert isinstance(read({}, metadata), Told | Fault)


@pytest.mark.parametrize("bad", ["", "00", "00-xyz-1-1", "00-" + "0" * 32 + "-1-1", "00-" + "A" * 32 + "-1-1"])
def test_a_bad_traceparent_gives_no_run(bad: str) -> None:
    assert trace_id(bad) == ""


def test_what_a_record_says_of_a_claim_is_bounded() -> None:
    assert shown("x" * 300) == "x" * 120 + "…"
    assert shown({"a": [1, None]}) == '{"a":[1,null]}'
