"""Draws a plan from a seed. The same seed gives the same plan for good, as long as this file is not changed."""

from dataclasses import replace
from random import Random
from typing import Final

from tests.simulation.plan import DAY, HOUR, MINUTE, SECOND, Apply, Behaviour, Call, Cap, Outage, Plan, Policy, Stop, Tier

BEGIN: Final = 1_735_725_000 * SECOND
"""2025-01-01T09:50:00Z."""
SCOPES: Final = ("global", "workflow", "agent", "run", "session", "key", "invocation", "customer")
SUBJECTS: Final = {"workflow": ("docs", "mail"), "agent": ("a", "b"), "run": ("r1", "r2"), "session": ("s",), "customer": ("c1", "c2")}
"""What callers say of themselves, and may leave out."""
WINDOWS: Final = ("lifetime", "minute", "hour", "day", "week", "month", "rolling 20s", "rolling 45s")
BREACHES: Final = ("reject", "reject", "clamp", "clamp", "downgrade", "alert")
"""What this build does past a limit."""
HARD: Final = ("reject", "clamp")
UNITS: Final = ("tokens", "tokens", "input_tokens", "output_tokens")
"""What is counted besides money and invocations."""
DIALECTS: Final = ("openai", "openai", "openai", "anthropic", "ollama")
BOUNDARIES: Final = ("append:before", "append:after", "send:before", "send:after", "dial", "store", "answer", "data", "apply")
KILL_WEIGHTS: Final = (5, 5, 4, 4, 1, 1, 3, 2, 1)
SQLITE_EVERY: Final = 40
CROWD_EVERY: Final = 12
WORDS: Final = ("spam ", "invoice ", "Größe ", "数据 ", "🙂 ", "(x+1)*2 ", "\n", "aGVsbG8=")

LYING: Final = 0.15
"""In so many seeds providers also make up how long the input was."""
USAGES: Final[tuple[str | tuple[int, int], ...]] = ("missing", "absurd", "last_chunk")
# Weight, then the fault in the words of the scripted provider.
FAULTS: Final[tuple[tuple[int, dict[str, object]], ...]] = (
    (3, {"status": 429}),
    (2, {"status": 429, "retry_after": 2}),
    (2, {"status": 503}),
    (2, {"status": 500}),
    (1, {"status": 400}),
    (3, {"reset_before_byte": True}),
    (2, {"close_before_byte": True}),
    (3, {"cut_after": 2}),
    (2, {"reset_after": 1}),
    (2, {"clean_end_without_terminal": 2}),
    (2, {"error_event_after": 1}),
    (3, {"stall_after": 2}),
    (2, {"silent": True}),
    (1, {"pings_only": True}),
    (1, {"html_200": True}),
    (1, {"bad_json": True}),
    (1, {"truncated_json": True}),
    (1, {"empty_200": True}),
    (1, {"error_object_200": True}),
)


def draw(seed: int) -> Plan:
    chance = Random(seed)
    crowd = seed % CROWD_EVERY == CROWD_EVERY - 1
    return _crowd(seed, chance) if crowd else _any(seed, chance)


