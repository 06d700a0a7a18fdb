"""What a path says: the endpoint, and before it who calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.surfaces.api.http.targets import read_target
from orchvynt.surfaces.api.paths import Place, place, spoken


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/models", Place("/v1/models")),
        ("/@docs/drafting/v1/chat/completions", Place("/v1/chat/completions", "docs", "drafting")),
        ("/@docs/v1/chat/completions", Place("/v1/chat/completions", "docs")),
        ("/@docs/v1/v1/chat/completions", Place("/v1/chat/completions", "docs", "v1")),
        ("/@v1/v1/models", Place("/v1/models", "v1")),
        ("/@docs/api/v1/models", Place("/v1/models", "docs", "api")),
        ("/@docs/health/live", Place("/health/live", "docs")),
        ("/@/drafting/v1/models", Place("/v1/models", "", "drafting")),
        ("/@docs//v1/models", Place("/v1/models", "docs")),
        ("/@//v1/models", Place("/v1/models")),
        ("/@/v1/models", Place("/v1/models")),
        ("/@docs", Place("/", "docs")),
        ("/@", Place("/")),
        ("/@docs/drafting", Place("/", "docs", "drafting")),
        ("/@docs/drafting/", Place("/", "docs", "drafting")),
        ("/@a b/c@d/v1/models", Place("/v1/models", "a b", "c@d")),
        ("//@docs/drafting/v1/models", Place("//@docs/drafting/v1/models")),
    ],
)
def test_a_path(path: str, found: Place) -> None:
    assert place(path) == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (b"/%40docs/drafting/v1/models", Place("/v1/models", "docs", "drafting")),
        (b"/@team%2Fdocs/a%2fb/v1/models", Place("/v1/models", "team/docs", "a/b")),
        (b"/@doc%2Danalysis/v1/models?x=/@other/v1", Place("/v1/models", "doc-analysis")),
        (b"/@d%C3%B6cs/v1/models", Place("/v1/models", "döcs")),
        (b"http://host/@docs/drafting/v1/models", Place("/v1/models", "docs", "drafting")),
    ],
)
def test_escapes_are_undone_and_an_encoded_slash_parts_nothing(target: bytes, found: Place) -> None:
    assert place(read_target(target)[0]) == found


@given(st.text(st.characters(exclude_characters="/%"), min_size=1), st.text(st.characters(exclude_characters="/%"), min_size=1))
def test_any_two_names_come_back(workflow: str, agent: str) -> None:
    assert place(f"/@{workflow}/{agent}/v1/chat/completions") == Place("/v1/chat/completions", workflow, agent)


@pytest.mark.parametrize(
    ("path", "version", "dialect"),
    [
        ("/v1/messages", "", "anthropic_messages"),
        ("/v1/messages/count_tokens", "", "anthropic_messages"),
        ("/v1/messages/batches", "", "anthropic_messages"),
        ("/v1/messagesx", "", "openai_chat"),
        ("/v1/models", "2023-06-01", "anthropic_messages"),
        ("/v1/models", "", "openai_chat"),
        ("/v1/chat/completions", "2023-06-01", "openai_chat"),
        ("/v1/route", "", "route"),
        ("/nowhere", "", "openai_chat"),
    ],
)
def test_in_whose_words_a_caller_is_refused(path: str, version: str, dialect: str) -> None:
    assert spoken(path, lambda name: version if name == "anthropic-version" else "") == dialect
