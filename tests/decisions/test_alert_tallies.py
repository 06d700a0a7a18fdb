"""Tallies: what is counted for whom, and their bound."""

from orchvynt.decisions.alerts.tallies import MISHAPS, TALLIES_MAX, Tallies, activated


def test_calls_and_activations_of_one_chain_and_provider_meet_in_one_tally() -> None:
    tallies = Tallies()
    first, second = tallies.routed("default", "openai"), tallies.routed("default", "openai")
    tallies.routed("default", "anthropic")
    activated(second, "inv_2")
    assert first is second
    assert (first.calls, first.activations, first.last) == (2, 1, "inv_2")
    assert sorted(tallies.chains) == [("default", "anthropic"), ("default", "openai")]


def test_mishaps_are_counted_by_kind_and_provider() -> None:
    tallies = Tallies()
    for number in range(3):
        tallies.happened("quota_exhausted", "openai", f"inv_{number}")
    tally = tallies.mishaps["quota_exhausted"]["openai"]
    assert (tally.calls, tally.last, tally.chain) == (3, "inv_2", "")
    assert [kind for kind in MISHAPS if tallies.mishaps[kind]] == ["quota_exhausted"]


def test_what_the_policy_does_not_name_is_forgotten() -> None:
    tallies = Tallies()
    for provider in ("old", "new"):
        tallies.routed("default", provider)
        tallies.happened("credential_refused", provider, "inv_1")
    tallies.forget_others({"new"})
    assert list(tallies.chains) == [("default", "new")]
    assert list(tallies.mishaps["credential_refused"]) == ["new"]


def test_they_are_bounded() -> None:
    tallies = Tallies()
    for number in range(TALLIES_MAX + 5):
        tallies.routed("default", f"p{number}")
        tallies.happened("provider_overrun", f"p{number}", "inv_1")
    assert len(tallies.chains) == len(tallies.mishaps["provider_overrun"]) == TALLIES_MAX
    assert ("default", "p0") not in tallies.chains
    assert ("default", f"p{TALLIES_MAX + 4}") in tallies.chains
