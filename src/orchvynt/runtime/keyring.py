"""The secrets that open the data plane: found by digest in memory, kept as digests in the store, shown once when they are made.

What they open is not decided here: the policy in force says what a key of that name may do, and whether there is one.
"""

import asyncio
import hashlib
import hmac
import secrets
import string
from collections.abc import Callable
from typing import Final

import msgspec

from orchvynt.decisions.identity.credentials import key_id
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import KeyRow, Store, StoreUnavailableError

PREFIX: Final = "ov_"
ALPHABET: Final = string.digits + string.ascii_letters
# 43 of 62 signs are 256 bits.
SECRET_CHARS: Final = 43
SECRETS_MAX: Final = 10_000
SECRETS_PER_KEY_MAX: Final = 16
WRITE_USED_S: Final = 60.0
# An expired secret is shown for a week, for whoever looks for the agent that still uses it.
SHOWN_EXPIRED_NS: Final = 7 * 86_400 * 1_000_000_000


class Issued(msgspec.Struct, frozen=True):
    """The only place where a secret stands; whoever holds this shows it and lets go."""

    row: KeyRow
    secret: str


class Keyring:
    """Every secret of one process. Changes hold from the next request on; `load()` comes before the first one."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._by_digest: dict[str, KeyRow] = {}
        self._used: dict[str, int] = {}
        self._revoked: dict[str, KeyRow] = {}
        self._changing = asyncio.Lock()
        # Told when the store has other secrets than before.
        self.changed: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """As the store has them; what was revoked here stays so until that is written. Raises StoreUnavailableError."""
        async with self._changing:
            self._by_digest = {row.sha256: row for row in await self._store.keys() if row.id not in self._revoked}

    def name_of(self, digest: str, now: int) -> str:
        """The name of the key that this digest of a credential was issued for; empty if it opens nothing."""
        row = self._by_digest.get(digest)
        if row is None or not hmac.compare_digest(row.sha256, digest) or 0 < row.expires_at <= now:
            return ""
        self._used[row.id] = now
        return row.name

    def rows(self) -> list[KeyRow]:
        """All secrets, expired ones too, with what is known of their last use; by name, then oldest first."""
        known = (msgspec.structs.replace(row, used_at=max(row.used_at, self._used.get(row.id, 0))) for row in self._by_digest.values())
        return sorted(known, key=lambda row: (row.name, row.created_at, row.id))

    def of(self, name: str) -> list[KeyRow]:
        """The secrets of one key that are not over."""
        now = self._clock.now()
        return [row for row in self._by_digest.values() if row.name == name and not 0 < row.expires_at <= now]

    async def issue(self, name: str, by: str) -> Issued | Fault:
        """One more secret for a key. Those that there are stay."""
        async with self._changing:
            return self._full(name) or await self._add(name, by, 0)

    async def rotate(self, name: str, overlap_ns: int, by: str) -> Issued | Fault:
        """A new secret; the ones before it end after the overlap, at once if it is 0."""
        async with self._changing:
            if not self.of(name):
                return _unknown(name)
            if fault := self._full(name):
                return fault
            # A secret that ends now is over for whoever asks at this very instant, too.
            until = self._clock.now() + overlap_ns
            made = await self._add(name, by, until)
            for digest, row in self._by_digest.items():
                if row.name == name and row.id != made.row.id and not 0 < row.expires_at < until:
                    self._by_digest[digest] = msgspec.structs.replace(row, expires_at=until)
            return made

    async def revoke(self, name: str, only: str) -> list[KeyRow] | Fault:
        """Ends all secrets of a key, or the one whose id is `only`. They open nothing even if the store cannot be written now: then it
        is tried again, by whoever asks again and by `run`."""
        async with self._changing:
            known = (*self._by_digest.values(), *self._revoked.values())
            ended = [row for row in known if row.name == name and (not only or row.id == only)]
            if not ended:
                return _unknown(name, only)
            for row in ended:
                self._by_digest.pop(row.sha256, None)
                self._used.pop(row.id, None)
                self._revoked[row.id] = row
            await self._remove_revoked()
            return ended

    async def run(self) -> None:
        """Writes down about once a minute which secrets were used."""
        while True:
            await asyncio.sleep(WRITE_USED_S)
            await self.write_used()

    async def write_used(self) -> None:
        """While the store cannot be written, what was used stays to be written later."""
        used, self._used = self._used, {}
        try:
            if used:
                await self._store.use_keys(list(used.items()))
            await self._forget_expired()
            await self._remove_revoked()
        except StoreUnavailableError:
            self._used = used | self._used
            return
        for digest, row in self._by_digest.items():
            if row.id in used:
                self._by_digest[digest] = msgspec.structs.replace(row, used_at=used[row.id])

    async def _forget_expired(self) -> None:
        before = self._clock.now() - SHOWN_EXPIRED_NS
        for row in [row for row in self._by_digest.values() if 0 < row.expires_at < before]:
            await self._store.remove_key(row.id)
            self._by_digest.pop(row.sha256, None)

    async def _remove_revoked(self) -> None:
        for revoked in list(self._revoked):
            await self._store.remove_key(revoked)
            self._revoked.pop(revoked, None)
            self.changed()

    async def _add(self, name: str, by: str, others_expire_at: int) -> Issued:
        while True:
            secret = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARS))
            digest = hashlib.sha256(secret.encode()).hexdigest()
            row = KeyRow(key_id(digest), name, digest, self._clock.now(), by)
            if await self._store.add_key(row, others_expire_at):
                self._by_digest[digest] = row
                self.changed()
                return Issued(row, secret)

    def _full(self, name: str) -> Fault | None:
        if len(self._by_digest) >= SECRETS_MAX:
            return Fault("conflict", f"There are {SECRETS_MAX:,} secrets already.", "Revoke those that nobody uses: `orchvynt keys list`.")
        if len(self.of(name)) >= SECRETS_PER_KEY_MAX:
            said = f"The key {name} has {SECRETS_PER_KEY_MAX} secrets already."
            return Fault("conflict", said, f"Revoke those that nobody uses: `orchvynt keys revoke {name} --id ID`.", param="name")
        return None


def _unknown(name: str, only: str = "") -> Fault:
    what = f"The key {name} has no secret {only}." if only else f"There is no secret for the key {name}."
    help_text = f"`orchvynt keys list` shows them; `orchvynt keys issue {name}` makes one."
    return Fault("not_found", what, help_text, param="id" if only else "name")
