"""Secrets come only from where the operator allowed, and no message ever holds one."""

import os
from pathlib import Path

import pytest

from orchvynt.adapters.secrets import SECRET_BYTES_MAX, EnvSecrets
from orchvynt.language.snapshot import SecretRef
from orchvynt.ports.secrets import SecretMissingError

VALUE = "sk-very-secret-0123456789"


def env(name: str) -> SecretRef:
    return SecretRef("env", name)


def file(name: str) -> SecretRef:
    return SecretRef("file", name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "secrets"
    place.mkdir()
    return place


def test_an_allowed_variable_is_resolved() -> None:
    secrets = EnvSecrets({"OPENAI_API_KEY": VALUE, "MY_TOKEN": VALUE + "\n"})
    assert secrets.resolve(env("OPENAI_API_KEY")) == VALUE
    assert secrets.resolve(env("MY_TOKEN")) == VALUE


@pytest.mark.parametrize(
    ("environment", "name", "says"),
    [
        ({"PATH": VALUE}, "PATH", "--secret-env"),
        ({"OPENAI_API_KEY_OLD": VALUE}, "OPENAI_API_KEY_OLD", "--secret-env"),
        ({}, "OPENAI_API_KEY", "not set"),
        ({"ORCHVYNT_ADMIN_TOKEN": VALUE}, "ORCHVYNT_ADMIN_TOKEN", "opens OrchVynt itself"),
        ({"A_TOKEN": ""}, "A_TOKEN", "empty"),
        ({"A_TOKEN": VALUE + "\r\nx-evil: 1"}, "A_TOKEN", "line break"),
        ({"A_TOKEN": VALUE + "\0"}, "A_TOKEN", "control"),
        ({"A_TOKEN": VALUE * SECRET_BYTES_MAX}, "A_TOKEN", "longer than"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_without_its_value(environment: dict[str, str], name: str, says: str) -> None:
    with pytest.raises(SecretMissingError, match=says) as caught:
        EnvSecrets(environment).resolve(env(name))
    assert f"${{env:{name}}}" in str(caught.value)
    assert VALUE not in str(caught.value)


def test_other_globs_replace_the_default_ones() -> None:
    secrets = EnvSecrets({"CORP_X": VALUE, "A_TOKEN": VALUE}, globs=("CORP_*",))
    assert secrets.resolve(env("CORP_X")) == VALUE
    with pytest.raises(SecretMissingError, match="CORP_"):
        secrets.resolve(env("A_TOKEN"))


def test_a_file_is_read_by_relative_and_absolute_name_and_again_when_it_changes(folder: Path) -> None:
    secrets = EnvSecrets({}, directory=str(folder))
    path = folder / "spare"
    path.write_text(VALUE + "\n")
    assert secrets.resolve(file("spare")) == VALUE
    assert secrets.resolve(file(str(path))) == VALUE
    path.write_text("rotated\n")
    os.utime(path, ns=(1, 1))
    assert secrets.resolve(file("spare")) == "rotated"


def test_a_file_is_read_anew_after_a_provider_refused_what_was_in_it(folder: Path) -> None:
    secrets = EnvSecrets({}, directory=str(folder))
    path = folder / "spare"
    path.write_text("old-value")
    assert secrets.resolve(file("spare")) == "old-value"
    before = path.stat()
    path.write_text("new-value")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert secrets.resolve(file("spare")) == "old-value", "it looks as it did"
    secrets.forget(file("spare"))
    secrets.forget(env("A_TOKEN"))
    assert secrets.resolve(file("spare")) == "new-value"


def test_a_swapped_link_is_followed_within_the_directory_and_not_out_of_it(folder: Path) -> None:
    """Kubernetes swaps a link to a folder: https://kubernetes.io/docs/concepts/configuration/secret/"""
    for version in ("one", "two"):
        (folder / f"..{version}").mkdir()
        (folder / f"..{version}" / "key").write_text(version)
    (folder / "..data").symlink_to("..one")
    (folder / "key").symlink_to("..data/key")
    secrets = EnvSecrets({}, directory=str(folder))
    assert secrets.resolve(file("key")) == "one"
    (folder / "..data").unlink()
    (folder / "..data").symlink_to("..two")
    assert secrets.resolve(file("key")) == "two"
    outside = folder.parent / "outside"
    outside.write_text(VALUE)
    (folder / "key").unlink()
    (folder / "key").symlink_to(outside)
    with pytest.raises(SecretMissingError, match="not under --secret-dir") as caught:
        secrets.resolve(file("key"))
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../outside", "sub/../../outside", "sub/../inside", "/etc/hostname", "/proc/self/environ", ".", "", "\0", "missing", "pipe", "loop"],
)
def test_a_file_that_may_not_or_cannot_be_read_is_refused(folder: Path, name: str) -> None:
    (folder.parent / "outside").write_text(VALUE)
    (folder / "inside").write_text(VALUE)
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    with pytest.raises(SecretMissingError) as caught:
        EnvSecrets({}, directory=str(folder)).resolve(file(name))
    assert f"${{file:{name}}}" in str(caught.value)
    assert "--secret-dir" in str(caught.value)
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"two\nlines", "line break"),
        (b"x" * (SECRET_BYTES_MAX + 1), "longer than"),
    ],
)
def test_content_that_is_no_secret_is_refused(folder: Path, content: bytes, says: str) -> None:
    (folder / "key").write_bytes(content)
    with pytest.raises(SecretMissingError, match=says):
        EnvSecrets({}, directory=str(folder)).resolve(file("key"))


def test_the_largest_secret_with_its_line_break_fits(folder: Path) -> None:
    (folder / "key").write_bytes(b"x" * SECRET_BYTES_MAX + b"\r\n")
    assert len(EnvSecrets({}, directory=str(folder)).resolve(file("key"))) == SECRET_BYTES_MAX


def test_nothing_secret_shows_when_it_is_printed() -> None:
    secrets = EnvSecrets({"A_TOKEN": VALUE})
    secrets.resolve(env("A_TOKEN"))
    assert VALUE not in repr(secrets)
