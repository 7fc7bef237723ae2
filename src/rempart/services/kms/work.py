"""What falls due in Cloud KMS: keys that rotate, versions whose material is destroyed.

Each is one commit with its entry in the log. A due that was called off meanwhile does nothing. A
key that lies outside is destroyed there first: while it cannot be reached, its version stays
scheduled (of an external key, without the universe's half), and the next run tries again.
"""

from __future__ import annotations

import asyncio
import logging

from msgspec.structs import replace

from rempart.core.access_reasons import SYSTEM_OPERATION
from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.engine.seam import Conflict, Key, Span
from rempart.services.kms.erasure import DESTROYS
from rempart.services.kms.kinds import CRYPTO_KEY, DUE, ERASED, VERSION, Due, version_name
from rempart.services.kms.material import Fresh
from rempart.services.kms.model.choices import EXTERNALS
from rempart.services.kms.model.crypto_key import CryptoKey, rotated
from rempart.services.kms.model.erasure import Erased, ErasureName
from rempart.services.kms.model.names import CryptoKeyName, VersionName
from rempart.services.kms.model.version import (
    VERSIONS_PER_KEY_MAX,
    State,
    Version,
    destroyed,
    external_failed,
    pending_external,
)
from rempart.services.kms.store import Setup
from rempart.services.kms.vouched import Writes
from rempart.trust.custody.external.faults import fault_of
from rempart.trust.custody.kind import Found
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode

BATCH = 100
PATIENCE_SECONDS = 86_400
"""How long a key holder's manager is asked again to destroy a key while it cannot be reached."""

_DYING = (State.DESTROY_SCHEDULED, State.PENDING_EXTERNAL_DESTRUCTION)
_ROTATES = "cloudkms.cryptoKeys.rotate"
_AGENT = "system:cloudkms"
_NUMBER_BYTES = 8
_log = logging.getLogger(__name__)


