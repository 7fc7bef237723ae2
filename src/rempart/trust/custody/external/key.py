"""A key version whose key somebody else holds, ready for one use.

Symmetric: docs/spec/kms-external.md. A fresh data key is sealed under the version's inner key, and
what comes of that is wrapped by the manager: neither side opens anything without the other.
Asymmetric: the manager signs a digest; a signature that does not verify is not passed on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import Hash
from typing_extensions import override

from rempart.core.clock import Random
from rempart.core.errors import CloudError, unreachable
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.external import public_keys
from rempart.trust.custody.external.caller import Caller, Location, Use
from rempart.trust.custody.external.faults import Fault, failure
from rempart.trust.custody.external.reference import Directory, Reference, locate
from rempart.trust.custody.header import Format, header, opened, version_of
from rempart.trust.custody.mechanism import LiveKey, Opened, UseContext
from rempart.trust.custody.software.algorithms import Algorithm
from rempart.trust.custody.software.key import (
    AAD_BYTES_MAX,
    DIGESTS,
    PLAINTEXT_BYTES_MAX,
    PublicKey,
    check_length,
    check_size,
)
from rempart.trust.custody.software.symmetric import SymmetricKey

DATA_KEY_BYTES = 32
LENGTH_BYTES = 2
_DOMAIN = b"rempart.kms.external.v1\x00"


@dataclass(frozen=True, slots=True)
class Asking:
    """What every external key needs to reach its manager."""

    caller: Caller
    directory: Directory
    random: Random

    async def use(self, context: UseContext) -> Use:
        """Return what a manager is told of a use; the project's service agent asks."""
        return Use(
            agent=await self.directory.agent(context.version.split("/")[1]),
            resource=context.version,
            reason=context.reason,
            principal=context.principal,
            operation=context.method,
            target=context.target,
            approval=context.approval,
            request=context.request,
            approved=context.approved,
        )


@dataclass(frozen=True, slots=True)
class ExternalKey(LiveKey):
    """The key of a version, and in `context` who uses it for what.

    A manager that refuses or fails raises what `faults` makes of it, within a few seconds.
    """

    asking: Asking
    algorithm: Algorithm
    reference: Reference = field(repr=False)
    context: UseContext | None = None

    @override
    def used_in(self, context: UseContext) -> ExternalKey:
        return replace(self, context=context)

    @override
    async def encrypt(self, plaintext: bytes, aad: bytes, version: bytes) -> bytes:
        check_size("plaintext", plaintext, PLAINTEXT_BYTES_MAX)
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        data_key = self.asking.random(DATA_KEY_BYTES)
        at, use = await self._manager()
        inner = self._inner.encrypt(data_key, _DOMAIN + version, version)
        blob = await self.asking.caller.wrap(at, inner, use)
        length = len(blob).to_bytes(LENGTH_BYTES, "big")
        head = header(Format.EXTERNAL, version) + length + blob
        sealer = Cobblestone256Encryptor(data_key, _DOMAIN + head + aad)
        return b"".join((head, sealer.update(plaintext), sealer.finalize()))

    @override
    async def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        return (await self.open(ciphertext, aad)).plaintext

    @override
    async def open(self, ciphertext: bytes, aad: bytes = b"") -> Opened:
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        _, rest = opened(Format.EXTERNAL, ciphertext)
        length = int.from_bytes(rest[:LENGTH_BYTES], "big")
        blob = rest[LENGTH_BYTES:][:length]
        sealed = rest[LENGTH_BYTES + length :]
        if not blob or not sealed:
            raise Tampered
        at, use = await self._manager()
        unwrapped = await self.asking.caller.unwrap(at, blob, use)
        data_key = self._data_key(unwrapped.plaintext, version_of(ciphertext), at)
        head = ciphertext[: len(ciphertext) - len(sealed)]
        opener = Cobblestone256Decryptor(data_key, _DOMAIN + head + aad)
        try:
            plaintext = opener.update(sealed) + opener.finalize()
        except InvalidTag as problem:
            raise Tampered from problem
        return Opened(plaintext, unwrapped.lease_seconds)

    def _data_key(self, inner: bytes, version: bytes, at: Location) -> bytes:
        """Return the data key that a manager's answer holds, or raise that it holds none."""
        try:
            return self._inner.decrypt(inner, _DOMAIN + version)
        except Tampered as problem:
            message = "The external key manager unwrapped something else than was wrapped."
            raise failure(Fault.UNEXPECTED_RESPONSE, message, at.uri) from problem

    @override
    async def sign(self, data: bytes) -> bytes:
        hashing = Hash(DIGESTS[self.algorithm.digest])
        hashing.update(data)
        return await self.sign_digest(hashing.finalize())

    @override
    async def sign_digest(self, digest: bytes) -> bytes:
        check_length("digest", digest, DIGESTS[self.algorithm.digest].digest_size)
        at, use = await self._manager()
        named = {self.algorithm.digest: digest}
        signature = await self.asking.caller.sign(at, named, use)
        holds = await asyncio.to_thread(
            public_keys.verifies, self.reference.public_key, self.algorithm, digest, signature
        )
        if not holds:
            message = "The external key manager's signature does not verify."
            raise failure(Fault.UNEXPECTED_RESPONSE, message, at.uri)
        return signature

    @override
    async def public_key(self) -> PublicKey:
        return public_keys.shown(self.reference.public_key)

    async def same(self) -> bool:
        """Tell whether the manager still holds the key that this version was made with."""
        at, use = await self._manager()
        if self.algorithm.asymmetric:
            found = await self.asking.caller.public_key(at, use)
            return found.pem == self.reference.public_key
        try:
            return (await self.open(self.reference.proof)).plaintext == b""
        except Tampered:
            return False
        except CloudError as problem:
            if problem.reason == Fault.DECRYPTION_FAILED:
                return False
            raise

    @property
    def _inner(self) -> SymmetricKey:
        return SymmetricKey(self.reference.secret)

    async def _manager(self) -> tuple[Location, Use]:
        if self.context is None:
            unreachable("an external key is used in a context")
        use = await self.asking.use(self.context)
        return await locate(self.reference, self.asking.directory), use
