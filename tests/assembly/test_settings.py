"""What the command line may say: addresses, the store, and what must not be listened on."""

import importlib.util

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.lives import condition
from tests.support.snapshots import snapshot

from orchvynt.assembly.init import first_policy
from orchvynt.assembly.settings import (
    DEFAULT_LISTEN,
    FIX,
    Settings,
    StorePlace,
    WrongUseError,
    address,
    check_exposure,
    environment,
    store_place,
    unfit,
)
from orchvynt.language.compile import load
from orchvynt.language.snapshot import Gate, Key, Presidio


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("127.0.0.1", 4821)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:8080", ("localhost", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("0.0.0.0:65535", ("0.0.0.0", 65_535)),
    ],
)
def test_an_address(text: str, found: tuple[str, int]) -> None:
    assert address(text, DEFAULT_LISTEN, "--listen") == found


@pytest.mark.parametrize("text", ["8080", ":8080", "host:", "host:http", "host:65536", "host:-1", "host:1.5", "[]:1", "host:²"])
def test_what_is_no_address_is_wrong_use_and_shows_the_form(text: str) -> None:
    with pytest.raises(WrongUseError, match=r"--listen .*HOST:PORT, such as 127\.0\.0\.1:4821"):
        address(text, DEFAULT_LISTEN, "--listen")


@given(st.text())
@example("host:²")
def test_no_address_raises_anything_else(text: str) -> None:
    try:
        host, port = address(text, DEFAULT_LISTEN, "--listen")
    except WrongUseError:
        return
    assert host
    assert 0 <= port <= 65_535


@pytest.mark.parametrize(
    ("url", "path"), [("", "orchvynt.db"), ("sqlite:///state/o.db", "state/o.db"), ("sqlite:////var/lib/o.db", "/var/lib/o.db")]
)
def test_a_store(url: str, path: str) -> None:
    assert store_place(url) == StorePlace(path, f"{path}.journal")


@pytest.mark.parametrize("url", ["sqlite:///", "o.db", "mysql://u:secret@host/db", "sqlite://o.db", "file:sqlite:///o.db"])
def test_what_is_no_store_of_this_build_is_wrong_use(url: str) -> None:
    with pytest.raises(WrongUseError, match="SQLite or PostgreSQL") as refused:
        store_place(url)
    assert "secret" not in str(refused.value)


def test_a_store_in_postgresql_has_a_journal_of_its_own_and_is_shown_without_its_password() -> None:
    place = store_place("postgresql://us%40er:secret@host:5433/db?sslmode=require&search_path=ours&password=secret")
    assert (place.shown, place.journal) == ("postgresql://us%40er@host:5433/db?sslmode=require&search_path=ours", "orchvynt.journal")
    assert store_place(place.shown).shown == place.shown, "what is shown may be given again"
    assert "secret" not in repr(place)
    assert store_place("postgres://h/db", "elsewhere").journal == "elsewhere"
    with pytest.raises(WrongUseError, match="beside it"):
        store_place("sqlite:///o.db", "elsewhere")


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:secret@h", "postgresql://u:secret@h:port/db", "postgresql://u:secret@a,b/db", "postgresql://u:sec#secret@h/db"],
)
def test_a_database_that_cannot_be_meant_is_wrong_use_and_tells_no_password(url: str) -> None:
    with pytest.raises(WrongUseError) as refused:
        store_place(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_loopback_may_be_listened_on(host: str) -> None:
    check_exposure(Settings(listen_host=host, admin_host=host))
    assert unfit(Settings(listen_host=host), snapshot()) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_strangers_cannot_reach_what_takes_any_credential(host: str) -> None:
    told = unfit(Settings(listen_host=host), snapshot())
    assert told.splitlines()[-2:] == FIX.splitlines(), "the two lines that fix it"
    keyed = msgspec.structs.replace(snapshot(), keys={"agents": Key("agents")})
    assert unfit(Settings(listen_host=host), keyed) == ""


def test_the_lines_that_fix_it_are_a_policy_and_a_command() -> None:
    line, command = (line.partition("#")[0].strip() for line in FIX.splitlines())
    loaded = load(first_policy([]) + line + "\n", "p.yaml")
    assert loaded.snapshot is not None, loaded.problems
    assert list(loaded.snapshot.keys) == [command.split()[-1]]


def test_the_admin_plane_goes_beyond_the_loopback_only_when_told_to() -> None:
    with pytest.raises(WrongUseError, match="--insecure-admin"):
        check_exposure(Settings(admin_host="0.0.0.0"))
    check_exposure(Settings(admin_host="0.0.0.0", insecure_admin=True))


def test_a_policy_that_asks_presidio_needs_it_and_its_model() -> None:
    asks = Gate("names", "output", condition('detects("presidio:URL")'), "people", False, None)
    by_patterns = msgspec.structs.replace(snapshot(gates=(asks,)), presidio=Presidio())
    with_model = msgspec.structs.replace(by_patterns, presidio=Presidio(model="nonesuch_model"))
    missing = "its gate names asks Presidio, which is not installed here. Install it: pip install 'orchvynt[presidio]'"
    if importlib.util.find_spec("presidio_analyzer") is None:
        assert unfit(Settings(), by_patterns) == unfit(Settings(), with_model) == missing
    else:
        assert unfit(Settings(), by_patterns) == ""
        assert "nonesuch_model, which is not installed here" in unfit(Settings(), with_model)


def test_the_environment_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHVYNT_TEST_VALUE", "before")
    taken = environment()
    monkeypatch.setenv("ORCHVYNT_TEST_VALUE", "after")
    assert taken["ORCHVYNT_TEST_VALUE"] == "before"
