"""A record without its person: every kind of fact stays what it is, ids and money stay, names and words go, twice is as once."""

import msgspec
from tests.contract.store.test_audit import whole
from tests.lifecycle.explain import lives

from orchvynt.adapters.journal.frames import decode_record, encode_facts
from orchvynt.lifecycle.forgetting import FORGOTTEN, forget_facts, persons_in
from orchvynt.lifecycle.reviewed import contents_of
from orchvynt.model import facts as f
from orchvynt.model.invocation import Claims


def test_names_and_words_go_and_the_rest_stays() -> None:
    claims = Claims("doc", user="u-1", session="s-1", context={"customer": ["c-1", {"x": "c-2"}], "n": 5})
    record: list[f.AnyFact] = [
        *[msgspec.structs.replace(fact, claims=claims) if isinstance(fact, f.InvocationReceived) else fact for fact in lives.approved()],
        f.HoldPlaced("i", 1, "a", 1, "gpt", (f.Reserved("by-user", "u-1", 0, 7), f.Reserved("team", "docs", 0, 7)), 1, 2, 3),
        f.FeedbackGiven("i", 1, 0.5, "m", "p", comment="said by u-1"),
        f.InvocationRefused("i", 1, "review_rejected", 403, "because of u-1", {"reason": "u-1"}),
        f.ReviewVoted("i", 1, "rev_1", f.Vote("ana@x", "edit", "u-1 is fine", 1, "dear u-1, the secret answer")),
        f.ReviewDecided("i", 2, "rev_1", "edit", "ana@x", b"", "u-1 is fine", diff="-the secret answer of u-1"),
        f.CandidateSkipped("i", 1, 1, "gpt", "budget:by-user", {"subject": "c-2", "limit": 5}),
    ]
    assert persons_in(record) == {"u-1", "s-1", "c-1", "c-2"}
    left = forget_facts(record)
    assert [type(fact) for fact in left] == [type(fact) for fact in record]
    assert [(fact.inv, fact.at) for fact in left] == [(fact.inv, fact.at) for fact in record]
    told = encode_facts(left).decode()
    for gone in ("u-1", "s-1", "c-1", "c-2", "secret answer"):
        assert gone not in told, gone
    assert FORGOTTEN in told
    assert [fact for fact in left if isinstance(fact, f.AttemptSettled)] == [fact for fact in record if isinstance(fact, f.AttemptSettled)]
    assert forget_facts(left) == left
    assert decode_record(encode_facts(left)) == left


def test_every_state_goes() -> None:
    record = [fact for frame in whole(1, "u-9") for fact in frame]
    assert any(contents_of(fact.state) for fact in record if isinstance(fact, f.ReviewOpened))
    assert not any(fact.state for fact in forget_facts(record) if isinstance(fact, f.ReviewOpened | f.ReviewDecided | f.ReviewConcluded))
    assert contents_of(b"no state") == {}
