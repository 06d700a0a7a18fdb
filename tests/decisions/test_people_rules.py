"""Small rules about people: who is in which group, who may change whom, which passwords are taken, how long a session lasts."""

import pytest

from orchvynt.decisions.people.changes import barred, orphaning
from orchvynt.decisions.people.lasting import BROWSER, HOUR, PROGRAM, is_over, lasting
from orchvynt.decisions.people.membership import groups_of
from orchvynt.decisions.people.passwords import BYTES_MAX, unfit
from orchvynt.language.compiled_gates import Group
from orchvynt.model.roles import RANKS, Role, may

ANA = "ana@example.com"
GROUPS = {
    "finance": Group("finance", (ANA, "ben@example.com"), "finance-reviewers"),
    "heads": Group("heads", ("cfo@example.com",)),
    "ops": Group("ops", (), "ops"),
}


@pytest.mark.parametrize(
    ("email", "provided", "groups"),
    [
        (ANA, (), {"finance"}),
        (ANA, ("ops", "other"), {"finance", "ops"}),
        ("zoe@example.com", ("finance-reviewers",), {"finance"}),
        ("zoe@example.com", ("finance", ""), set()),
        ("cfo@example.com", (), {"heads"}),
    ],
)
def test_groups_are_those_that_list_the_address_or_that_the_provider_named(email: str, provided: tuple[str, ...], groups: set[str]) -> None:
    assert groups_of(email, provided, GROUPS) == groups


@pytest.mark.parametrize("own", RANKS)
@pytest.mark.parametrize("before", [None, *RANKS])
@pytest.mark.parametrize("after", RANKS)
def test_nobody_gives_or_touches_a_role_above_their_own(own: Role, before: Role | None, after: Role) -> None:
    fault = barred(own, before, after)
    assert (fault is None) == (may(own, after) and (before is None or may(own, before)))
    assert fault is None or fault.code == "forbidden"


def test_the_last_admin_stays() -> None:
    assert orphaning(ANA, was_admin=True, is_admin=False, other_admins=0) is not None
    assert orphaning(ANA, was_admin=True, is_admin=False, other_admins=1) is None
    assert orphaning(ANA, was_admin=True, is_admin=True, other_admins=0) is None
    assert orphaning(ANA, was_admin=False, is_admin=False, other_admins=0) is None


@pytest.mark.parametrize("password", ["", "1234567", "aaaaaaaaaaaa", ANA, ANA.upper(), "x" * (BYTES_MAX + 1), "ü" * 600])
def test_passwords_that_are_refused_are_not_quoted(password: str) -> None:
    fault = unfit(password, ANA)
    assert fault is not None
    assert not password or password not in fault.text


@pytest.mark.parametrize("password", ["12345678", "correct horse battery", "пароль длинный", "x" * (BYTES_MAX - 1) + "y", "\ud800abcdefgh"])
def test_passwords_that_are_taken(password: str) -> None:
    assert unfit(password, ANA) is None


def test_a_session_ends_when_it_is_idle_and_when_its_time_is_over() -> None:
    assert (lasting(False), lasting(True)) == (BROWSER, PROGRAM)
    assert not is_over(False, 0, 12 * HOUR, 2 * HOUR - 1)
    assert is_over(False, 0, 12 * HOUR, 2 * HOUR)
    assert not is_over(True, 0, 12 * HOUR, 2 * HOUR)
    assert is_over(True, 12 * HOUR - 1, 12 * HOUR, 12 * HOUR)
