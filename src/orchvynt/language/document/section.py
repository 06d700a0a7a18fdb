"""The base of every section of the document: strict, closed, frozen; each names the fields that a later build will read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

NONE_LATER: Mapping[str, str] = MappingProxyType({})


class Section(BaseModel):
    """`later` names fields of the language that this build refuses as not supported yet, with what each is for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    later: ClassVar[Mapping[str, str]] = NONE_LATER


def wrong(said: str, help: str = "") -> PydanticCustomError:
    """What a validator raises: what is wrong, and the advice apart."""
    context: dict[str, Any] = {"said": said, "help": help}
    return PydanticCustomError("policy", "{said}", context)


def not_yet(what: str, help: str = "") -> PydanticCustomError:
    return wrong(f"not supported yet: {what}", help)


def section_in(annotation: object) -> type[Section] | None:
    """The section class inside a field's annotation: itself, of a list's items, of a map's values."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for part in get_args(annotation) if (found := section_in(part)) is not None), None)
