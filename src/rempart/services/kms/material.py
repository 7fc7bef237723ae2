"""Key material at rest and in use: made in threads, kept wrapped, loaded keys remembered.

Material lies wrapped under the universe's `kms` key with the resource's name as context
(docs/spec/keys.md), inside a record that is sealed as every record is. What is remembered is found
by the wrapped bytes: a version that lost its material, or has another, never meets an old key.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from rempart.core.clock import Micros, Random
from rempart.core.errors import data_loss
from rempart.services.kms.model.import_job import ImportJob
from rempart.services.kms.model.names import CryptoKeyName, ImportJobName, VersionName
from rempart.services.kms.model.version import Version
from rempart.trust.custody.envelope import context
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.key import Key
from rempart.trust.custody.software.material import generate, load
from rempart.trust.custody.xaes import NONCE_BYTES, XAES256GCM

LOADED_MAX = 4096


@dataclass(frozen=True, slots=True)
class Fresh:
    """Material that was just generated, on its way into a version."""

    algorithm: str
    material: bytes = field(repr=False)


class Materials:
    """Makes, wraps and loads the material of key versions and import jobs."""

    def __init__(self, key: bytes, random: Random) -> None:
        self._cipher = XAES256GCM(key)
        self._random = random
        self._loaded: OrderedDict[bytes, Key] = OrderedDict()

    async def generate(self, algorithm: str) -> Fresh:
        """Return fresh material; large RSA keys take a second, on a thread."""
        material = await asyncio.to_thread(generate, ALGORITHMS[algorithm], self._random)
        return Fresh(algorithm, material)

    def version(
        self, key: CryptoKeyName, number: int, fresh: Fresh, protection: str, now: Micros
    ) -> Version:
        """Return a new version that holds material, wrapped."""
        return Version(
            number=number,
            created=now,
            algorithm=fresh.algorithm,
            protection=protection,
            material=self.wrap(key.version(number), fresh.material),
        )

    def wrap(self, name: VersionName | ImportJobName, material: bytes) -> bytes:
        """Return material wrapped for one resource."""
        nonce = self._random(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, material, context("kms", str(name)))

    def key(self, name: VersionName, version: Version) -> Key:
        """Return the loaded key of a version."""
        loaded = self._loaded.get(version.material)
        if loaded is None:
            algorithm = ALGORITHMS[version.algorithm]
            loaded = load(algorithm, self._unwrap(name, version.material))
            self._loaded[version.material] = loaded
            if len(self._loaded) > LOADED_MAX:
                self._loaded.popitem(last=False)
        return loaded

    def forget(self, version: Version) -> None:
        """Drop the loaded key of a version that is destroyed."""
        self._loaded.pop(version.material, None)

    def private_key(self, name: ImportJobName, job: ImportJob) -> bytes:
        """Return the private key of an import job."""
        return self._unwrap(name, job.material)

    def _unwrap(self, name: VersionName | ImportJobName, wrapped: bytes) -> bytes:
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, sealed, context("kms", str(name)))
        except Tampered as problem:
            raise data_loss(f"The material of {name} failed authentication.") from problem
