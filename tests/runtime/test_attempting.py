"""How an attempt is sent: to which address, in whose dialect, with which key and limit; and what the runtime learns from it."""

import msgspec
from tests.support.answers import STREAM, WHOLE, refused
from tests.support.carrying import FakeSecrets, Runtime
from tests.support.snapshots import OPENAI, SECOND, invocation, snapshot

from orchvynt.decisions.budgets.measured import ANSWERS_NEEDED
from orchvynt.decisions.routing.statistics import CALLS_NEEDED, RELATIVE_ERROR_MAX
from orchvynt.language.snapshot import Budget, Limits, SecretRef, Snapshot
from orchvynt.model.facts import AttemptEnded, HoldPlaced


def keyed(policy: Snapshot) -> Snapshot:
    """The same policy where OpenAI needs a key."""
    provider = msgspec.structs.replace(OPENAI, api_key=SecretRef("env", "OPENAI_API_KEY"))
    models = {
        name: msgspec.structs.replace(model, provider=provider) if model.provider is OPENAI else model
        for name, model in policy.models.items()
    }
    return msgspec.structs.replace(policy, providers={**policy.providers, "openai": provider}, models=models)


def test_the_request_goes_to_the_policys_address_with_the_attempts_id() -> None:
    runtime = Runtime(snapshot())
    runtime.ask(invocation())
    sent = runtime.last
    assert (sent.address.host, sent.address.port, sent.address.tls) == ("127.0.0.1", 1, False)
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["x-client-request-id"] == "att_1.1"
    assert "authorization" not in sent.headers
    assert sent.body["model"] == "gpt-4o"


def test_a_key_is_resolved_at_the_send_and_stands_in_no_record() -> None:
    runtime = Runtime(keyed(snapshot()), FakeSecrets(OPENAI_API_KEY="sk-canary"))
    _, line = runtime.ask(invocation())
    assert runtime.last.headers["authorization"] == "Bearer sk-canary"
    runtime.last.answers(refused("Incorrect API key provided: sk-canary", "authentication_error"), 401)
    assert b"canary" not in msgspec.json.encode(runtime.journal.frames)
    assert b"canary" not in line.body
    assert isinstance(runtime.carrier.attempting.secrets, FakeSecrets)
    assert runtime.carrier.attempting.secrets.forgotten == ["OPENAI_API_KEY"], "a file of that name is read anew"


def test_a_key_that_is_missing_fails_the_attempt_unsent_and_the_next_tier_answers() -> None:
    runtime = Runtime(keyed(snapshot()))
    runtime.ask(invocation())
    assert runtime.last.address.port == 2, "only the second tier was asked"
    ended = [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, AttemptEnded)]
    assert [(fact.outcome, fact.upstream_status) for fact in ended] == [("auth", 0)]
    assert "hold_voided" in runtime.journal.tags, "what was not sent costs nothing"


def test_the_hold_bounds_what_the_provider_may_answer() -> None:
    runtime = Runtime(snapshot(budgets=(Budget("b", "global", None, "day", Limits(None, 200)),)))
    runtime.ask(invocation())
    limit = runtime.last.body.get("max_completion_tokens") or runtime.last.body.get("max_tokens")
    assert limit is not None
    assert runtime.held_tokens <= 200
    assert limit < 200


def test_the_limit_is_shared_among_the_choices() -> None:
    made = invocation()
    body = b'{"model":"gpt","n":4,"messages":[{"role":"user","content":"hello"}]}'
    made = msgspec.structs.replace(made, ask=msgspec.structs.replace(made.ask, body=body, choices=4))
    runtime = Runtime(snapshot(budgets=(Budget("b", "global", None, "day", Limits(None, 1_000)),)))
    runtime.ask(made)
    limit = runtime.last.body.get("max_completion_tokens") or runtime.last.body.get("max_tokens")
    assert limit is not None
    placed = next(fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, HoldPlaced))
    assert isinstance(placed, HoldPlaced)
    assert placed.output_tokens_max is not None
    assert limit * 4 <= placed.output_tokens_max


