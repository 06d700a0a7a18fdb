"""What models can take and how they continue: by provider kind and model, a dated name as its model, unknown said and not guessed."""

import pytest

from orchvynt.catalog.capabilities import NOTHING_KNOWN, Capabilities, capabilities
from orchvynt.catalog.continues import continues
from orchvynt.catalog.models import known


@pytest.mark.parametrize(
    ("kind", "model", "expected"),
    [
        ("openai", "gpt-4o", Capabilities(True, True, True)),
        ("openai", "gpt-4o-2024-08-06", Capabilities(True, True, True)),
        ("openai", "gpt-4o-2024-05-13", Capabilities(True, True, False)),
        ("openai", "gpt-3.5-turbo", Capabilities(True, False, False)),
        ("openai", "o3-mini", Capabilities(True, False, True)),
        ("openai", "gpt-99", NOTHING_KNOWN),
        ("anthropic", "claude-sonnet-4-5-20250929", Capabilities(True, True, True)),
        ("anthropic", "claude-3-7-sonnet-latest", Capabilities(True, True, False)),
        ("anthropic", "claude-opus-4-1", Capabilities(True, True, None)),
        ("anthropic", "gpt-4o", NOTHING_KNOWN),
        ("ollama", "mistral:7b", Capabilities(None, None, True)),
        ("openai-compatible", "gpt-4o", NOTHING_KNOWN),
    ],
)
def test_capabilities(kind: str, model: str, expected: Capabilities) -> None:
    assert capabilities(kind, model) == expected
    assert known(kind, "", model).capabilities == expected


@pytest.mark.parametrize(
    ("kind", "model", "expected"),
    [
        ("anthropic", "claude-sonnet-4-5", "prefill"),
        ("anthropic", "claude-sonnet-4-5-20250929", "prefill"),
        ("anthropic", "claude-opus-4-6", "instruct"),
        ("anthropic", "claude-next", "instruct"),
        ("openai", "gpt-4o-mini", "instruct"),
        ("ollama", "mistral:7b", "prefill"),
        ("openai-compatible", "gpt-4o", "instruct"),
    ],
)
def test_how_a_model_continues(kind: str, model: str, expected: str) -> None:
    assert continues(kind, model) == expected
