"""What a key says of its callers: `fixed` wins over what they say, `may_set` bounds the rest, `require` must be there. Pure.

A claim that the key does not allow is refused and never dropped: an agent that flags a dangerous answer must not lose its flag because
of a key that somebody wrote too tightly. See docs/decisions/017-keys.md.
"""

from typing import Any, Final

import msgspec

from orchvynt.decisions.identity.claims import PATH_FIELDS, TEXT_FIELDS, Told, contradiction, shown
from orchvynt.language.snapshot import Key
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims

UNSAID: Final = "(none)"
# What clients send by themselves, not to say who they are.
FOUND: Final = ("session-id", "traceparent")


class Bound(msgspec.Struct, frozen=True):
    """The claims as they hold, and what they overruled on the way."""

    claims: Claims
    overruled: tuple[str, ...] = ()


def bind(key: Key, told: Told) -> Bound | Fault:
    """The caller's claims under its key. Faults: `forbidden` for a claim that the key may not set, `invalid_request` for a missing one."""
    binding = _Binding(key, told)
    for name in TEXT_FIELDS:
        binding.text(name)
    binding.flags()
    binding.context()
    binding.min_quality()
    if binding.forbidden:
        return _forbidden(key, binding.forbidden, told)
    claims = binding.claims()
    missing = [name for name in key.require if not _there(claims, name)]
    return _missing(key, missing) if missing else Bound(claims, tuple(binding.overruled))


def may_set(key: Key, claim: str) -> bool:
    """`claim` is a field of Claims, or `context.KEY`."""
    allowed = key.may_set
    return allowed is None or claim in allowed or (claim.startswith("context.") and "context" in allowed)


class _Binding:
    def __init__(self, key: Key, told: Told) -> None:
        self.key = key
        self.said = told.claims
        self.overruled = list(told.overruled)
        self.forbidden: list[str] = []
        self.held: dict[str, Any] = {"run_source": told.claims.run_source}

    def text(self, name: str) -> None:
        said: str = getattr(self.said, name)
        fixed: str = getattr(self.key.fixed, name, "")
        self.held[name] = said
        by_itself = name == "run" and self.said.run_source in FOUND
        if fixed:
            self.held[name] = fixed
            if name == "run":
                self.held["run_source"] = "key"
            if said and said != fixed and not by_itself:
                self.overruled.append(contradiction(name, fixed, said))
        elif said and name != "parent" and not may_set(self.key, name):
            if by_itself:
                self.held |= {"run": "", "run_source": ""}
                self.overruled.append(f"{contradiction(name, UNSAID, said)} ({self.said.run_source})")
            else:
                self.forbidden.append(name)

    def flags(self) -> None:
        fixed = self.key.fixed.flags
        self.held["flags"] = tuple(dict.fromkeys((*fixed, *self.said.flags)))
        if not may_set(self.key, "flags") and any(flag not in fixed for flag in self.said.flags):
            self.forbidden.append("flags")

    def context(self) -> None:
        fixed = self.key.fixed.context
        held = {**self.said.context, **fixed}
        for name, said in self.said.context.items():
            if name in fixed:
                if said != fixed[name]:
                    self.overruled.append(contradiction(f"context.{name}", fixed[name], said))
            elif not may_set(self.key, f"context.{name}"):
                self.forbidden.append(f"context.{name}")
        self.held["context"] = held

    def min_quality(self) -> None:
        said, fixed = self.said.min_quality, self.key.fixed.min_quality
        self.held["min_quality"] = said if fixed is None else fixed
        if said is None or said == fixed:
            return
        if fixed is not None:
            self.overruled.append(contradiction("min_quality", fixed, said))
        elif not may_set(self.key, "min_quality"):
            self.forbidden.append("min_quality")

    def claims(self) -> Claims:
        return Claims(**self.held)


def _there(claims: Claims, name: str) -> bool:
    whole, _, key = name.partition(".")
    value = getattr(claims, whole, None)
    if key:
        value = value.get(key) if isinstance(value, dict) else None
    return value is not None and value != "" and value != () and value != {}


def _forbidden(key: Key, names: list[str], told: Told) -> Fault:
    first = names[0]
    where = told.places.get(first, first)
    return Fault(
        "forbidden",
        f"The key {key.name} may not set {', '.join(shown(name) for name in names[:8])}.",
        f"Leave {shown(where)} out, or name the claim in `may_set` of this key in the policy.",
        param=shown(where),
        detail={"key": key.name, "claims": [shown(name) for name in names[:8]]},
    )


def _missing(key: Key, names: list[str]) -> Fault:
    return Fault(
        "invalid_request",
        f"The key {key.name} requires {', '.join(names)}, and the request does not say {'it' if len(names) == 1 else 'them'}.",
        " ".join(_how_to_say(name) for name in names),
        param=_header(names[0]),
        detail={"key": key.name, "missing": names},
    )


def _header(name: str) -> str:
    return f"x-orchvynt-{name.partition('.')[0].replace('_', '-')}"


def _how_to_say(name: str) -> str:
    whole, _, key = name.partition(".")
    value = f'{{"{key}": …}}' if key else "…"
    path = ", or begin the path of the base URL with /@WORKFLOW/AGENT" if name in PATH_FIELDS else ""
    return f"Send the header `{_header(name)}: {value}`, or `orchvynt_{whole}` in the body's `metadata`{path}."
