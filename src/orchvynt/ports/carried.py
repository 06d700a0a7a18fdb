"""What the store has to do about spend when a policy comes into force."""

from typing import Final

import msgspec


class Carried(msgspec.Struct, frozen=True):
    """What a new policy makes of the names of budgets: spend is carried by `renamed`, from and to; `names` are those that it has."""

    renamed: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()


NOTHING_CARRIED: Final = Carried()
