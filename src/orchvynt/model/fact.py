"""What all facts are. Their kinds stand in `facts`, `review_facts` and `repeats`."""

import msgspec


class Fact(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="fact"):
    inv: str
    at: int