def _any(seed: int, chance: Random) -> Plan:
    policies = [_policy(chance)]
    for _ in range(chance.choice([0, 0, 1, 2])):
        policies.append(_changed(chance, policies[-1]))
    begins = BEGIN + chance.randrange(0, 3 * DAY)
    stops = _stops(chance)
    # Each process has its own stretch of callers; the last one runs to its end.
    stretches = [chance.choice([20, 60, 90]) * SECOND for _ in range(len(stops) + 1)]
    calls: list[Call] = []
    at = SECOND
    ends: list[Stop] = []
    applies: list[Apply] = []
    for number, length in enumerate(stretches):
        calls += _calls(chance, len(calls), at, length)
        if number < len(stops):
            stop = stops[number]
            after = at + chance.randrange(length // 4, length)
            ends.append(Stop(stop.how, after, stop.boundary, stop.nth, stop.away_ns))
            at = after + stop.away_ns
        else:
            at += length
    for policy in policies[1:]:
        applies.append(Apply(chance.randrange(2 * SECOND, max(calls[-1].at, 3 * SECOND)), policy))
    providers = sorted({tier.provider for policy in policies for tier in policy.tiers})
    outages = []
    for provider in providers:
        if chance.random() < 0.15:
            since = chance.randrange(0, max(calls[-1].at, 1))
            outages.append(Outage(provider, since, since + chance.choice([2, 10, 40]) * SECOND))
    full = []
    if chance.random() < 0.2:
        since = chance.choice(calls).at - chance.randrange(0, SECOND)
        full.append((since, since + chance.choice([200_000_000, 2 * SECOND, 8 * SECOND])))
    return Plan(
        seed,
        begins,
        tuple(policies),
        tuple(calls),
        tuple(_behaviours(chance, calls, providers)),
        tuple(outages),
        tuple(sorted(applies, key=lambda one: one.at)),
        tuple(ends),
        tuple(full),
        sqlite=seed % SQLITE_EVERY == SQLITE_EVERY // 2,
    )


def _policy(chance: Random) -> Policy:
    tiers = _tiers(chance)
    caps = tuple(_cap(chance, number, tiers) for number in range(chance.choice([1, 1, 2, 2, 3, 4, 5])))
    return Policy(tiers, caps, chance.choice(["fail", "fail", "continue"]), chance.choice([0, 1, 2]))


def _tiers(chance: Random) -> tuple[Tier, ...]:
    rates = [(2_500_000_000, 10_000_000_000), (150_000_000, 600_000_000), (3_000_000_000, 15_000_000_000), (400_000_000, 333_333_333)]
    dear, cheap, claude, odd = rates
    known = [
        Tier("large", "openai", "openai", *dear, chance.choice([256, 1_000, 4_096])),
        Tier("small", "openai", "openai", *chance.choice([cheap, odd]), chance.choice([256, 1_000])),
        Tier("claude", "anthropic", "anthropic", *claude, chance.choice([256, 2_000])),
        Tier("mistral", "lab", "ollama", 0, 0, 512),
    ]
    chance.shuffle(known)
    return tuple(known[: chance.choice([1, 2, 2, 3])])


def _cap(chance: Random, number: int, tiers: tuple[Tier, ...]) -> Cap:
    scope = chance.choice(SCOPES)
    per_call = chance.choice([600, 1_500, 4_000])
    calls = chance.choice([1, 3, 8, 20, 60])
    limits: dict[str, int] = {}
    if chance.random() < 0.55:
        limits[chance.choice(UNITS)] = per_call * calls
    if not limits or chance.random() < 0.4:
        dearest = max(tier.nanos(per_call // 2, per_call // 2) for tier in tiers) or 1_000_000
        limits["usd"] = dearest * calls
    if chance.random() < 0.2 and scope != "invocation":
        limits["invocations"] = calls
        if chance.random() < 0.4:
            limits = {"invocations": calls}
    breach, named = chance.choice(BREACHES if len(tiers) > 1 else HARD[:1]), chance.choice(tiers).model
    over = {unit: limit * 3 // 2 + 1 for unit, limit in limits.items() if unit in ("tokens", "usd") and chance.random() < 0.5}
    return Cap(
        f"b{number}",
        scope,
        chance.choice(WINDOWS),
        limits,
        breach,
        chance.choice([30, 30, 5, 0]),
        chance.choice([16, 16, 1, 64]),
        chance.choice(["", "", "", "docs"]),
        fails=chance.random() < 0.03,
        needs_subject=scope in SUBJECTS and chance.random() < 0.05,
        downgrade=named if breach == "downgrade" else "",
        ceiling=over if breach == "downgrade" else {},
    )


def _changed(chance: Random, policy: Policy) -> Policy:
    """A limit lowered or raised, or a price changed."""
    if chance.random() < 0.6:
        share = chance.choice([20, 50, 80, 150, 400])
        number = chance.randrange(len(policy.caps))
        return replace(policy, caps=tuple(_scaled(cap, share) if at == number else cap for at, cap in enumerate(policy.caps)))
    share = chance.choice([50, 200, 300])
    tiers = tuple(replace(one, rate_in=one.rate_in * share // 100, rate_out=one.rate_out * share // 100) for one in policy.tiers)
    return replace(policy, tiers=tiers)


def _scaled(cap: Cap, share: int) -> Cap:
    limits = {unit: max(1, limit * share // 100) for unit, limit in cap.limits.items()}
    return replace(cap, limits=limits, ceiling={unit: limits[unit] * 3 // 2 + 1 for unit in cap.ceiling})


def _stops(chance: Random) -> list[Stop]:
    found = []
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        away = chance.choice([SECOND, SECOND, 5 * SECOND, MINUTE, HOUR, 10 * HOUR, DAY, 3 * DAY])
        if chance.random() < 0.2:
            found.append(Stop("drain", 0, away_ns=away))
        elif chance.random() < 0.2:
            found.append(Stop("kill", 0, "time", 0, away))
        else:
            boundary = chance.choices(BOUNDARIES, KILL_WEIGHTS)[0]
            found.append(Stop("kill", 0, boundary, chance.randint(1, 12), away))
    return found


def _calls(chance: Random, first: int, since: int, length: int) -> list[Call]:
    calls: list[Call] = []
    wanted = chance.choice([4, 8, 12, 20])
    while len(calls) < wanted:
        at = since + chance.randrange(length)
        burst = chance.choice([1, 1, 1, 2, 4, 8, 16]) if chance.random() < 0.97 else 60
        for _ in range(burst):
            jitter = chance.choice([0, 0, 0, chance.randrange(SECOND)])
            calls.append(_call(chance, first + len(calls), at + jitter))
    for call in list(calls):
        if call.key:
            again = Call(**{**vars(call), "number": first + len(calls), "at": call.at + chance.choice([0, SECOND, 20 * SECOND])})
            calls.append(Call(**{**vars(again), "leaves_ns": None}))
    calls.sort(key=lambda call: call.at)
    return calls


def _call(chance: Random, number: int, at: int) -> Call:
    claims = {}
    for name, values in SUBJECTS.items():
        if chance.random() < 0.7:
            claims[name] = chance.choice((*values, f"r{number}") if name == "run" else values)
    text = f"#{number}# " + "".join(chance.choices(WORDS, k=chance.choice([1, 5, 20, 60])))
    return Call(
        number,
        at,
        chance.choice(DIALECTS),
        "auto",
        chance.random() < 0.5,
        chance.choice([None, None, 20, 100, 300, 1_000]),
        claims,
        text,
        leaves_ns=chance.choice([0, 50_000_000, 500_000_000, 2 * SECOND, 6 * SECOND]) if chance.random() < 0.12 else None,
        key=f"key-{number}" if chance.random() < 0.08 else "",
        broken=chance.random() < 0.05,
    )


def _behaviours(chance: Random, calls: list[Call], providers: list[str]) -> list[Behaviour]:
    """Half the seeds have mostly healthy providers; in the others every other answer goes wrong."""
    ill = chance.choice([0.03, 0.1, 0.45])
    lies = chance.random() < LYING
    found = []
    for call in calls:
        for provider in providers:
            fault: dict[str, object] = {}
            if chance.random() < ill:
                fault = chance.choices([one for _, one in FAULTS], [weight for weight, _ in FAULTS])[0]
            usage: str | tuple[int, int] | None = None
            if chance.random() < ill / 2:
                usage = chance.choice([*USAGES, (chance.randint(1, 9_000 if lies else 12), chance.randint(0, 9_000))])
            found.append(
                Behaviour(
                    call.number,
                    provider,
                    chance.choice([0, 1, 8, 30, 60, 120]),
                    chance.choice([0.0, 0.05, 0.4, 1.5, 3.0]),
                    chance.choice([0.0, 0.0, 0.1]),
                    chance.choice([1, 3, 8]),
                    fault,
                    chance.random() < 0.5,
                    usage,
                )
            )
    return found


def _crowd(seed: int, chance: Random) -> Plan:
    """Many at once on a budget for a few, holds at most twice the use, nothing goes wrong: nothing over, and nearly all of it spent."""
    tier = Tier("large", "openai", "openai", 2_500_000_000, 10_000_000_000, 1_000)
    output, fits = chance.choice([100, 200]), chance.choice([20, 25])
    text = "#{}# " + "word " * 6
    calls = []
    for number in range(chance.choice([60, 80])):
        at = SECOND + chance.choice([0, chance.randrange(SECOND)])
        calls.append(Call(number, at, chance.choice(DIALECTS[:-1]), "auto", chance.random() < 0.5, output, {}, text.format(number)))
    uses = [Behaviour(call.number, "openai", output // 2, chance.choice([0.05, 0.4]), 0.0, 2) for call in calls]
    unit = chance.choice(["tokens", "usd"])
    # What one of them holds: 36 bytes, 16 tokens for the template, and the output.
    per_call = output + 52
    limit = fits * (per_call if unit == "tokens" else tier.nanos(52, output))
    cap = Cap("crowd", "global", chance.choice(["lifetime", "day"]), {unit: limit}, chance.choice([one for one in BREACHES if one in HARD]))
    policy = Policy((tier,), (cap,))
    return Plan(seed, BEGIN, (policy,), tuple(sorted(calls, key=lambda call: call.at)), tuple(uses), (), (), (), (), crowd=True)
