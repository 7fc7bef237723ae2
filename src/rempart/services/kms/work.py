"""What falls due in Cloud KMS: keys that rotate, versions whose material is destroyed.

Each is one commit with its entry in the log. A due that was called off meanwhile does nothing.
"""

from __future__ import annotations

import logging

from rempart.core.clock import Micros
from rempart.engine.seam import Conflict, Key, Span
from rempart.services.kms.kinds import CRYPTO_KEY, DUE, VERSION, Due, version_name
from rempart.services.kms.model.crypto_key import rotated
from rempart.services.kms.model.names import CryptoKeyName, VersionName
from rempart.services.kms.model.version import VERSIONS_PER_KEY_MAX, State, destroyed
from rempart.services.kms.store import Setup
from rempart.services.kms.vouched import Writes
from rempart.trust.custody.sealed import Found, SealedEngine, Transaction
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode

BATCH = 100
_AGENT = "system:cloudkms"
_NUMBER_BYTES = 8
_log = logging.getLogger(__name__)


class DueKeys:
    """The job that does what has fallen due."""

    def __init__(self, sealed: SealedEngine, setup: Setup) -> None:
        self._sealed = sealed
        self._setup = setup

    async def run(self) -> None:
        """Do everything whose time has come, oldest first."""
        now = self._setup.world.clock()
        span = Span(DUE.under().start, DUE.key(now + 1))
        while found := await self._sealed.scan(DUE, span, limit=BATCH):
            for one in found:
                await self._do(one, now)
            span = Span(Key(found[-1].key + b"\x00"), span.end)

    async def _do(self, due: Found[Due], now: Micros) -> None:
        when, name = _read(due.key)
        tx = self._sealed.transaction()
        if name.number:
            done = await self._destroy(tx, name, when, now)
        else:
            done = await self._rotate(tx, name.parent, when, now)
        tx.delete(DUE, when, *name.parts)
        if done:
            tx.append(FEED, encode(done))
        try:
            await tx.commit()
        except Conflict:
            _log.info("What is due for %s changed meanwhile; it is looked at again.", name)

    async def _destroy(
        self, tx: Transaction, name: VersionName, when: int, now: Micros
    ) -> Leaf | None:
        version = await tx.get(VERSION, *name.parts)
        if version is None or version.state is not State.DESTROY_SCHEDULED:
            return None
        if version.destroy_at != when:
            return None
        self._setup.materials.forget(version)
        writes = Writes(tx)
        writes.put(VERSION, name, destroyed(version, now))
        return _leaf("cloudkms.cryptoKeyVersions.destroyMaterial", name, writes, now)

    async def _rotate(
        self, tx: Transaction, name: CryptoKeyName, when: int, now: Micros
    ) -> Leaf | None:
        key = await tx.get(CRYPTO_KEY, *name.parts)
        if key is None or key.next_rotation != when or key.versions >= VERSIONS_PER_KEY_MAX:
            return None
        materials, number = self._setup.materials, key.versions + 1
        fresh = await materials.generate(key.algorithm)
        new = rotated(key, number, now)
        version = materials.version(name, number, fresh, key.protection, now)
        writes = Writes(tx)
        writes.put(VERSION, name.version(number), version)
        writes.put(CRYPTO_KEY, name, new)
        if new.next_rotation:
            tx.put(DUE, new.next_rotation, *name.version(0).parts, value=Due())
        return _leaf("cloudkms.cryptoKeys.rotate", name.version(number), writes, now)


def _read(key: Key) -> tuple[int, VersionName]:
    """Return when and what a due is about, from its document's key."""
    when = int.from_bytes(key[1 : 1 + _NUMBER_BYTES], "big")
    return when, version_name(key, 1 + _NUMBER_BYTES)


def _leaf(method: str, name: VersionName, writes: Writes, now: Micros) -> Leaf:
    return Leaf(
        kind=OUTCOME,
        time=now,
        request="due",
        method=method,
        permission="",
        principal=_AGENT,
        resource=str(name),
        remote="local",
        status=200,
        facts={"cryptoKeyVersion": str(name), **writes.facts},
    )
