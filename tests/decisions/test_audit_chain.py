"""The chain: whatever one changes of what is stored, the check names the first number that is not what it was."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.audit.chain import Checker, Verified, forget_digest, head_of, link
from orchvynt.decisions.audit.entries import FORGET, GENESIS, MISMATCH, AuditRow, Head, Kept, Words, canonical, digest, hash_of

WORDS = st.text(max_size=12)
ROWS = st.builds(
    AuditRow,
    st.integers(0, 2**62),
    WORDS,
    st.sampled_from(["token.issue", "review.open", "review.approve"]),
    WORDS,
    WORDS,
    st.dictionaries(st.sampled_from(["gate", "votes", "ok"]), st.integers(0, 9) | st.booleans() | WORDS, max_size=2),
    st.dictionaries(st.sampled_from(["answer", "request"]), st.binary(max_size=20), max_size=2),
)


def chained(rows: Sequence[AuditRow], seed: int = 1) -> list[Kept]:
    chance, head, found = random.Random(seed), Head(), []
    for row in rows:
        found.append(link(head, row, lambda: chance.randbytes(32)))
        head = head_of(found[-1])
    return found


def checked(chain: Sequence[Kept], anchor: Head | None = None, head: str = "") -> Verified:
    checker = Checker([("the anchor", anchor)] if anchor is not None else [], head)
    for kept in chain:
        checker.add(kept)
    return checker.finish(anchor)


def rows(count: int) -> list[AuditRow]:
    return [AuditRow(number, "token:ana", "policy.apply", f"why {number}", f"version {number}", {"n": number}) for number in range(count)]


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=8))
def test_what_was_linked_verifies(noted: list[AuditRow]) -> None:
    chain = chained(noted)
    found = checked(chain, head_of(chain[-1]) if chain else None, chain[0].entry.hash if chain else "")
    assert (found.bad_at, found.entries, found.problem) == (0, len(noted), "")
    assert [kept.number for kept in chain] == list(range(1, len(noted) + 1))
    for kept, row in zip(chain, noted, strict=True):
        assert (kept.details, kept.at, kept.what) == (row.details, row.at, row.what)
        assert row.why.encode("utf-8", "replace").decode() == kept.why
        salts, digests = msgspec.json.decode(kept.words.salts), msgspec.json.decode(kept.entry.digests)
        for name, content in row.contents.items():
            assert digests[name] == digest(bytes.fromhex(salts[name]), content)


def changed_value(kept: Kept, field: str) -> Kept:
    """One field with another value, as somebody with a database tool would set it; or with its hash made to fit."""
    if field in ("salts", "why", "forgotten_by"):
        value: Any = getattr(kept.words, field)
        other = {"salts": '{"why":"00"}', "why": f"{value}x", "forgotten_by": 1}[field]
        return msgspec.structs.replace(kept, words=msgspec.structs.replace(kept.words, **{field: other}))
    value = getattr(kept.entry, field)
    other = value + 1 if isinstance(value, int) else '{"other":1}' if field in ("details", "digests") else f"{value[:-1]}~"
    return msgspec.structs.replace(kept, entry=msgspec.structs.replace(kept.entry, **{field: other}))


FIELDS = (
    *("number", "at", "who", "what", "subject", "details", "digests", "salted", "previous", "hash"),
    *("salts", "why", "forgotten_by"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=7), st.integers(0, 2**32), st.sampled_from(FIELDS))
def test_any_changed_value_is_named(noted: list[AuditRow], seed: int, field: str) -> None:
    chain = chained(noted)
    at = random.Random(seed).randrange(len(chain))
    broken = [*chain]
    broken[at] = changed_value(chain[at], field)
    found = checked(broken, head_of(chain[-1]))
    assert found.bad_at == at + 1, (field, found)
    if field in ("number", "hash", "previous", *FIELDS[-3:]):
        return
    # Whoever makes the hash fit breaks the link of the next one, or the anchor.
    fitted = broken[at].entry
    broken[at] = msgspec.structs.replace(broken[at], entry=msgspec.structs.replace(fitted, hash=hash_of(fitted)))
    assert checked(broken, head_of(chain[-1])).bad_at in (at + 1, at + 2)


@settings(max_examples=80, deadline=None)
@given(st.lists(ROWS, min_size=2, max_size=7), st.integers(0, 2**32), st.sampled_from(["remove", "swap", "insert", "truncate", "double"]))
def test_any_other_order_is_named(noted: list[AuditRow], seed: int, how: str) -> None:
    chance = random.Random(seed)
    chain = chained(noted)
    at = chance.randrange(len(chain))
    broken = [*chain]
    match how:
        case "remove":
            del broken[at]
        case "truncate":
            del broken[at:]
        case "double":
            broken.insert(at + 1, chain[at])
            at += 1
        case "insert":
            broken.insert(at, link(Head(at, chain[at - 1].entry.hash if at else GENESIS), rows(1)[0], lambda: chance.randbytes(32)))
            at += 1
        case "swap":
            other = (at + 1) % len(chain)
            broken[at], broken[other] = broken[other], broken[at]
            at = min(at, other)
    found = checked(broken, head_of(chain[-1]))
    assert found.bad_at in (at, at + 1), (how, found)


def test_a_whole_new_chain_does_not_pass_for_the_old_one() -> None:
    old, new = chained(rows(5), seed=1), chained(rows(5), seed=2)
    assert checked(new).bad_at == 0
    assert checked(new, head_of(old[-1])).bad_at == 5
    assert checked(new, None, old[2].entry.hash).bad_at == 6
    assert checked([*old, *[]], None, old[2].entry.hash).bad_at == 0, "a head of earlier is an entry of the chain"
    assert checked(old[:2], None, old[2].entry.hash).bad_at == 3


def forgotten(chain: list[Kept], numbers: Sequence[int], told: Sequence[int] | None = None) -> list[Kept]:
    teller = len(chain) + 1
    left = [msgspec.structs.replace(one, words=Words(forgotten_by=teller)) if one.number in numbers else one for one in chain]
    said = {"entries": len(numbers), "entries_digest": forget_digest(told if told is not None else numbers)}
    return [*left, link(head_of(chain[-1]), AuditRow(9, "token:ana", FORGET, "T-1", "audit", said), lambda: b"s" * 32)]


def test_words_that_were_forgotten_leave_a_chain_that_verifies() -> None:
    chain = forgotten(chained(rows(6)), [2, 4])
    found = checked(chain, head_of(chain[-1]))
    assert (found.bad_at, found.forgotten, found.entries) == (0, 2, 7)
    again = forgotten(chain, [1])
    assert checked(again).bad_at == 0
    twice = [msgspec.structs.replace(one, words=Words(forgotten_by=7)) if one.number == 3 else one for one in chain]
    assert checked(twice).bad_at == 2, "one more than the entry tells of"
    fewer = [msgspec.structs.replace(one, words=chained(rows(6))[3].words) if one.number == 4 else one for one in chain]
    assert checked(fewer).bad_at == 2, "one less"
    back = [msgspec.structs.replace(one, words=Words("{}", "why 1", 7)) if one.number == 2 else one for one in chain]
    assert checked(back).bad_at == 2


@pytest.mark.parametrize("teller", [3, 99])
def test_nobody_forgets_unseen(teller: int) -> None:
    chain = chained(rows(6))
    chain[1] = msgspec.structs.replace(chain[1], words=Words(forgotten_by=teller))
    assert checked(chain).bad_at == 2
    chain[1] = msgspec.structs.replace(chain[1], words=Words(""))
    assert checked(chain).bad_at == 2


def test_a_mismatch_that_was_noted_stays_one() -> None:
    chain = chained([*rows(3), AuditRow(9, "orchvynt", MISMATCH, "", "audit", {"found": 3, "expected": 5}), *rows(2)])
    found = checked(chain, head_of(chain[-1]))
    assert found.bad_at == 4
    assert "another" in found.problem


def test_the_hash_is_what_the_documents_say() -> None:
    (kept,) = chained([AuditRow(7, "token:ä", "token.issue", "because", "ci", {"b": 1, "a": "x"})])
    entry = kept.entry
    said = ["orchvynt audit 1", "1", "7", "token:ä", "token.issue", "ci", '{"a":"x","b":1}', entry.digests, entry.salted, "0" * 64]
    import json

    assert entry.hash == digest(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode())
    assert entry.details == canonical({"a": "x", "b": 1})
    assert "because" not in "".join(map(str, msgspec.structs.astuple(entry)))
