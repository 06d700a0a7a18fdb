"""Which chain serves an invocation: the first of `fallback.use` whose condition holds, else the one named `default`, if there is one."""

from collections.abc import Mapping
from typing import Final

import msgspec

from orchvynt.language.snapshot import EvaluationError, Snapshot

DEFAULT: Final = "default"


class ChainChoice(msgspec.Struct, frozen=True, gc=False):
    """`name` is empty where no chain serves. `failures` are (condition, why) of those that could not be evaluated: they do not match."""

    name: str
    failures: tuple[tuple[str, str], ...] = ()


_DEFAULT: Final = ChainChoice(DEFAULT)
_NONE: Final = ChainChoice("")


def choose_chain(snapshot: Snapshot, values: Mapping[str, object]) -> ChainChoice:
    """`values` are the variables of stage request."""
    fallen = _DEFAULT if DEFAULT in snapshot.chains else _NONE
    if not snapshot.chain_uses:
        return fallen
    failures: list[tuple[str, str]] = []
    for use in snapshot.chain_uses:
        if use.when is None:
            return ChainChoice(use.chain, tuple(failures))
        try:
            if use.when.evaluate(values) is True:
                return ChainChoice(use.chain, tuple(failures))
        except EvaluationError as error:
            failures.append((use.when.text, str(error)))
    return ChainChoice(fallen.name, tuple(failures)) if failures else fallen
