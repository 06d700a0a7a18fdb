"""Where a browser may be sent after a login: a path of this server, never another's address."""

from typing import Final
from urllib.parse import urlsplit

HOME: Final = "/"
PATH_CHARS_MAX: Final = 1_024


def own_path(text: str) -> str:
    """The text if it is a path of this server that leads anywhere but to the login again; else the home page's.

    Browsers read a backslash as a slash and leave out tabs and line breaks, so `/\\evil.example` and `/\\t/evil.example` are another's.
    """
    plain = len(text) <= PATH_CHARS_MAX and text.isascii() and text.isprintable() and not set(text) & set(' \\"<>')
    if not plain or not text.startswith("/") or text.startswith("//"):
        return HOME
    try:
        parts = urlsplit(text)
    except ValueError:
        return HOME
    own = not parts.scheme and not parts.netloc and parts.path not in ("/login", "/logout") and not parts.path.startswith("/login/oidc")
    return text if own else HOME
