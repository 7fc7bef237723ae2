"""Keys at rest and in use: made by their level's mechanism, kept wrapped, loaded ones remembered.

What a mechanism keeps of a key lies wrapped under the universe's `kms` key with the resource's name
as context (docs/spec/keys.md), inside a record that is sealed as every record is. What is
remembered is found by the wrapped bytes: a version that lost its material, or has another, never
meets an old key.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from rempart.core.clock import Micros, Random
from rempart.core.errors import CloudError, data_loss
from rempart.services.kms.model.choices import EXTERNALS, not_configured
from rempart.services.kms.model.import_job import ImportJob
from rempart.services.kms.model.names import ImportJobName, VersionName
from rempart.services.kms.model.version import State, Version
from rempart.services.kms.opened import OpenedKeys
from rempart.trust.custody.envelope import context
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.external.reference import Reference
from rempart.trust.custody.mechanism import LiveKey, Mechanism, UseContext
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.xaes import XAES256GCM

LOADED_MAX = 4096
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A key that was just made, on its way into a version."""

    algorithm: str
    protection: str
    reference: bytes = field(repr=False)
    context: UseContext
    failure: str = ""
    """Why a key holder's manager did not make the key; there is no reference then."""


class Materials:
    """Makes, wraps and loads the keys of versions; wraps those of import jobs."""

    def __init__(self, key: bytes, random: Random, mechanisms: Mapping[str, Mechanism]) -> None:
        self._cipher = XAES256GCM(key)
        self._random = random
        self._loaded: OrderedDict[bytes, LiveKey] = OrderedDict()
        self._mechanisms = mechanisms
        self.opened = OpenedKeys()

    async def generate(
        self, algorithm: str, protection: str, use: UseContext, backend: str = ""
    ) -> Fresh:
        """Return a fresh key; large RSA keys take a second."""
        made = await self.mechanism(protection).generate(ALGORITHMS[algorithm], use, backend)
        return Fresh(algorithm, protection, made, use)

    async def take(
        self, algorithm: str, protection: str, material: bytes, use: UseContext
    ) -> Fresh:
        """Return a key of imported material, which was checked."""
        made = await self.mechanism(protection).take(ALGORITHMS[algorithm], material, use)
        return Fresh(algorithm, protection, made, use)

    def lasting(self, protection: str) -> bool:
        """Tell whether keys of a protection level lie outside, until they are destroyed there."""
        return self.mechanism(protection).lasting

    async def drop(self, fresh: Fresh) -> None:
        """Destroy a key that no version was made of; one that is out of reach is left over."""
        mechanism = self.mechanism(fresh.protection)
        if not mechanism.lasting or not fresh.reference:
            return
        try:
            await mechanism.destroy(ALGORITHMS[fresh.algorithm], fresh.reference, fresh.context)
        except CloudError as problem:
            _log.warning("A key for %s is left over: %s", fresh.context.version, problem.message)

    def version(self, name: VersionName, fresh: Fresh, now: Micros) -> Version:
        """Return a new version of a key that was made for it."""
        version = Version(
            number=name.number, created=now, algorithm=fresh.algorithm, protection=fresh.protection
        )
        if fresh.failure:
            return replace(version, state=State.GENERATION_FAILED, failure=fresh.failure)
        way = Reference()
        if fresh.protection in EXTERNALS:
            way = Reference.decoded(fresh.reference)
        return replace(
            version,
            material=self.wrap(name, fresh.reference),
            key_uri=way.uri,
            key_path=way.path,
        )

    def reference(self, name: VersionName, version: Version) -> Reference:
        """Return the way to an external version's key."""
        return Reference.decoded(self.reference_bytes(name, version))

    def reference_bytes(self, name: VersionName, version: Version) -> bytes:
        """Return what the mechanism of a version keeps of its key."""
        return self._unwrap(name, version.material)

    def wrap(self, name: VersionName | ImportJobName, material: bytes) -> bytes:
        """Return material wrapped for one resource."""
        return self._cipher.seal(material, context("kms", str(name)), self._random)

    def key(self, name: VersionName, version: Version) -> LiveKey:
        """Return the loaded key of a version."""
        loaded = self._loaded.get(version.material)
        if loaded is None:
            mechanism = self.mechanism(version.protection)
            reference = self._unwrap(name, version.material)
            loaded = mechanism.open(ALGORITHMS[version.algorithm], reference)
            self._loaded[version.material] = loaded
            if len(self._loaded) > LOADED_MAX:
                self._loaded.popitem(last=False)
        return loaded

    async def destroy(self, name: VersionName, version: Version, use: UseContext) -> None:
        """Destroy a version's key where it lies outside; return only once it is gone."""
        reference = self._unwrap(name, version.material)
        mechanism = self.mechanism(version.protection)
        await mechanism.destroy(ALGORITHMS[version.algorithm], reference, use)

    def forget(self, version: Version) -> None:
        """Drop the loaded key of a version that is destroyed, and all that it opened."""
        self._loaded.pop(version.material, None)
        self.opened.forget(version.material)

    def private_key(self, name: ImportJobName, job: ImportJob) -> bytes:
        """Return the private key of an import job."""
        return self._unwrap(name, job.material)

    def mechanism(self, protection: str) -> Mechanism:
        """Return the mechanism of a protection level, or raise that it is not set up any more."""
        found = self._mechanisms.get(protection)
        if found is None:
            raise not_configured(protection, "protectionLevel")
        return found

    def _unwrap(self, name: VersionName | ImportJobName, wrapped: bytes) -> bytes:
        try:
            return self._cipher.open(wrapped, context("kms", str(name)))
        except Tampered as problem:
            raise data_loss(f"The material of {name} failed authentication.") from problem
