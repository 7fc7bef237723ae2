"""Keys of customers as other services use them: each in the name of its own service agent.

A service keeps a key of its own wrapped by a version here. Every use asks whether the version may
be used now; what was opened is remembered, so that a use is not a call of the key itself each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from rempart.core.access_reasons import CUSTOMER_INITIATED_ACCESS
from rempart.core.call import Peer
from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.services.kms.api.use import Usable, attempt, joined, usable_in
from rempart.services.kms.kinds import CRYPTO_KEY, KEY_RING, VERSION
from rempart.services.kms.model import names
from rempart.services.kms.model.choices import EXTERNALS
from rempart.services.kms.model.names import CryptoKeyName, VersionName
from rempart.services.kms.model.version import Version, wrong_purpose
from rempart.services.kms.opened import Leased
from rempart.services.kms.store import KmsStore, Setup
from rempart.trust.custody.envelope import BucketKey
from rempart.trust.custody.header import VERSION_BYTES
from rempart.trust.custody.keyring import KEY_BYTES
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.software.algorithms import Purpose
from rempart.trust.policy.decision import DECIDING
from rempart.trust.session import Session

_ENCRYPT = "cloudkms.cryptoKeyVersions.useToEncrypt"
_DECRYPT = "cloudkms.cryptoKeyVersions.useToDecrypt"

STANDINGS_MAX = 4096
STANDING_MICROS = 100_000
"""How long a permission that hangs on a condition of time may outlast that condition."""

_DECIDING = (VERSION, CRYPTO_KEY, KEY_RING, *DECIDING)


@dataclass(frozen=True, slots=True)
class _Standing:
    """That an agent may use a version: true as long as nothing it was decided by is written.

    That no guard objects is not in it: what guards look at differs from call to call. Neither is
    the key itself, so that it is gone from memory when its version is destroyed.
    """

    name: VersionName
    shown: str
    version: Version
    permission: str
    resource: Resource
    changes: int
    since: Micros

    def holds(self, changes: int, now: Micros) -> bool:
        """Tell whether a look at the documents would come to the same."""
        return self.changes == changes and 0 <= now - self.since < STANDING_MICROS


class Use(Protocol):
    """For whom and for what a service uses a customer's key."""

    @property
    def agent(self) -> Principal:
        """Return the service's agent."""

    @property
    def session(self) -> Session:
        """Return the session, with the standing of the service's agent."""

    @property
    def target(self) -> str:
        """Return the name of the resource that the caller asked for."""

    def bound(self, version: str) -> bytes:
        """Return the context of the key that a version wraps for the service."""


class ManagedKeys:
    """What other services see of Cloud KMS."""

    def __init__(self, setup: Setup, sealed: SealedEngine) -> None:
        self._setup = setup
        self._watch = sealed.watch(_DECIDING)
        self._random = setup.world.random
        self._opened = setup.materials.opened
        self._standings: OrderedDict[tuple[Member, str, Peer], _Standing] = OrderedDict()

    async def primary(self, use: Use, key: str) -> str:
        """Return the name of the version of a key that encrypts now."""
        return (await self._standing(use, key, _ENCRYPT, self._primary)).shown

    async def _primary(self, use: Use, key: str) -> Usable:
        store, name = KmsStore(self._setup, use.session), names.crypto_key(key)
        grant = await _granted(store, name, _ENCRYPT)
        found = await store.crypto_key(grant, name)
        if not found.rotates:
            raise wrong_purpose(str(name), found.purpose)
        if not found.primary:
            message = f"{name} has no primary version: it cannot encrypt."
            raise CloudError(Code.FAILED_PRECONDITION, message, reason="KEY_DISABLED")
        return await self._usable(use, name.version(found.primary), _ENCRYPT)

    async def make(self, use: Use, version: str) -> tuple[bytes, BucketKey]:
        """Return a fresh key, wrapped by a version for a service, and opened."""
        used = await self._usable(use, names.version(version), _ENCRYPT)
        await self._recorded(used.version, _context(use, used.name), "wrap")
        plain = self._random(KEY_BYTES)
        mark = used.name.number.to_bytes(VERSION_BYTES, "big")
        sealing = used.key.encrypt(plain, use.bound(version), mark)
        return await attempt("plaintext", sealing), BucketKey(plain, self._random)

    async def open(self, use: Use, version: str, wrapped: bytes) -> BucketKey:
        """Return a key that was made for the same service and context, opened."""
        asked = self._setup.world.clock()
        used = await self._standing(use, version, _DECRYPT, self._decrypting)
        # Under an approval the key's holder is asked each time, and sees the approval each time.
        supported = use.session.authority.approved is not None
        kept = None if supported else self._opened.get(used.version.material, wrapped, asked)
        if kept is not None:
            return kept
        context = _context(use, used.name)
        live = self._setup.materials.key(used.name, used.version).used_in(context)
        await self._recorded(used.version, context, "unwrap")
        opened = await attempt("ciphertext", live.open(wrapped, use.bound(version)))
        key = BucketKey(opened.plaintext, self._random)
        if not supported:
            leased = Leased(key, asked, opened.lease_seconds)
            self._opened.keep(used.version.material, wrapped, leased)
        return key

    async def _recorded(self, version: Version, context: UseContext, verb: str) -> None:
        """Have the use of a key on record; of one elsewhere it is where that one is asked."""
        if version.protection not in EXTERNALS:
            await self._setup.uses.used(context, verb)

    async def _decrypting(self, use: Use, version: str) -> Usable:
        return await self._usable(use, names.version(version), _DECRYPT)

    async def _standing(
        self, use: Use, name: str, permission: str, look: Callable[[Use, str], Awaitable[Usable]]
    ) -> _Standing:
        """Return a version that the agent may use, looked at anew whenever anything changed."""
        now, changes = self._setup.world.clock(), self._watch.changes
        session = use.session
        at = (use.agent.member, name, session.call.peer)
        standing = self._standings.get(at)
        if standing is not None and standing.holds(changes, now):
            session.authority.uses_key(standing.shown)
            await session.authority.guarded(standing.permission, standing.resource)
            return standing
        self._standings.pop(at, None)
        used = await look(use, name)
        resource = await KmsStore(self._setup, session).key_resource(used.name.parent)
        shown = str(used.name)
        standing = _Standing(used.name, shown, used.version, permission, resource, changes, now)
        self._standings[at] = standing
        if len(self._standings) > STANDINGS_MAX:
            self._standings.popitem(last=False)
        return standing

    async def _usable(self, use: Use, name: VersionName, permission: str) -> Usable:
        store = KmsStore(self._setup, use.session)
        grant = await _granted(store, name.parent, permission)
        context = _context(use, name)
        return await usable_in(context, grant, store, name, Purpose.ENCRYPT_DECRYPT)


async def _granted(store: KmsStore, key: CryptoKeyName, permission: str) -> Grant:
    resource = await store.key_resource(key)
    return await store.session.authority.require(permission, resource)


def _context(use: Use, version: VersionName) -> UseContext:
    """Return what a key holder is told: who asked the service for what, and that they did."""
    session = use.session
    approved = session.authority.approved
    return UseContext(
        version=str(version),
        key=str(version.parent),
        reason=approved.reason if approved else CUSTOMER_INITIATED_ACCESS,
        principal=session.caller.member,
        method=session.call.method,
        target=use.target,
        approval=joined(approved.evidence if approved else "", session.call),
        request=session.call.request_id,
        approved=approved.name if approved else "",
    )