def test_a_model_that_cannot_take_the_request_is_passed_over_unsent() -> None:
    body = b'{"model":"claude","messages":[{"role":"user","content":"hi"}],"logit_bias":{"1":1},"n":2}'
    made = invocation("claude")
    runtime = Runtime(snapshot())
    runtime.ask(msgspec.structs.replace(made, ask=msgspec.structs.replace(made.ask, body=body, choices=2)))
    assert runtime.last.address.port == 1
    ended = [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, AttemptEnded)]
    assert [fact.outcome for fact in ended] == ["policy"]
    assert ended[0].message


def test_answers_teach_how_long_a_models_answers_are_and_failures_are_counted() -> None:
    runtime = Runtime(snapshot(tiers=(), max_retries=0))
    for number in range(ANSWERS_NEEDED):
        runtime.ask(msgspec.structs.replace(invocation(), id=f"inv_{number}"))
        runtime.last.answers(WHOLE)
    assert runtime.sizes.typical("gpt") == 1
    runtime.ask(msgspec.structs.replace(invocation(), id="inv_x"))
    runtime.last.answers(refused("oops", "server_error"), 500)
    route = runtime.health.find(OPENAI, "gpt")
    assert (route.attempts, route.failures) == (ANSWERS_NEEDED + 1, 1)


def test_time_with_providers_is_not_our_overhead() -> None:
    runtime = Runtime(snapshot())
    life, line = runtime.ask(invocation())
    runtime.clock.advance(1_000_000_000)
    runtime.last.answers(refused(), 429)
    runtime.clock.advance(500_000_000)
    runtime.last.answers(refused("bad", "invalid_request_error"), 400)
    assert life.upstream_ns == 1_500_000_000
    assert line.status == 400


def test_a_stream_asks_for_its_usage() -> None:
    runtime = Runtime(snapshot())
    made = invocation(stream=True)
    _, line = runtime.ask(msgspec.structs.replace(made, ask=msgspec.structs.replace(made.ask, wants_usage=False)))
    assert runtime.last.body["stream_options"]["include_usage"] is True
    runtime.last.begins()
    runtime.last.streams(*STREAM)
    assert line.ended == "ended"
    assert b"prompt_tokens" not in line.body, "the caller did not ask for it"


def test_attempts_are_measured_by_what_they_took_and_what_they_used() -> None:
    runtime = Runtime(snapshot(max_retries=0))
    for number in range(CALLS_NEEDED):
        runtime.ask(msgspec.structs.replace(invocation(), id=f"inv_{number}"))
        runtime.clock.advance(SECOND)
        if number % 4:
            runtime.last.answers(WHOLE)
        else:
            runtime.last.answers(refused(), 503)
    measured = runtime.statistics.measured("openai", "gpt", runtime.clock.monotonic())
    assert (measured.samples, measured.error_rate) == (CALLS_NEEDED, 0.25)
    assert measured.p50_ms is not None
    assert abs(measured.p50_ms - 1_000) <= 1_000 * RELATIVE_ERROR_MAX
    assert measured.p95_ms is None, "fifteen answers are too few"


def test_a_refused_request_is_no_sample() -> None:
    runtime = Runtime(snapshot())
    runtime.ask(invocation())
    runtime.last.answers(refused(), 400)
    assert runtime.statistics.measured("openai", "gpt", runtime.clock.monotonic()).samples == 0


def test_the_time_of_a_caller_that_reads_slowly_is_not_the_providers() -> None:
    runtime = Runtime(snapshot())
    for number in range(5):
        life, _ = runtime.ask(msgspec.structs.replace(invocation(stream=True), id=f"inv_{number}"))
        assert life.exchange is not None
        life.exchange.pause()
        life.exchange.resume()
        runtime.last.begins()
        runtime.last.streams(*STREAM)
    measured = runtime.statistics.measured("openai", "gpt", runtime.clock.monotonic())
    assert (measured.samples, measured.p50_ms) == (5, None)
