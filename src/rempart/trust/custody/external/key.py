"""A key version whose key somebody else holds, ready for one use.

Symmetric: docs/spec/kms-external.md. A fresh data key is sealed under the version's inner key, and
what comes of that is wrapped by the manager: neither side opens anything without the other.
Asymmetric: the manager signs a digest; a signature that does not verify is not passed on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import Hash
from typing_extensions import override

from rempart.core.clock import Random
from rempart.core.errors import invariant
from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.external import public_keys
from rempart.trust.custody.external.caller import BLOB_BYTES_MAX, Caller, Location, Use
from rempart.trust.custody.external.faults import Fault, failure
from rempart.trust.custody.external.reference import Directory, Reference, locate
from rempart.trust.custody.header import HEADER_BYTES, Format, header, opened
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


@dataclass(frozen=True, slots=True)
class ExternalKey(LiveKey):
    """The key of a version; `context` is who uses it for what, `health_check` that nobody does."""

    asking: Asking
    algorithm: Algorithm
    reference: Reference = field(repr=False)
    context: UseContext | None = None
    health_check: bool = False

    @override
    def used_in(self, context: UseContext) -> ExternalKey:
        return replace(self, context=context)

    async def _manager(self) -> tuple[Location, Use]:
        context = self.context
        if context is None:
            raise invariant_broken()
        project = context.version.split("/")[1]
        use = Use(
            agent=await self.asking.directory.agent(project),
            resource=context.version,
            reason=context.reason,
            principal=context.principal,
            operation=context.method,
            target=context.target,
            health_check=self.health_check,
        )
        return await locate(self.reference, self.asking.directory), use