class DueKeys:
    """The job that does what has fallen due."""

    def __init__(self, sealed: SealedEngine, setup: Setup) -> None:
        self._sealed = sealed
        self._setup = setup

    async def run(self) -> None:
        """Do everything whose time has come, oldest first; drop what was opened for a time."""
        now = self._setup.world.clock()
        self._setup.materials.opened.expire(now)
        span = Span(DUE.under().start, DUE.key(now + 1))
        while found := await self._sealed.scan(DUE, span, limit=BATCH):
            # Together, so that a manager or token that hangs does not hold up the others.
            await asyncio.gather(*(self._do(one, now) for one in found))
            span = span.after(found[-1].key)

    async def _do(self, due: Found[Due], now: Micros) -> None:
        when, name = _read(due.key)
        try:
            if name.number:
                await self._destroy(name, when, now)
            else:
                await self._rotate(name.parent, when, now)
        except Conflict:
            _log.info("What is due for %s changed meanwhile; it is looked at again.", name)
        except CloudError as problem:
            _log.warning("What is due for %s waits: %s", name, problem.message)

    async def _destroy(self, name: VersionName, when: int, now: Micros) -> None:
        tx = self._sealed.transaction()
        version = await _scheduled(tx, name, when)
        if version is not None and self._setup.materials.lasting(version.protection):
            if not version.destroying:
                version = await self._mark(tx, name, version, now)
                tx = self._sealed.transaction()
                version = await _scheduled(tx, name, when)
            if version is not None:
                gone = await self._destroy_outside(name, version, when, now)
                self._setup.materials.forget(version)
                await self._put_gone(tx, name, gone, now)
        elif version is not None:
            self._setup.materials.forget(version)
            await self._put_gone(tx, name, destroyed(version, now), now)
        tx.delete(DUE, when, *name.parts)
        await tx.commit()

    async def _mark(
        self, tx: Transaction, name: VersionName, version: Version, now: Micros
    ) -> Version:
        """Say that a key outside may be gone from now on; of an external one our half is gone."""
        materials, marked = self._setup.materials, replace(version, destroying=True)
        if version.protection in EXTERNALS:
            way = materials.reference(name, version)
            if way.ours:
                marked = pending_external(marked, materials.wrap(name, way.disarmed().encoded()))
        materials.forget(version)
        _put_dying(tx, name, marked, now)
        await tx.commit()
        return marked

    async def _destroy_outside(
        self, name: VersionName, version: Version, when: int, now: Micros
    ) -> Version:
        """Return the version when its key outside is gone; raises as long as it is worth waiting.

        An external manager may refuse for ever: then the version says so, and stays dead.
        """
        try:
            await self._setup.materials.destroy(name, version, _context(name, DESTROYS))
        except CloudError as problem:
            fault = fault_of(problem)
            if fault is None or (fault.passes and now - when < PATIENCE_SECONDS * 1_000_000):
                raise
            return external_failed(version, problem.message, now)
        return destroyed(version, now)

    async def _put_gone(
        self, tx: Transaction, name: VersionName, version: Version, now: Micros
    ) -> None:
        erased = None
        if version.state is State.DESTROYED:
            toll = await self._setup.protecting.toll(str(name))
            erased = Erased(toll, await tx.length(FEED))
        _put_dying(tx, name, version, now, erased)

    async def _rotate(self, name: CryptoKeyName, when: int, now: Micros) -> None:
        tx, fresh = self._sealed.transaction(), None
        key = await tx.get(CRYPTO_KEY, *name.parts)
        if key is not None and key.next_rotation == when and key.versions < VERSIONS_PER_KEY_MAX:
            version = name.version(key.versions + 1)
            use = _context(version, _ROTATES)
            fresh = await self._rotated_key(key, use)
            new = rotated(key, version.number, now)
            if fresh.failure:
                new = replace(new, primary=key.primary)
            self._put_rotated(tx, version, new, fresh, now)
        tx.delete(DUE, when, *name.version(0).parts)
        try:
            await tx.commit()
        except Conflict:
            if fresh is not None:
                await self._setup.materials.drop(fresh)
            raise

    async def _rotated_key(self, key: CryptoKey, use: UseContext) -> Fresh:
        """Make the key of a rotation; one that its holder refuses leaves a version that says so."""
        try:
            return await self._setup.materials.generate(
                key.algorithm, key.protection, use, key.backend
            )
        except CloudError as problem:
            fault = fault_of(problem)
            if fault is None or fault.passes:
                raise
            return Fresh(key.algorithm, key.protection, b"", use, problem.message)

    def _put_rotated(
        self, tx: Transaction, name: VersionName, key: CryptoKey, fresh: Fresh, now: Micros
    ) -> None:
        version, writes = self._setup.materials.version(name, fresh, now), Writes(tx)
        writes.put(VERSION, name, version)
        writes.put(CRYPTO_KEY, name.parent, key)
        if key.next_rotation:
            tx.put(DUE, key.next_rotation, *name.parent.version(0).parts, value=Due())
        tx.append(FEED, encode(_leaf(_ROTATES, name, writes, now)))


async def _scheduled(tx: Transaction, name: VersionName, when: int) -> Version | None:
    """Return the version if its destruction is still the one that was due then."""
    version = await tx.get(VERSION, *name.parts)
    if version is None or version.state not in _DYING:
        return None
    return version if version.destroy_at == when else None


def _put_dying(
    tx: Transaction, name: VersionName, version: Version, now: Micros, erased: Erased | None = None
) -> None:
    """Store a version on its way out, with its entry in the log and what died with it."""
    writes = Writes(tx)
    writes.put(VERSION, name, version)
    toll: dict[str, str] = {}
    if erased is not None:
        writes.put(ERASED, ErasureName(name), erased)
        toll = erased.toll.facts()
    leaf = _leaf(DESTROYS, name, writes, now, version.state)
    tx.append(FEED, encode(replace(leaf, facts=leaf.facts | toll)))


def _context(name: VersionName, method: str) -> UseContext:
    """Return the context of what the universe does by itself, as the key's owner scheduled it."""
    return UseContext(str(name), str(name.parent), SYSTEM_OPERATION, _AGENT, method)


def _read(key: Key) -> tuple[int, VersionName]:
    """Return when and what a due is about, from its document's key."""
    when = int.from_bytes(key[1 : 1 + _NUMBER_BYTES], "big")
    return when, version_name(key, 1 + _NUMBER_BYTES)


def _leaf(
    method: str, name: VersionName, writes: Writes, now: Micros, state: State = State.ENABLED
) -> Leaf:
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
        facts={"cryptoKeyVersion": str(name), "state": state.value, **writes.facts},
    )
