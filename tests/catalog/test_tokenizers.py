"""Which tokenizer counts for which model: as tiktoken itself says, and nothing where it does not."""

import pytest
from tiktoken.model import encoding_name_for_model

from orchvynt.catalog.tokenizers import CL100K, O200K, tokenizer_of

NAMES = (
    "gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06", "chatgpt-4o-latest", "gpt-4.1", "gpt-4.1-mini-2025-04-14", "gpt-4.5-preview",
    "gpt-5", "gpt-5-mini", "gpt-5.1-2025-11-13", "o1", "o1-mini", "o3", "o3-pro", "o4-mini", "o4-mini-2025-04-16", "gpt-4", "gpt-4-turbo",
    "gpt-4-0613", "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "ft:gpt-4o-mini:acme::1", "ft:gpt-3.5-turbo-0125:acme::1",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_as_tiktoken_says(name: str) -> None:
    assert tokenizer_of("openai", name) == encoding_name_for_model(name)


def test_a_tuned_model_counts_as_what_it_was_tuned_from() -> None:
    assert tokenizer_of("openai", "ft:gpt-4.1-2025-04-14:acme::1") == O200K
    assert tokenizer_of("openai", "ft:gpt-4-0613:acme::1") == CL100K


@pytest.mark.parametrize("name", ["", "gpt-6", "gpt-5000", "o4", "o5", "davinci-002", "llama", "x/gpt-4o", "ft:", "gpt-oss-20b"])
def test_any_other_name_has_none(name: str) -> None:
    assert tokenizer_of("openai", name) == ""


@pytest.mark.parametrize("kind", ["anthropic", "ollama", "openai-compatible"])
def test_any_other_provider_has_none(kind: str) -> None:
    assert tokenizer_of(kind, "gpt-4o") == ""
