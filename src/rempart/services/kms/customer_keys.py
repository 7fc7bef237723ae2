"""Keys of customers as other services use them: each in the name of its own service agent.

A service keeps a key of its own wrapped by a version here. Every use asks whether the version may
be used now; what was opened is remembered, so that a use is not a call of the key itself each time.
"""

from __future__ import annotations

from typing import Protocol

from rempart.core.errors import CloudError, Code
from rempart.core.grant import Grant
from rempart.services.kms.api.use import Usable, attempt, usable_in
from rempart.services.kms.model import names
from rempart.services.kms.model.access_reasons import CUSTOMER_INITIATED_ACCESS
from rempart.services.kms.model.names import CryptoKeyName, VersionName
from rempart.services.kms.model.version import wrong_purpose
from rempart.services.kms.opened import Leased
from rempart.services.kms.store import KmsStore, Setup
from rempart.trust.custody.envelope import BucketKey
from rempart.trust.custody.header import VERSION_BYTES
from rempart.trust.custody.keyring import KEY_BYTES
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.custody.software.algorithms import Purpose
from rempart.trust.gate import Session

_ENCRYPT = "cloudkms.cryptoKeyVersions.useToEncrypt"
_DECRYPT = "cloudkms.cryptoKeyVersions.useToDecrypt"


class Use(Protocol):
    """For whom and for what a service uses a customer's key."""

    @property
    def session(self) -> Session:
        """Return the session, with the standing of the service's agent."""

    @property
    def target(self) -> str:
        """Return the name of the resource that the caller asked for."""


class ManagedKeys:
    """What other services see of Cloud KMS."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._random = setup.world.random
        self._opened = setup.materials.opened

    async def primary(self, use: Use, key: str) -> str:
        """Return the name of the version of a key that encrypts now."""
        store, name = KmsStore(self._setup, use.session), names.crypto_key(key)
        grant = await _granted(store, name, _ENCRYPT)
        found = await store.crypto_key(grant, name)
        number = found.primary
        if not found.rotates:
            raise wrong_purpose(str(name), found.purpose)
        if not number:
            message = f"{name} has no primary version: it cannot encrypt."
            raise CloudError(Code.FAILED_PRECONDITION, message, reason="KEY_DISABLED")
        version = name.version(number)
        await usable_in(_context(use, version), grant, store, version, Purpose.ENCRYPT_DECRYPT)
        return str(version)

    async def make(self, use: Use, version: str, bound: bytes) -> tuple[bytes, BucketKey]:
        """Return a fresh key, wrapped by a version for a context, and opened."""
        used = await self._usable(use, version, _ENCRYPT)
        plain = self._random(KEY_BYTES)
        mark = used.name.number.to_bytes(VERSION_BYTES, "big")
        wrapped = await attempt("plaintext", used.key.encrypt(plain, bound, mark))
        return wrapped, BucketKey(plain, self._random)

    async def open(self, use: Use, version: str, wrapped: bytes, bound: bytes) -> BucketKey:
        """Return a key that was made for the same context, opened."""
        used = await self._usable(use, version, _DECRYPT)
        asked = self._setup.world.clock()
        material = used.version.material
        kept = self._opened.get(material, wrapped, asked)
        if kept is not None:
            return kept
        opened = await attempt("ciphertext", used.key.open(wrapped, bound))
        key = BucketKey(opened.plaintext, self._random)
        self._opened.keep(material, wrapped, Leased(key, asked, opened.lease_seconds))
        return key

    async def _usable(self, use: Use, version: str, permission: str) -> Usable:
        store, name = KmsStore(self._setup, use.session), names.version(version)
        grant = await _granted(store, name.parent, permission)
        context = _context(use, name)
        return await usable_in(context, grant, store, name, Purpose.ENCRYPT_DECRYPT)


async def _granted(store: KmsStore, key: CryptoKeyName, permission: str) -> Grant:
    resource = await store.key_resource(key)
    return await store.session.authority.require(permission, resource)


def _context(use: Use, version: VersionName) -> UseContext:
    """Return what a key holder is told: who asked the service for what, and that they did."""
    return UseContext(
        version=str(version),
        key=str(version.parent),
        reason=CUSTOMER_INITIATED_ACCESS,
        principal=use.session.caller.member,
        method=use.session.call.method,
        target=use.target,
    )
