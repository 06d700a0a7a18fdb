"""How policies come into force: one after the other, durably, by whom it is allowed, with secrets that are there; and how they go back."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.answers import WHOLE
from tests.support.carrying import Runtime
from tests.support.changing import FakeAbout, changing, compiled
from tests.support.clock import CountingIds
from tests.support.snapshots import invocation, snapshot

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.assembly.init import first_policy
from orchvynt.language.compile import Loaded
from orchvynt.model.faults import Fault
from orchvynt.ports.checking import CheckingUnavailableError, Compared
from orchvynt.ports.store import PolicyRow, StoreUnavailableError
from orchvynt.runtime.changing import Changing
from orchvynt.runtime.control import Applied, Change, Changed, Checked, Rollback
from orchvynt.runtime.policies import FileSeen

GOOD = first_policy([])
OTHER = GOOD.replace("100000", "200000")
BROKEN = "version: 1\nmodles: {}\n"
HOUR_NS = 3_600_000_000_000


def change(text: str, **options: Any) -> Change:
    given: dict[str, Any] = {"message": "why", "by": "token:ana", "may_bind": True} | options
    return Change(text, **given)


def back(version: int | None = None, **options: Any) -> Rollback:
    given: dict[str, Any] = {"message": "", "by": "token:ana", "may_bind": True} | options
    return Rollback(version, **given)


def row_of(done: Changed) -> PolicyRow:
    assert isinstance(done, Applied), done
    return done.row


def fault_of(done: object) -> Fault:
    assert isinstance(done, Fault), done
    return done


def test_an_applied_policy_is_in_force_when_it_is_answered_and_on_record() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one = changing(runtime)
        row = row_of(await one.apply(change(GOOD, commit="c0ffee")))
        assert (row.version, row.author, row.message, row.commit, row.until) == (1, "token:ana", "why", "c0ffee", 0)
        current = runtime.policies.current
        assert (current.version, current.default, current.commit, current.source) == (1, "demo-model", "c0ffee", GOOD)
        assert isinstance(one.about, FakeAbout)
        assert one.about.sync == "process"

    asyncio.run(scenario())


def test_running_invocations_stay_with_their_snapshot() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        life, line = runtime.ask(invocation())
        await changing(runtime).apply(change(GOOD))
        assert life.snapshot is not runtime.policies.current
        runtime.last.answers(WHOLE)
        assert line.headers["x-orchvynt-model"] == "gpt"

    asyncio.run(scenario())


def test_a_policy_with_problems_changes_nothing() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one, before = changing(runtime), runtime.policies.current
        problems = await one.apply(change(BROKEN, file="team.yaml"))
        assert isinstance(problems, list)
        assert next(problem.file for problem in problems if problem.severity == "error") == "team.yaml"
        assert runtime.policies.current is before
        assert await runtime.store.policies() == []

    asyncio.run(scenario())


def test_a_store_that_is_away_changes_nothing() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one, before = changing(runtime), runtime.policies.current
        runtime.store.away = True
        for attempt in (one.apply(change(GOOD)), one.rollback(back())):
            with pytest.raises(StoreUnavailableError):
                await attempt
        assert runtime.policies.current is before
        runtime.store.away = False
        assert row_of(await one.apply(change(GOOD))).version == 1

    asyncio.run(scenario())


def test_of_two_who_expect_the_same_version_one_wins() -> None:
    async def scenario() -> None:
        one = changing(Runtime(snapshot()))
        await one.apply(change(GOOD))
        found = await asyncio.gather(*(one.apply(change(OTHER, by=f"token:{number}", expected=1)) for number in range(4)))
        assert sorted(type(each).__name__ for each in found) == ["Applied", "Fault", "Fault", "Fault"]
        fault = next(each for each in found if isinstance(each, Fault))
        assert (fault.code, fault.detail) == ("conflict", {"current": 2, "expected": 1})

    asyncio.run(scenario())


def test_a_rollback_appends_the_earlier_text() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one = changing(runtime)
        await one.apply(change(GOOD, commit="c1"))
        await one.apply(change(OTHER, commit="c2"))
        row = row_of(await one.rollback(back()))
        assert (row.version, row.yaml, row.message, row.commit) == (3, GOOD, "rollback to version 1", "c1")
        assert runtime.policies.current.version == 3
        again = row_of(await one.rollback(back(2, message="because")))
        assert (again.version, again.yaml, again.message, again.commit) == (4, OTHER, "because", "c2")

    asyncio.run(scenario())


def test_there_is_nothing_to_go_back_to() -> None:
    async def scenario() -> None:
        one = changing(Runtime(snapshot()))
        await one.apply(change(GOOD))
        assert fault_of(await one.rollback(back())).code == "not_found"
        assert fault_of(await one.rollback(back(9))).code == "not_found"
        await one.apply(change(GOOD + "# the same\n"))
        for version, says in ((2, "Version 2 is in force already"), (1, "Version 1 says the same as version 2")):
            fault = fault_of(await one.rollback(back(version)))
            assert (fault.code, says in fault.message) == ("conflict", True)

    asyncio.run(scenario())


def test_what_this_build_cannot_compile_any_more_is_not_gone_back_to() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one = changing(runtime)
        await runtime.store.add_policy(BROKEN, "old", "m", "a", 0, None, "")
        await one.apply(change(GOOD))
        problems = await one.rollback(back(1))
        assert isinstance(problems, list)
        assert problems[0].text.startswith("policy-1.yaml:1:1: ")
        assert runtime.policies.current.version == 2

    asyncio.run(scenario())


def with_key(ref: str, base_url: str = "http://127.0.0.1:4823/v1", kind: str = "openai-compatible") -> str:
    return GOOD.replace(
        'scripted: {kind: openai-compatible, base_url: "http://127.0.0.1:4823/v1"}',
        f'scripted: {{kind: {kind}, base_url: "{base_url}", api_key: "{ref}"}}',
    )


def test_secrets_that_are_not_there_are_named_and_nothing_changes() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one = changing(runtime, {"A_API_KEY": "sk-canary"})
        keyed = with_key("${env:A_API_KEY}")
        assert keyed != GOOD
        await one.apply(change(keyed))
        fault = fault_of(await one.apply(change(with_key("${env:B_API_KEY}"))))
        assert (fault.code, "${env:B_API_KEY}" in fault.message) == ("policy_invalid", True)
        assert fault.detail == {"secrets": ["${env:B_API_KEY} is not set"]}
        assert "canary" not in str(fault)
        await one.apply(change(OTHER))
        gone = Changing(one.policies, one.store, one.checking, changing(runtime).secrets, one.clock, one.about, CountingIds())
        assert fault_of(await gone.rollback(back(1))).code == "policy_invalid"
        assert runtime.policies.current.version == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (with_key("${env:A_API_KEY}", "http://127.0.0.1:4824/v1"), "http://127.0.0.1:4824/v1"),
        (with_key("${env:A_API_KEY}", "https://127.0.0.1:4823/v1"), "https://127.0.0.1:4823/v1"),
        (with_key("${env:A_API_KEY}", "http://evil.example:4823/v1"), "http://evil.example:4823/v1"),
        (with_key("${env:A_API_KEY}", kind="openai"), "http://127.0.0.1:4823/v1"),
        (with_key("${env:OTHER_API_KEY}"), "http://127.0.0.1:4823/v1"),
    ],
)
def test_new_addresses_and_secrets_at_other_addresses_need_an_admin(text: str, where: str) -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one = changing(runtime, {"A_API_KEY": "sk-canary", "OTHER_API_KEY": "sk-canary"})
        await one.apply(change(with_key("${env:A_API_KEY}")))
        assert row_of(await one.apply(change(with_key("${env:A_API_KEY}").replace("100000", "50000"), may_bind=False))).version == 2
        fault = fault_of(await one.apply(change(text, may_bind=False)))
        assert (fault.code, fault.detail["addresses"], where in fault.message) == ("forbidden", [where], True)
        assert "canary" not in str(fault)
        checked = await one.validate(text, "p.yaml")
        assert isinstance(checked, Checked)
        assert list(checked.bindings) == fault.detail["bindings"]
        assert row_of(await one.apply(change(text))).version == 3
        assert fault_of(await one.rollback(back(1, may_bind=False))).code == "forbidden"
        assert row_of(await one.rollback(back(1))).version == 4

    asyncio.run(scenario())


def test_the_process_may_be_unfit_for_a_policy() -> None:
    async def scenario() -> None:
        one = changing(Runtime(snapshot()))
        assert isinstance(one.about, FakeAbout)
        one.about.unfit_because = "it has no keys"
        fault = fault_of(await one.apply(change(GOOD)))
        assert (fault.code, "it has no keys" in fault.message) == ("policy_invalid", True)

    asyncio.run(scenario())


def test_a_watched_file_is_the_truth_unless_it_is_said_for_how_long() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        one = changing(runtime)
        assert fault_of(await one.apply(change(GOOD, for_ns=HOUR_NS))).param == "until"
        await one.apply(change(GOOD))
        runtime.policies.file = FileSeen("policy.yaml", "d", "", follows=True)
        for done in (await one.apply(change(OTHER)), await one.rollback(back(1))):
            fault = fault_of(done)
            assert (fault.code, "--until" in fault.help, "policy.yaml" in fault.message) == ("conflict", True, True)
        row = row_of(await one.apply(change(OTHER, for_ns=HOUR_NS)))
        assert row.until == runtime.clock.now() + HOUR_NS
        assert runtime.policies.watch(runtime.clock.now()) == "paused"
        assert row_of(await one.rollback(back(1, for_ns=HOUR_NS))).until

    asyncio.run(scenario())


class Unavailable(InlineChecking):
    """Checks nothing any more."""

    async def load(self, text: str, file: str) -> Loaded:
        raise CheckingUnavailableError("it took longer than 30 s")

    async def compare(self, old: tuple[str, str], new: tuple[str, str]) -> Compared:
        raise CheckingUnavailableError("it took longer than 30 s")


def test_a_check_that_cannot_be_made_refuses_in_words() -> None:
    async def scenario() -> None:
        runtime = Runtime(snapshot())
        for text in (GOOD, OTHER):
            await changing(runtime).apply(change(text))
        one = changing(runtime, checking=Unavailable())
        asked = [one.apply(change(GOOD)), one.rollback(back()), one.compare(1, 2), one.validate(GOOD, "p")]
        for done in await asyncio.gather(*asked):
            fault = fault_of(done)
            assert (fault.code, "longer than 30 s" in fault.message) == ("overloaded", True)
        assert runtime.policies.current.version == 2

    asyncio.run(scenario())


def test_versions_and_texts_are_compared_in_words() -> None:
    async def scenario() -> None:
        one = changing(Runtime(msgspec.structs.replace(compiled(GOOD), version=2)))
        for text in (OTHER, GOOD):
            await one.store.add_policy(text, "d", "m", "a", 0, None, "")
        found = await one.compare(1, None)
        assert isinstance(found, Compared)
        assert (found.same, found.bindings, len(found.words)) == (False, (), 1)
        assert "budget everything" in found.words[0]
        assert await one.compare(2, (GOOD + "# a comment\n", "p.yaml")) == Compared(same=True)
        moved = await one.compare(None, (GOOD.replace("4823", "4824"), "p.yaml"))
        assert isinstance(moved, Compared)
        assert moved.bindings == ("provider scripted: new address http://127.0.0.1:4824/v1",)
        broken = await one.compare(None, (BROKEN, "p.yaml"))
        assert isinstance(broken, Compared)
        assert broken.problems[0].file == "p.yaml"
        assert fault_of(await one.compare(9, None)).code == "not_found"

    asyncio.run(scenario())
