"""What receipts may be summed by, and what a context says under a path."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.billing.dimensions import DIMENSIONS, context_value, dimensions
from orchvynt.model.faults import Fault


def test_names_are_taken_with_commas_and_spaces() -> None:
    assert dimensions("model") == ("model",)
    assert dimensions("workflow, context.customer,context.user.tier") == ("workflow", "context.customer", "context.user.tier")
    for name in DIMENSIONS:
        assert dimensions(name) == (name,)


NO_NAMES = (
    "", "modle", "model,", ",", "context.", "context", "context..x", "context.x.", "model,model", "a,b", "model;DROP TABLE receipts",
    "model,provider,agent,run,key", f"context.{'x' * 300}",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_is_no_name_is_refused_and_told_what_there_is(text: str) -> None:
    refused = dimensions(text)
    assert isinstance(refused, Fault)
    assert (refused.code, refused.param) == ("invalid_request", "by")
    assert "context.NAME" in refused.help


def test_a_context_says_texts_as_they_are_and_all_else_as_json() -> None:
    numbers = '"n":5,"big":1000000000000000000000000000000,"f":1.5,"no":false,"nil":null'
    context = f'{{"customer":"acme",{numbers},"user":{{"tier":"gold"}},"l":[1,{{"a":2}}]}}'
    wanted = {
        "customer": "acme", "n": "5", "big": str(10**30), "f": "1.5", "no": "false", "nil": "", "user.tier": "gold",
        "user": '{"tier":"gold"}', "l": '[1,{"a":2}]', "l.a": "", "customer.x": "", "none": "", "user.none.deeper": "",
    }  # fmt: skip
    assert {path: context_value(context, path) for path in wanted} == wanted
    assert context_value("", "customer") == ""


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(), st.integers(), st.none(), st.booleans()), max_size=4), st.text(max_size=9))
def test_no_context_and_no_path_breaks_it(context: dict[str, object], path: str) -> None:
    found = context_value(msgspec.json.encode(context).decode(), path)
    value = context.get(path) if "." not in path else None
    if isinstance(value, str):
        assert found == value
