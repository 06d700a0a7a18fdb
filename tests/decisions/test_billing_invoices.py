"""Invoices: exports as they come, a plain form, and files that are neither, each told with its line."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.billing.invoices import Billed, Invoice, InvoiceError, read_invoice

OPENAI_USAGE = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,"
    "input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens\n"
    "1793491200,1793577600,2026-11-01T00:00:00+00:00,2026-11-02T00:00:00+00:00,,,,,,,,,,,\n"
    "1793577600,1793664000,2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,proj_a,7,,key_1,gpt-4o-mini-2024-07-18,False,default,"
    "1000,200,600,400\n"
)
OPENAI_COSTS = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,project_id\n"
    "1793491200,1793577600,2026-11-01T00:00:00+00:00,2026-11-02T00:00:00+00:00,,,,,,\n"
    '1793577600,1793664000,x,x,0.003835980000000000000000000000,usd,1000,tokens,"gpt-5-nano, input",proj_a\n'
    '1793577600,1793664000,x,x,0.5,usd,400,tokens,"gpt-5-nano, cached input",proj_a\n'
    '1793577600,1793664000,x,x,0.25,usd,30,tokens,"gpt-5-nano, output",proj_a\n'
    "1793577600,1793664000,x,x,-1.5,usd,,,credits,proj_a\n"
)
ANTHROPIC_USAGE = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
    "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
    "web_search_count,inference_geo,speed\n"
    "2026-11-03,claude-sonnet-4-5-20250929,k,Default,standard,≤ 200k,100,10,20,1000,50,0,,\n"
)
ANTHROPIC_COST = (
    "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type\n"
    "2026-11-03,Claude Sonnet 4.5,Default,k,message,≤ 200k,output,0.75,0.75,token\n"
)


def only(text: str) -> Billed:
    (line,) = read_invoice(text).lines
    return line


def test_openais_usage_export() -> None:
    invoice = read_invoice(OPENAI_USAGE)
    assert (invoice.source, invoice.provider) == ("openai usage", "openai")
    assert invoice.lines == (Billed(3, "2026-11-02", "gpt-4o-mini-2024-07-18", 1000, 200, 600),), "a day without usage is no line"


def test_openais_cost_export() -> None:
    invoice = read_invoice(OPENAI_COSTS)
    assert (invoice.source, invoice.provider) == ("openai costs", "openai")
    first, cached, output, credit = invoice.lines
    assert (first.model, first.input_tokens, first.output_tokens, first.cached_tokens) == ("gpt-5-nano", 1000, 0, 0)
    assert (first.usd, first.places, first.day) == (Decimal("0.00383598"), 30, "2026-11-02")
    assert (cached.input_tokens, cached.cached_tokens) == (400, 400)
    assert (output.input_tokens, output.output_tokens) == (0, 30)
    assert (credit.model, credit.usd, credit.input_tokens) == ("credits", Decimal("-1.5"), None)


def test_anthropics_exports() -> None:
    usage = only(ANTHROPIC_USAGE)
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.surcharge_tokens) == (1130, 50, 1000, 3 + 20)
    assert usage.usd is None
    cost = only(ANTHROPIC_COST)
    assert (cost.model, cost.usd, cost.places, cost.day) == ("Claude Sonnet 4.5", Decimal("0.75"), 2, "2026-11-03")


def test_the_plain_form_may_leave_out_what_it_does_not_know() -> None:
    assert only("date,model,input_tokens,output_tokens,cost_usd\n2026-11-03,gpt-4o,10,20,1.50\n") == Billed(
        2, "2026-11-03", "gpt-4o", 10, 20, usd=Decimal("1.50"), places=2
    )
    assert only("\ufeffModel, Cost_USD\r\ngpt-4o, 3\r\n").usd == 3
    assert only('model,input_tokens,output_tokens\n"a ""b"", c",1,2\n').model == 'a "b", c'
    assert only("model,cost_usd\n\ngpt-4o,1e-3\n").usd == Decimal("0.001")


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('model,cost_usd\n"a\nb\u2028c",1\nm,x\n', 4, "cost_usd is 'x'"),
        ('model,cost_usd\n"a"b,1\n', 2, "no CSV"),
        ("", 1, "no line of column names"),
        ("foo,bar\n1,2\n", 1, "Unknown columns: foo, bar"),
        ("date,model,cost_usd,customer\n", 1, "Unknown columns: customer"),
        ("model,cost_usd,model\n", 1, "column model is there twice"),
        ("model\ngpt\n", 1, "no line of column names"),
        ("date,model,cost_usd\n", 0, "no line with usage or cost"),
        ("date,model,cost_usd\n2026-11-03,gpt-4o,1.5\n2026-11-04,gpt-4o,$2\n", 3, "cost_usd is '$2', not a number"),
        ("date,model,cost_usd\n2026-11-03,gpt-4o,1e999999\n", 2, "not a number"),
        ("date,model,cost_usd\n2026-11-03,gpt-4o,NaN\n", 2, "not a number"),
        ("date,model,cost_usd\n03.11.2026,gpt-4o,1\n", 2, "date is '03.11.2026', not a day"),
        ("date,model,cost_usd\n2026-02-30,gpt-4o,1\n", 2, "not a day"),
        ("date,model,cost_usd\n2026-11-03,,1\n", 2, "model is empty"),
        ("model,input_tokens,output_tokens\nm,1.5,2\n", 2, "input_tokens is 1.5, not a count"),
        ("model,input_tokens,output_tokens\nm,-1,2\n", 2, "not a count"),
        ("model,input_tokens,output_tokens\nm,1,\n", 2, "neither a cost nor both counts"),
        ("model,cost_usd\nm\0ini,1\n", 2, "a NUL byte"),
        ("model,cost_usd\nm,1,2\n", 2, "3 cells where the first line names 2 columns"),
        (OPENAI_COSTS.replace(",usd,1000", ",eur,1000"), 3, "amount_currency is eur, not usd"),
        (OPENAI_COSTS.replace("1793577600,1793664000,x,x,0.5", "11/02/2026,1793664000,x,x,0.5"), 4, "not seconds since 1970"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(InvoiceError, match=r".") as refused:
        read_invoice(text)
    assert told in str(refused.value)
    assert refused.value.line == line
    assert refused.value.help_text


@given(st.text(max_size=200), st.sampled_from(["", "date,model,cost_usd\n", ANTHROPIC_COST, OPENAI_COSTS]))
def test_any_text_is_read_or_refused(text: str, head: str) -> None:
    with suppress(InvoiceError):
        assert isinstance(read_invoice(head + text), Invoice)
