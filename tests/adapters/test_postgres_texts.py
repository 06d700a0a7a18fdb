"""Texts with zeros come back as they were, and two of them never become one; contexts mean the same in the database as here."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.postgres import Server

from orchvynt.adapters.postgres.migrating import migrate
from orchvynt.adapters.postgres.session import Session
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.postgres.texts import read, stored
from orchvynt.decisions.billing.dimensions import context_value

TEXT = st.text(st.sampled_from('\0\x1a01a\\u"é/'), max_size=12) | st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0", "é"]), inner, max_size=3),
    max_leaves=6,
)
PATH = st.sampled_from(["a", "a.b", "b.0", "a.a.a", "0", "c"])


@given(TEXT)
def test_a_text_comes_back(text: str) -> None:
    assert "\0" not in stored(text)
    assert read(stored(text)) == text


@given(TEXT)
def test_what_somebody_else_wrote_is_read_whole(text: str) -> None:
    assert len(read(text)) >= len(text.replace("\x1a", ""))


@pytest.fixture(scope="module")
def session(postgres: Server) -> Iterator[Session]:
    url = postgres.fresh()
    one = Session(target(url), {}, 30.0)
    one.connect()
    migrate(one)
    yield one
    one.close()
    postgres.give_back(url)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    context=st.dictionaries(st.sampled_from(["a", "b", "0"]), VALUES, max_size=3),
    path=PATH,
)
def test_a_context_says_the_same_under_a_path(session: Session, context: dict[str, object], path: str) -> None:
    text = msgspec.json.encode(context).decode() if context else ""
    assert session.execute("SELECT context_value($1, $2)", (text, path)).fetchall() == [(context_value(text, path),)]
