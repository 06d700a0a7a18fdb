"""The value `hours` of a gate: when people work, in days of the week and times of the day."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchvynt.language.document.scalars import Zone, shown, text_schema
from orchvynt.language.document.section import Section, wrong

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_PATTERN: Final = rf"({'|'.join(DAYS)})(-({'|'.join(DAYS)}))?"
_TIME_PATTERN: Final = "(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
_DAYS = re.compile(_DAYS_PATTERN)
_TIME = re.compile(_TIME_PATTERN)


def _days(value: str) -> str:
    if not _DAYS.fullmatch(value):
        raise wrong(f"{shown(value)} is no day of the week", f"Write {', '.join(DAYS)}, or a range such as mon-fri.")
    return value


def _time(value: object) -> object:
    if isinstance(value, int):
        # Tools that write YAML 1.1 take 17:30 for the number 1050.
        raise wrong("a time of the day must be quoted", f'Write "{value // 60 % 24:02d}:{value % 60:02d}".')
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise wrong(f"{shown(value)} is no time of the day", 'Write hours and minutes, such as "09:00"; "24:00" is the end of the day.')
    return value


def days_of(written: list[str]) -> tuple[int, ...]:
    """The days that are meant, Monday is 0; a range may go over the weekend."""
    found: set[int] = set()
    for one in written:
        first, _, last = one.partition("-")
        start = DAYS.index(first)
        length = (DAYS.index(last) - start) % len(DAYS) if last else 0
        found.update((start + number) % len(DAYS) for number in range(length + 1))
    return tuple(sorted(found))


def minute_of(time: str) -> int:
    """The minute of the day."""
    hour, _, minute = time.partition(":")
    return int(hour) * 60 + int(minute)


Day = Annotated[str, AfterValidator(_days), text_schema(_DAYS_PATTERN)]
Time = Annotated[str, BeforeValidator(_time), text_schema(_TIME_PATTERN)]


class HoursEntry(Section):
    """When people work: reminders and escalations then count working time only."""

    days: list[Day] = Field(default=["mon-fri"], min_length=1, description="Days of the week, or ranges of them: `mon-fri`.")
    from_: Time = Field(alias="from", description='When a day\'s work begins, such as `"09:00"`.')
    to: Time = Field(description='When it ends, later on the same day; `"24:00"` is the end of the day.')
    timezone: Zone | None = Field(
        default=None, description="Whose clocks say so.", json_schema_extra={"default": "the policy's `timezone`"}
    )

    @model_validator(mode="after")
    def _some_time(self) -> "HoursEntry":
        if minute_of(self.to) <= minute_of(self.from_):
            raise wrong("the day ends before it begins", "`to` is later than `from`, on the same day.", ("to",))
        return self
