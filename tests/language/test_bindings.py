"""What a policy newly reaches: addresses, and secrets at addresses."""

import msgspec
import pytest
from tests.support.snapshots import ANTHROPIC, OPENAI, snapshot

from orchvynt.language.bindings import new_bindings
from orchvynt.language.snapshot import Provider, SecretRef, Snapshot

KEY, OTHER_KEY = SecretRef("env", "A_API_KEY"), SecretRef("file", "/run/secrets/b")


def with_providers(*providers: Provider) -> Snapshot:
    return msgspec.structs.replace(snapshot(), providers={provider.name: provider for provider in providers})


BEFORE = with_providers(msgspec.structs.replace(OPENAI, api_key=KEY), ANTHROPIC)


def changed(**fields: object) -> Snapshot:
    return with_providers(msgspec.structs.replace(OPENAI, **({"api_key": KEY} | fields)), ANTHROPIC)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        with_providers(),
        changed(name="renamed"),
        changed(path_prefix="/v2"),
        changed(host="127.0.0.1."),
        changed(api_key=None),
        with_providers(msgspec.structs.replace(OPENAI, api_key=KEY), msgspec.structs.replace(OPENAI, name="twin", api_key=KEY)),
    ],
)
def test_what_goes_where_something_went_before_is_not_new(after: Snapshot) -> None:
    assert new_bindings(BEFORE, after) == ()


NEW = "provider openai: new address "
SENT = "provider openai: the secret ${env:A_API_KEY} now goes to "


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (changed(port=2, host="::1"), [f"{NEW}http://[::1]:2/v1", f"{SENT}http://[::1]:2/v1"]),
        (changed(tls=True), [f"{NEW}https://127.0.0.1:1/v1", f"{SENT}https://127.0.0.1:1/v1"]),
        (changed(host="evil.example", api_key=None), [f"{NEW}http://evil.example:1/v1"]),
        (changed(kind="anthropic"), ["provider openai: http://127.0.0.1:1/v1 is now spoken to as anthropic"]),
        (changed(api_key=OTHER_KEY), ["provider openai: the secret ${file:/run/secrets/b} now goes to http://127.0.0.1:1/v1"]),
        # A secret that another host had until now.
        (changed(port=2, kind="anthropic"), [f"{SENT}http://127.0.0.1:2/v1"]),
    ],
)
def test_what_goes_somewhere_else_is_said(after: Snapshot, says: list[str]) -> None:
    assert [binding.text for binding in new_bindings(BEFORE, after)] == says


def test_without_anything_before_all_is_new() -> None:
    assert [binding.where for binding in new_bindings(None, BEFORE)] == ["http://127.0.0.1:1/v1"] * 2 + ["http://127.0.0.1:2"]
