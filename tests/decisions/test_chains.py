"""Which chain serves: the first use that holds, else the one named `default`."""

import msgspec
from tests.support.snapshots import EVERY_TRIGGER, invocation, snapshot

from orchvynt.decisions.fallback.chains import ChainChoice, choose_chain
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Chain, ChainUse, Expression, Snapshot
from orchvynt.model.invocation import Claims


def expression(text: str) -> Expression:
    made = compile_expression(text, "request")
    assert isinstance(made, Compiled)
    return made.expression


def policy(*uses: tuple[str, str], default: bool = True) -> Snapshot:
    names = ["cheap", "careful", *(["default"] if default else [])]
    return msgspec.structs.replace(
        snapshot(),
        chains={name: Chain(name, ("gpt",), EVERY_TRIGGER) for name in names},
        chain_uses=tuple(ChainUse(expression(when) if when else None, chain) for when, chain in uses),
    )


def chosen(made: Snapshot, workflow: str = "triage") -> ChainChoice:
    asked = invocation(claims=Claims(workflow=workflow))
    return choose_chain(made, RequestValues(asked, asked.at, lambda: "hello"))


def test_without_uses_the_default_serves() -> None:
    assert chosen(policy()) == ChainChoice("default")
    assert chosen(policy(default=False)) == ChainChoice("")


def test_the_first_that_holds_serves() -> None:
    made = policy(('workflow == "triage"', "cheap"), ('workflow != ""', "careful"))
    assert chosen(made).name == "cheap"
    assert chosen(made, "support").name == "careful"
    assert chosen(made, "").name == "default"


def test_one_without_a_condition_serves_everything() -> None:
    assert chosen(policy(('workflow == "x"', "cheap"), ("", "careful"))).name == "careful"


def test_one_that_fails_does_not_match_and_says_so() -> None:
    made = policy(("context.amount + 1 > 0", "cheap"), default=False)
    found = chosen(made)
    assert found.name == ""
    assert found.failures[0][0] == "context.amount + 1 > 0"
    assert found.failures[0][1]
