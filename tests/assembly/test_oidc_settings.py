"""`serve --admin-url` and `--oidc-…`: what cannot be is wrong use, said before anything starts, and no secret is repeated."""

import pytest

from orchvynt.assembly.oidc_settings import oidc_settings
from orchvynt.assembly.settings import OidcSettings, WrongUseError, admin_url
from orchvynt.language.snapshot import SecretRef
from orchvynt.surfaces.cli.outside import OidcOptions

ISSUER = "https://idp.example.com/realms/company"


def test_nothing_said_is_no_provider() -> None:
    assert oidc_settings(OidcOptions()) is None


def test_what_is_said_and_what_is_meant_by_the_rest() -> None:
    assert oidc_settings(OidcOptions(ISSUER, "us")) == OidcSettings(ISSUER, "us")
    given = OidcOptions(ISSUER, "us", "${file:/run/secrets/oidc}", "teams", ("a=b=admin", "ops=operator"), "none", ("groups",))
    secret = SecretRef("file", "/run/secrets/oidc")
    assert oidc_settings(given) == OidcSettings(ISSUER, "us", secret, "teams", (("a=b", "admin"), ("ops", "operator")), None, ("groups",))


@pytest.mark.parametrize(
    "options",
    [
        OidcOptions(client_id="us"),
        OidcOptions(default_role="viewer"),
        OidcOptions(ISSUER),
        OidcOptions("http://idp.example.com", "us"),
        OidcOptions("idp.example.com", "us"),
        OidcOptions(ISSUER + "?x=1", "us"),
        OidcOptions(ISSUER, "us", "canary-secret"),
        OidcOptions(ISSUER, "us", "${env:}"),
        OidcOptions(ISSUER, "us", roles=("admin",)),
        OidcOptions(ISSUER, "us", roles=("admins=king",)),
        OidcOptions(ISSUER, "us", default_role="nobody"),
        OidcOptions(ISSUER, "us", scopes=("groups email",)),
        OidcOptions(ISSUER, "us", scopes=("",)),
        OidcOptions(scopes=("groups",)),
    ],
)
def test_what_cannot_be_is_wrong_use(options: OidcOptions) -> None:
    with pytest.raises(WrongUseError) as wrong:
        oidc_settings(options)
    assert "canary" not in str(wrong.value)
    assert "--oidc-" in str(wrong.value)


@pytest.mark.parametrize("text", ["", "https://orchvynt.example.com", "http://127.0.0.1:4822", "https://h:8443/"])
def test_admin_urls(text: str) -> None:
    assert admin_url(text) == text.rstrip("/")


@pytest.mark.parametrize(
    "text", ["orchvynt.example.com", "ftp://h", "https://", "https://h/path", "https://h?x", "https://u@h", "https://h:x", "https://[::1"]
)
def test_what_is_no_admin_url(text: str) -> None:
    with pytest.raises(WrongUseError, match="--admin-url"):
        admin_url(text)
