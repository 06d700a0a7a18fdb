"""The HTML of the login pages. Every text from elsewhere passes `escape` on its way."""

from collections.abc import Iterable
from html import escape
from typing import Final

STYLE: Final = "/login.css"


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f'<title>{escape(title)} – OrchVynt</title>\n<link rel="stylesheet" href="{STYLE}">\n</head>\n'
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def login_page(goes_to: str, csrf: str, wrong: str = "", email: str = "", provider: str = "") -> str:
    """`provider` is the address at which a login by the identity provider begins; empty for none."""
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>\n' if wrong else ""
    by_provider = (
        f'<a class="button quiet" href="{escape(provider)}">Log in with the identity provider</a>\n<div class="or">or by password</div>\n'
        if provider
        else ""
    )
    return page(
        "Log in",
        f"<h1>OrchVynt</h1>\n<p>Log in to review and operate.</p>\n{said}{by_provider}"
        f'<form method="post" action="/login">\n{_hidden("next", goes_to)}{_hidden("csrf", csrf)}'
        '<label for="email">E-mail address</label>\n'
        f'<input id="email" name="email" type="email" autocomplete="username" required autofocus maxlength="254" value="{escape(email)}">\n'
        '<label for="password">Password</label>\n'
        '<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024">\n'
        "<button>Log in</button>\n</form>\n",
    )


def home_page(email: str, role: str, groups: Iterable[str], ends: str, csrf: str) -> str:
    """Who one is."""
    rows = (("Role", role), ("Groups", ", ".join(groups) or "none"), ("Logged in until", ends))
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in rows)
    return page(
        "You",
        f"<h1>{escape(email)}</h1>\n<p>You are logged in to OrchVynt.</p>\n<dl>\n{told}</dl>\n"
        f'<form method="post" action="/logout">\n{_hidden("csrf", csrf)}<button class="quiet">Log out</button>\n</form>\n',
    )


def allow_page(email: str, fields: Iterable[tuple[str, str]], csrf: str) -> str:
    """Whether the command line may act as this person."""
    hidden = "".join(_hidden(name, value) for name, value in fields)
    return page(
        "Let the command line in",
        f"<h1>Let the command line in?</h1>\n<p>A program on this computer asks to act as {escape(email)}, for up to a week. "
        "Go on only if you have just run <code>orchvynt login</code>.</p>\n"
        f'<form method="post" action="/login/cli">\n{hidden}{_hidden("csrf", csrf)}<button>Let it in</button>\n</form>\n',
    )


def told_page(title: str, message: str, help_text: str, leads_to: str, link: str) -> str:
    """A message, and where to go on."""
    return page(
        title,
        f'<h1>{escape(title)}</h1>\n<p class="wrong" role="alert">{escape(message)}</p>\n<p>{escape(help_text)}</p>\n'
        f'<a class="button quiet" href="{escape(leads_to)}">{escape(link)}</a>\n',
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'
