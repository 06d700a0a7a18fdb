"""Credentials become digests at once, and whoever is refused learns nothing from how."""

from orchvynt.decisions.identity.credentials import CACHED_CHARS_MAX, Identity, credential_digest, key_id, not_identified
from orchvynt.language.snapshot import Key
from orchvynt.model.invocation import caller_of


def test_a_credential_is_never_kept() -> None:
    digest = credential_digest("Bearer sk-secret", "")
    assert "secret" not in digest
    assert len(digest) == 64
    assert key_id(digest) == digest[:16]
    assert credential_digest("", "sk-secret") == credential_digest("bearer  sk-secret ", "other") == digest
    assert key_id(credential_digest("", "")) == key_id(credential_digest("Bearer ", "")) == "(none)"


def test_two_credentials_in_one_field_are_a_third_one() -> None:
    assert credential_digest("Bearer a, Bearer b", "") not in (credential_digest("Bearer a", ""), credential_digest("Bearer b", ""))


def test_a_huge_credential_is_read_and_not_remembered() -> None:
    huge = "x" * (CACHED_CHARS_MAX + 1)
    assert credential_digest(f"Bearer {huge}", "") == credential_digest("", huge)
    assert credential_digest("", "\udcff") != credential_digest("", "\udcfe")


def test_a_key_is_the_same_caller_with_every_secret_and_no_credential_is_taken_for_one() -> None:
    one, other = Identity(Key("docs"), "aaaa"), Identity(Key("docs"), "bbbb")
    assert one.caller == other.caller == caller_of("docs", "")
    assert Identity(None, "docs").caller != one.caller


def test_a_refusal_says_what_to_do_and_not_why() -> None:
    assert not_identified(True) == not_identified(True)
    assert {not_identified(True).status, not_identified(False).status} == {401}
    assert "orchvynt keys issue" in not_identified(False).help
