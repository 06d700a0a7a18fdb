"""Which public tokenizer counts for which model. Only OpenAI's are public, and only under OpenAI's own names.

The table is that of tiktoken (`tiktoken/model.py`), without what serves no chats. A name that is not in it has no known tokenizer.
"""

import re
from functools import lru_cache
from typing import Final

O200K: Final = "o200k_base"
CL100K: Final = "cl100k_base"

_FINE_TUNED: Final = re.compile(r"^ft:([^:]+)")
_O200K: Final = re.compile(r"^(?:gpt-4o|chatgpt-4o|gpt-4\.[15]|gpt-5(?:\.\d+)?|o1|o3|o4-mini)(?:-|$)")
_CL100K: Final = re.compile(r"^(?:gpt-4|gpt-3\.5-turbo)(?:-|$)")


@lru_cache(4096)  # Callers choose names by patterns; bounded, and the table never changes.
def tokenizer_of(kind: str, upstream_model: str) -> str:
    """The tokenizer of a model at a provider of this kind; empty where none is known."""
    if kind != "openai":
        return ""
    tuned = _FINE_TUNED.match(upstream_model)
    name = tuned[1] if tuned else upstream_model
    return O200K if _O200K.match(name) else CL100K if _CL100K.match(name) else ""
