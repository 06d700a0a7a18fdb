"""The routes of people and logins: a part of the route table."""

from typing import Final

from orchvynt.surfaces import people_shapes as p
from orchvynt.surfaces.admin import entering, people
from orchvynt.surfaces.admin.asking import Row
from orchvynt.surfaces.operator_shapes import Listing

PEOPLE_ROWS: Final[tuple[Row, ...]] = (
    Row("POST", "/login", None, entering.login, "Logs a person in by password.", p.LoggedIn, takes=p.LoginBody),
    Row(
        "POST",
        "/login/exchange",
        None,
        entering.exchange,
        "Gives the command line its session, for the code that a browser brought it.",
        p.LoggedIn,
        takes=p.ExchangeBody,
    ),
    Row("POST", "/logout", "viewer", entering.logout, "Ends the session that asks.", p.LoggedOut),
    Row("GET", "/me", "viewer", entering.me, "Who asks, and what they may do.", p.Me),
    Row(
        "POST",
        "/me/password",
        "viewer",
        entering.own_password,
        "Changes one's own password; all other sessions end.",
        p.PasswordChanged,
        takes=p.OwnPasswordBody,
    ),
    Row("GET", "/people", "operator", people.listed, "People, by address.", Listing[p.PersonView], pages=True),
    Row("POST", "/people", "admin", people.add, "Adds a person.", p.PersonView, takes=p.PersonBody, status=201),
    Row(
        "PATCH",
        "/people/{email:path}",
        "admin",
        people.change,
        "Changes a person: role, name, password, disabled. Disabling ends all sessions.",
        p.PersonView,
        takes=p.PersonChange,
    ),
)
