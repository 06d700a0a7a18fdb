"""The section `providers`: where models are served."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from orchvynt.language.document.scalars import Secret, Text, one_of
from orchvynt.language.document.section import Section


class ProviderEntry(Section):
    """One provider: an address, the API it speaks, and the credential."""

    kind: Annotated[
        Literal["openai", "anthropic", "ollama", "openai-compatible"],
        BeforeValidator(one_of("openai", "anthropic", "ollama", "openai-compatible")),
    ] = Field(description="The API that the provider speaks.")
    base_url: Text | None = Field(
        default=None,
        description="The address, as that vendor's official SDK takes it: OpenAI's with `/v1`, Anthropic's without. "
        "By default `https://api.openai.com/v1`, `https://api.anthropic.com` or `http://127.0.0.1:11434`; "
        "`openai-compatible` has none and needs one.",
    )
    api_key: Secret | None = Field(
        default=None,
        description="A reference to the credential: `${env:NAME}` or `${file:/path}`. A literal is refused.",
    )
