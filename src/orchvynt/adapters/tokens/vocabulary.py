"""OpenAI's tokenizers from the vocabularies that this package carries. Nothing is fetched, whatever the environment says."""

from base64 import b64decode
from functools import lru_cache
from importlib.resources import files
from typing import Final

from orchvynt.catalog.counting import Encode
from orchvynt.catalog.tokenizers import CL100K, O200K

FILES: Final = {O200K: "o200k.tiktoken", CL100K: "cl100k.tiktoken"}
# How a text is cut before its pieces are encoded, as tiktoken has it (`tiktoken_ext/openai_public.py`; a test compares them).
_CONTRACTIONS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERNS: Final = {
    O200K: "|".join(
        (
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _CONTRACTIONS,
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _CONTRACTIONS,
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        )
    ),
    CL100K: (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"),
}


@lru_cache(2)  # 0.3 s and 40 to 80 MB each, for those who need one; the files never change.
def encoder(tokenizer: str) -> Encode:
    """How many tokens a text has. Raises KeyError for any other name, OSError where the package is not whole."""
    # Importing it takes 20 ms and a library of 4 MB.
    from tiktoken import Encoding  # noqa: PLC0415

    data = files(__package__).joinpath("vocabularies", FILES[tokenizer]).read_bytes()
    ranks = {b64decode(token): int(rank) for token, rank in (line.split() for line in data.splitlines())}
    # No special tokens: what looks like one in a request is text.
    encode = Encoding(tokenizer, pat_str=PATTERNS[tokenizer], mergeable_ranks=ranks, special_tokens={}).encode_ordinary
    return lambda text: len(encode(text))
