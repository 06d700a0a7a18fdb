"""Who comes in with what: a credential becomes an identity, a request an Invocation under its key, in its run.

The order is fixed: credential, body, claims, what the key says of them, the run that a conversation belongs to, the number of subjects.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.decisions.identity.claims import NOTHING, OWN_HEADERS, Told, claims, contradiction
from orchvynt.decisions.identity.conversations import TEXT_BYTES_MAX, TURNS_MAX, Conversation, Conversations
from orchvynt.decisions.identity.credentials import Identity, key_id, not_identified
from orchvynt.decisions.identity.idempotency import idempotency
from orchvynt.decisions.identity.keys import FOUND, UNSAID, Bound, bind, may_set
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask, Claims, DialectName, Invocation
from orchvynt.runtime.keyring import Keyring
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import READ, Head, head
from orchvynt.surfaces.api.paths import Place

ONCE_FIELDS: Final = frozenset(name.encode() for name in OWN_HEADERS if name != "x-orchvynt-flags")
COUNTED_SCOPES: Final = ("run", "session", "agent", "workflow")
FORWARDED_CHARS_MAX: Final = 2_048
COUNTED: Final = frozenset({*COUNTED_SCOPES, "key"})
_UNSAID: Final = Bound(NOTHING.claims)


class Taken:
    """A request that became an invocation. `refused` is what its key or the number of its subjects has against it: it goes on record."""

    __slots__ = ("conversation", "invocation", "refused")

    def __init__(self, invocation: Invocation, refused: Fault | None, conversation: Conversation | None) -> None:
        self.invocation = invocation
        self.refused = refused
        self.conversation = conversation


class Reception:
    """Shares the keyring, the conversations and the subjects over all requests of the process."""

    def __init__(self, keyring: Keyring, conversations: Conversations, subjects: Subjects) -> None:
        self.keyring = keyring
        self.conversations = conversations
        self.subjects = subjects
        self._scopes_of: tuple[Snapshot | None, frozenset[str]] = (None, frozenset())

    def identify(self, snapshot: Snapshot, request: Request, now: int) -> Identity | Fault:
        """Without `keys` in the policy any credential will do, and none as well; assembly listens on the loopback only then."""
        return self._identity(snapshot, request.derived(head, READ), now)

    def _identity(self, snapshot: Snapshot, said: Head, now: int) -> Identity | Fault:
        if not snapshot.keys:
            return said.keyless
        digest = said.digest
        key = snapshot.keys.get(self.keyring.name_of(digest, now)) if digest else None
        return not_identified(bool(digest)) if key is None else Identity(key, key_id(digest))

    def take(self, request: Request, place: Place, dialect: DialectName, snapshot: Snapshot, inv: str, now: int) -> Taken | Fault:
        """The invocation that a request makes, or why it cannot be one."""
        said = request.derived(head, READ)
        identity = self._identity(snapshot, said, now)
        if isinstance(identity, Fault):
            return identity
        if said.fault is not None:
            return said.fault
        read = registry.caller(dialect).read(request.body)
        if isinstance(read, Fault):
            return read
        ask = forwarding(read.ask, request, registry.FORWARDED[dialect]) if dialect in registry.FORWARDED else read.ask
        if isinstance(ask, Fault):
            return ask
        told: Told | Fault = NOTHING
        # Most callers claim nothing; finding that out at once saves 20 µs of look-ups (bench/).
        if said.claims or place.workflow or place.agent or read.metadata:
            told = _repeated(request) or claims(request.header, read.metadata, place.workflow, place.agent)
        if isinstance(told, Fault):
            return told
        bound: Bound | Fault = _UNSAID
        if identity.key is not None:
            bound = bind(identity.key, told)
        elif told is not NOTHING:
            bound = Bound(told.claims, told.overruled)
        refused: Fault | None = None
        conversation: Conversation | None = None
        if isinstance(bound, Fault):
            # Its own words go on record with the refusal.
            refused, bound = bound, Bound(told.claims, told.overruled)
        else:
            bound, conversation = self._in_its_run(identity, bound, read)
            bound, refused = self._counted(snapshot, identity, bound, now)
        key = identity.key
        made = Invocation(
            id=inv,
            at=now,
            endpoint=place.path,
            dialect=dialect,
            key_id=identity.key_id,
            claims=bound.claims,
            ask=ask,
            request_id=said.request_id,
            trace_id=said.trace_id,
            caller_timeout_ns=said.caller_timeout_ns,
            retry_count=said.retry_count,
            key=key.name if key is not None else "",
            key_owner=key.owner if key is not None else "",
            claims_overruled=bound.overruled,
        )
        if said.idempotency_key:
            named = idempotency(said.idempotency_key, identity.caller, place.path, read.ask.body)
            made = msgspec.structs.replace(made, idempotency=named)
        return Taken(made, refused, conversation if refused is None else None)

    def _in_its_run(self, identity: Identity, bound: Bound, read: Reading) -> tuple[Bound, Conversation | None]:
        """The run of the conversation that this request goes on with, where nothing said comes before it."""
        ask = read.ask
        known = bound.claims.run or (identity.key is not None and not may_set(identity.key, "run"))
        if known or ask.message_count > TURNS_MAX or ask.input_text_bytes > TEXT_BYTES_MAX:
            return bound, None
        conversation = self.conversations.place(identity.caller, read.turns())
        if not conversation.run:
            return bound, conversation
        return _with_run(bound, conversation.run), conversation

    def _counted(self, snapshot: Snapshot, identity: Identity, bound: Bound, now: int) -> tuple[Bound, Fault | None]:
        """A run that the client did not name falls back to the shared subject where it would be one too many; what was named is refused."""
        known, scopes = self._scopes_of
        if known is not snapshot:
            scopes = COUNTED.intersection([budget.scope for budget in snapshot.budgets])
            self._scopes_of = (snapshot, scopes)
        if not scopes:
            return bound, None
        key = identity.key
        name = key.name if key is not None else ""
        while True:
            said = bound.claims
            named: list[tuple[str, str]] = [(scope, getattr(said, scope)) for scope in COUNTED_SCOPES if scope in scopes]
            if key is None and "key" in scopes:
                named.append(("key", identity.key_id))
            scope = self.subjects.beyond(name, named, now)
            if not scope:
                return bound, None
            if scope != "run" or (said.run_source != "inferred" and said.run_source not in FOUND):
                return bound, self.subjects.refusal(name, scope, now)
            overruled = (*bound.overruled, f"{contradiction('run', UNSAID, said.run)} (too many runs within this hour)")
            bound = msgspec.structs.replace(_with_run(bound, ""), overruled=overruled)


def forwarding(ask: Ask, request: Request, names: Sequence[str]) -> Ask | Fault:
    """The same with the fields of the header that a provider of the caller's dialect is sent."""
    forwarded = tuple((name, value) for name in names if (value := request.header(name)))
    for name, value in forwarded:
        if len(value) > FORWARDED_CHARS_MAX or not (value.isascii() and value.isprintable()):
            return Fault(
                "invalid_request",
                f"{name}: is longer than {FORWARDED_CHARS_MAX} characters, or not printable ASCII",
                "Correct the header field.",
                param=name,
            )
    return msgspec.structs.replace(ask, forwarded=forwarded) if forwarded else ask


def _with_run(bound: Bound, run: str) -> Bound:
    said: Claims = msgspec.structs.replace(bound.claims, run=run, run_source="inferred" if run else "")
    return msgspec.structs.replace(bound, claims=said)


def _repeated(request: Request) -> Fault | None:
    """A claim that two fields of the header make is no claim: which of them counts would be anybody's guess."""
    seen: set[bytes] = set()
    for name, _ in request.headers:
        if name in seen:
            shown = name.decode("latin-1")
            return Fault("invalid_request", f"{shown}: is there more than once", "Send it once.", param=shown)
        if name in ONCE_FIELDS:
            seen.add(name)
    return None
