"""The base of every section of the document: strict, closed, frozen; each marks the fields that this build reads and then refuses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

NO_WORDS: Mapping[str, str] = MappingProxyType({})


class Later(msgspec.Struct, frozen=True):
    """What this build checks in full and then refuses: a field, or of its values only some.

    With `words` those values only (a value counts by its first word); with `now` every value but that one, which says what this
    build does anyway; with `items` a list that is longer.
    """

    what: str
    words: Mapping[str, str] = NO_WORDS
    now: object = None
    items: int = 0

    def told(self) -> str:
        """For the reference, a sentence."""
        if self.words:
            return f"Not supported yet: {', '.join(f'`{word}`' for word in self.words)}."
        if self.now is not None:
            now = str(self.now).lower() if isinstance(self.now, bool) else self.now
            return f"Not supported yet, but for `{now}`."
        return f"Not supported yet: {self.what}." if self.items else "Not supported yet."


NONE_LATER: Mapping[str, Later] = MappingProxyType({})


class Section(BaseModel):
    """`later` marks fields of the language that this build does not execute, by the name that the document gives them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    later: ClassVar[Mapping[str, Later]] = NONE_LATER


def later(now: Mapping[str, str | Later]) -> Mapping[str, Later]:
    """The fields of a section that are refused; a plain text says what the whole field is for."""
    return MappingProxyType({name: Later(mark) if isinstance(mark, str) else mark for name, mark in now.items()})


def later_words(**words: str) -> Later:
    return Later("", MappingProxyType(words))


def fields_of(cls: type[Section]) -> dict[str, FieldInfo]:
    """The fields by the name that the document gives them."""
    return {info.alias or name: info for name, info in cls.model_fields.items()}


def wrong(said: str, help: str = "", at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """What a validator raises: what is wrong, the advice apart, and where below the value that it checks."""
    context: dict[str, Any] = {"said": said, "help": help, "at": at}
    return PydanticCustomError("policy", "{said}", context)
