"""Writes what is told of an alert: a sentence for people, and the body of the message. No word of a caller or a model is in it."""

from typing import Any, Final

import msgspec

from orchvynt.decisions.alerts.grouping import Member
from orchvynt.decisions.alerts.watching import Told, Watched
from orchvynt.language.document.scalars import duration_text
from orchvynt.lifecycle.explain.phrases import instant_text

MEMBERS_MAX: Final = 100
SAID_MAX: Final = 3

OF_ONE_CALL: Final = frozenset({"provider_overrun", "confidence_missing"})
"""Mishaps that the record of a call tells more about."""

MISHAPS: Final = {
    "credential_refused": ("refused our credential", "Renew it; what is behind it rests meanwhile."),
    "quota_exhausted": ("says that the quota is exhausted", "Raise it or pay; what is behind it rests meanwhile."),
    "provider_overrun": ("billed more than an attempt was allowed", "Look at the record, and at what the provider promises."),
    "confidence_missing": (
        "gave no confidence that gates ask for",
        "They do what their `confidence.unknown` says; look at the record, and at `confidence.from`.",
    ),
}


def sentence(told: Told) -> str:
    """What happened, in plain text."""
    watched, members, over = told.watched, told.notice.members, told.notice.status == "resolved"
    if told.gone:
        return f"The policy no longer has the alert `{watched.condition}`; it was firing."
    if watched.when is None:
        what, help = MISHAPS[watched.name]
        provider, times = members[0].key[1], members[0].figures.calls
        if over:
            return f"Provider {provider} {what}, but not in the last {duration_text(watched.window_ns)}."
        often = "once" if times == 1 else f"{times} times"
        return f"Provider {provider} {what}, {often} within {duration_text(watched.window_ns)}. {help}"
    said = "; ".join(_share(member, over) for member in members[:SAID_MAX])
    more = f"; and {len(members) - SAID_MAX} more" if len(members) > SAID_MAX else ""
    begin = "no longer holds" if over else "still holds" if told.notice.repeated else "holds"
    return f"`{watched.condition}` {begin} over {duration_text(watched.window_ns)}: {said}{more}."


def _share(member: Member, over: bool) -> str:
    chain, provider = member.key
    if over:
        return f"chain {chain} behind {provider}"
    rate, calls = member.figures.activation_rate, member.figures.calls
    return f"chain {chain} was used in {rate:.0%} of {calls} invocations that were routed to {provider}"


def body(told: Told, version: int, at: int) -> bytes:
    """The message as JSON. `version` is of the policy in force, `at` now."""
    watched, notice = told.watched, told.notice
    data: dict[str, Any] = {
        "alert": watched.name,
        "when": watched.condition,
        "window": duration_text(watched.window_ns),
        "status": notice.status,
        "repeated": notice.repeated,
        "text": sentence(told),
        "next": _next(watched, notice.members),
        "policy_version": version,
        "group": [_member(watched, member) for member in notice.members[:MEMBERS_MAX]],
        "more": max(0, len(notice.members) - MEMBERS_MAX),
    }
    return msgspec.json.encode({"type": f"alert.{notice.status}", "timestamp": instant_text(at), "data": data})


def _member(watched: Watched, member: Member) -> dict[str, Any]:
    chain, provider = member.key
    rate = round(member.figures.activation_rate, 4) if watched.when is not None else None
    return {
        "chain": chain,
        "provider": provider,
        "activation_rate": rate,
        "calls": member.figures.calls,
        "since": instant_text(member.since),
        "invocation": member.last,
    }


def _next(watched: Watched, members: tuple[Member, ...]) -> str:
    """The command that says more."""
    last = members[0].last
    return f"orchvynt explain {last}" if watched.name in OF_ONE_CALL and last else "orchvynt providers"


def undeliverable_body(destination: str, count: int, why: str, version: int, at: int) -> bytes:
    """Told to others: nobody hears what this destination should. `why` is ours or a word of the channel's protocol."""
    said = "A message" if count == 1 else f"{count} messages"
    data = {
        "alert": "undeliverable",
        "status": "firing",
        "repeated": False,
        "text": f"{said} to destination {destination} could not be delivered, the last because {why}.",
        "next": "orchvynt notify outbox --undeliverable",
        "policy_version": version,
        "group": [{"destination": destination, "count": count}],
        "more": 0,
    }
    return msgspec.json.encode({"type": "alert.firing", "timestamp": instant_text(at), "data": data})


def test_body(destination: str, by: str, version: int, at: int, link: str) -> bytes:
    """A message that says that messages arrive."""
    text = f"This is a test of destination {destination}, asked for by {by}. Nothing is to be done."
    data = {"text": text, "next": f"orchvynt notify test {destination}", "link": link, "policy_version": version}
    return msgspec.json.encode({"type": "notify.test", "timestamp": instant_text(at), "data": data})
