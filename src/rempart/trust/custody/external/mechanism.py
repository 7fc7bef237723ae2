"""The protection levels EXTERNAL and EXTERNAL_VPC: keys that a key holder's manager keeps.

A key that is there already is adopted by its URI or path; in a connection's CLOUD_KMS mode one is
made, and destroyed, through the manager. Either way it is tried before a version is made of it, as
the use that it is: with the reason of whoever has the version made.
"""

from __future__ import annotations

import contextlib

from msgspec.structs import replace
from typing_extensions import override

from rempart.core.errors import CloudError, invalid
from rempart.trust.custody.external import public_keys
from rempart.trust.custody.external.faults import Fault, failure
from rempart.trust.custody.external.key import DATA_KEY_BYTES, Asking, ExternalKey
from rempart.trust.custody.external.reference import Reference, locate
from rempart.trust.custody.header import VERSION_BYTES
from rempart.trust.custody.mechanism import Mechanism, UseContext
from rempart.trust.custody.software.algorithms import Algorithm, Scheme


class External(Mechanism):
    """Keys elsewhere; a reference is the way to one, and the universe's own half."""

    lasting = True

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @override
    def lacks(self, algorithm: Algorithm) -> str:
        match algorithm.scheme:
            case Scheme.EXTERNAL | Scheme.PSS | Scheme.PKCS1:
                return ""
            case Scheme.ECDSA if algorithm.curve in public_keys.CURVES:
                return ""
        return "external keys encrypt as EXTERNAL_SYMMETRIC_ENCRYPTION, or sign with RSA or ECDSA"

    @override
    async def generate(self, algorithm: Algorithm, context: UseContext, backend: str = "") -> bytes:
        """Have the manager of a connection make a key, in the connection's crypto space."""
        space = await self._asking.directory.space(backend)
        use = await self._asking.use(context)
        path = await self._asking.caller.create_key(space, algorithm.name, use)
        made = Reference(connection=backend, path=path, ours=True)
        try:
            return (await self._armed(algorithm, made, context)).encoded()
        except CloudError:
            with contextlib.suppress(CloudError):
                await self.destroy(algorithm, made.encoded(), context)
            raise

    async def adopt(self, algorithm: Algorithm, way: Reference, context: UseContext) -> bytes:
        """Return the reference of a key that is there, after it was tried."""
        armed = await self._armed(algorithm, way, context)
        await self._require_same(algorithm, armed, context)
        return armed.encoded()

    async def _armed(self, algorithm: Algorithm, way: Reference, context: UseContext) -> Reference:
        """Return the reference with the universe's half: an inner key, or the public key."""
        if algorithm.asymmetric:
            at = await locate(way, self._asking.directory)
            use = await self._asking.use(context)
            found = await self._asking.caller.public_key(at, use)
            if found.algorithm != algorithm.name or not public_keys.fits(found.pem, algorithm):
                message = f"The external key is not of the algorithm {algorithm.name}."
                raise failure(Fault.UNEXPECTED_RESPONSE, message, at.uri)
            return replace(way, public_key=found.pem)
        armed = replace(way, secret=self._asking.random(DATA_KEY_BYTES))
        version = int(context.version.rpartition("/")[2]).to_bytes(VERSION_BYTES, "big")
        key = ExternalKey(self._asking, algorithm, armed, context)
        return replace(armed, proof=await key.encrypt(b"", b"", version))

    async def move(
        self, algorithm: Algorithm, reference: bytes, way: Reference, context: UseContext
    ) -> bytes:
        """Return the reference with another way to the same key; raises where it is another key."""
        old = Reference.decoded(reference)
        new = replace(old, uri=way.uri, connection=way.connection, path=way.path)
        await self._require_same(algorithm, new, context)
        return new.encoded()

    async def _require_same(
        self, algorithm: Algorithm, reference: Reference, context: UseContext
    ) -> None:
        key = ExternalKey(self._asking, algorithm, reference, context)
        if not await key.same():
            at = await locate(reference, self._asking.directory)
            message = "The external key does not open what this version's key wrapped."
            raise failure(Fault.UNEXPECTED_RESPONSE, message, at.uri)

    @override
    async def take(self, algorithm: Algorithm, material: bytes, context: UseContext) -> bytes:
        raise invalid("Nothing is imported into external keys.", field="importJob")

    @override
    def open(self, algorithm: Algorithm, reference: bytes) -> ExternalKey:
        return ExternalKey(self._asking, algorithm, Reference.decoded(reference))

    @override
    async def destroy(self, algorithm: Algorithm, reference: bytes, context: UseContext) -> None:
        """Have the manager destroy a key that was made there for us; others are left alone."""
        way = Reference.decoded(reference)
        if not way.ours:
            return
        at = await locate(way, self._asking.directory)
        try:
            await self._asking.caller.destroy_key(at, await self._asking.use(context))
        except CloudError as problem:
            if problem.reason != Fault.EXTERNAL_NOT_FOUND:
                raise

    @override
    async def random(self, count: int) -> bytes:
        raise invalid("An external key manager gives no random bytes.", field="protectionLevel")
