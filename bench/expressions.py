"""What one evaluation of a condition costs, and its compilation: `python bench/expressions.py`. Best of five, on one core."""

import timeit

from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.scope import RequestValues
from orchvynt.model.invocation import Ask, Claims, Invocation

CLAIMS = Claims(workflow="doc-analysis", workload="synthesis", flags=("urgent", "pay"), context={"user_tier": "premium", "n": 3})
ASK = Ask("gpt-4o", b"{}", stream=True, message_count=3, input_text_bytes=400, tool_names=("refund",))
TEXT = "Please wire 500 EUR to DE89 3704 0044 0532 0130 00. " * 8

CONDITIONS = (
    'workload == "classification"',
    'workload == "synthesis" && context.user_tier == "premium"',
    'workflow == "a" && agent == "b" && run == "c" && session == "d"',
    'workload in ["analysis", "synthesis"]',
    'context.user_tier in ["free", "basic"]',
    '"pay" in flags',
    "now.weekday in [6, 7]",
    "now.hour >= 22 || now.hour < 6",
    "input.tokens_bound / 4 > 1000",
    "context.n > 2",
    "min_quality >= 0.8",
    "context.a == context.b",
    'input.text.contains("IBAN")',
    "input.text.matches(r'\\b[A-Z]{2}\\d{2}\\b')",
    'flags.exists(f, f.startsWith("pay"))',
)
EVALUATIONS, COMPILATIONS = 20_000, 200


def main() -> None:
    values = RequestValues(Invocation("inv_1", 0, "/v1/chat/completions", "openai_chat", "k", CLAIMS, ASK), 0, lambda: TEXT)
    for text in CONDITIONS:
        compiled = compile_expression(text, "request")
        assert isinstance(compiled, Compiled), compiled
        evaluate = compiled.expression.evaluate
        evaluation = (
            min(timeit.repeat("evaluate(values)", globals={"evaluate": evaluate, "values": values}, number=EVALUATIONS)) / EVALUATIONS
        )
        names = {"compile_expression": compile_expression, "text": text}
        compilation = min(timeit.repeat("compile_expression(text, 'request')", globals=names, number=COMPILATIONS)) / COMPILATIONS
        print(f"{evaluation * 1e9:7.0f} ns  compiled in {compilation * 1e6:5.0f} µs  {text}")


if __name__ == "__main__":
    main()
