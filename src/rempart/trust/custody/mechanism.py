# ruff: noqa: ARG002 - an operation that a key lacks refuses whatever it is given
"""Where keys live and work: the port between Cloud KMS and software, a token, a key holder.

A key version's protection level chooses its mechanism. What a mechanism keeps of a key is a
reference of its own making: bytes that Cloud KMS stores sealed, under the version's name, and hands
back. In software it is the key itself, of a token or a key holder only the way to it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

from typing_extensions import override

from rempart.core.errors import unreachable
from rempart.trust.custody.software.algorithms import Algorithm
from rempart.trust.custody.software.key import Key, PublicKey, RawCiphertext

P = ParamSpec("P")
T = TypeVar("T")

_OTHER_PURPOSE = "an operation that this key's purpose does not have"


@dataclass(frozen=True, slots=True)
class UseContext:
    """Which key is used, by whom, for what and why: what a key holder elsewhere judges by.

    `version` and `key` are resource names; of a version that is being made, the name it is to have.
    `reason` is one of Google's access reasons. `method` is the API method that the principal
    called, `target` the resource it was called on where that is not the key itself. `approval` is
    what the caller brought along to convince the key holder: signed by others, not judged here.
    `request` is the number of the call, `approved` the name of the approval by which staff of the
    operator's act: both for the universe's own log.
    """

    version: str
    key: str
    reason: str
    principal: str
    method: str
    target: str = ""
    approval: str = ""
    request: str = ""
    approved: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a key opened, and for how many seconds a service may keep it.

    0 is for this use only; None is where no key holder has a say.
    """

    plaintext: bytes = field(repr=False)
    lease_seconds: int | None = None


class LiveKey:
    """A key version's key, ready for use wherever it lives; each kind overrides what it can do.

    An operation of another purpose is a bug of the caller, who knows the algorithm. Wrong lengths
    raise `Unfit`; whatever does not open raises `Tampered`, the same for every cause. A mechanism
    that is out of reach raises a `CloudError` of code UNAVAILABLE, soon.
    """

    __slots__ = ()

    def used_in(self, context: UseContext) -> LiveKey:
        """Return the key for one use; only keys held elsewhere care which."""
        return self

    async def encrypt(self, plaintext: bytes, aad: bytes, version: bytes) -> bytes:
        """Seal; `version` (8 bytes) is found again with `header.version_of`."""
        unreachable(_OTHER_PURPOSE)

    async def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        """Open what `encrypt` sealed; of an asymmetric key, what its public half encrypted."""
        unreachable(_OTHER_PURPOSE)

    async def open(self, ciphertext: bytes, aad: bytes = b"") -> Opened:
        """Do as `decrypt`, for a service that may keep what a key protects for a while."""
        return Opened(await self.decrypt(ciphertext, aad))

    async def raw_encrypt(
        self, plaintext: bytes, aad: bytes, initialization_vector: bytes
    ) -> RawCiphertext:
        """Encrypt in a standard mode; GCM takes no initialization vector, the others may."""
        unreachable(_OTHER_PURPOSE)

    async def raw_decrypt(
        self, ciphertext: bytes, initialization_vector: bytes, aad: bytes, tag_length: int
    ) -> bytes:
        """Decrypt what `raw_encrypt` gave; `tag_length` 0 is the algorithm's own."""
        unreachable(_OTHER_PURPOSE)

    async def sign(self, data: bytes) -> bytes:
        """Sign data, hashed first where the algorithm has a digest."""
        unreachable(_OTHER_PURPOSE)

    async def sign_digest(self, digest: bytes) -> bytes:
        """Sign the algorithm's digest of the data (`Algorithm.digest` names it)."""
        unreachable(_OTHER_PURPOSE)

    async def mac_sign(self, data: bytes) -> bytes:
        """Return the authentication code of the data."""
        unreachable(_OTHER_PURPOSE)

    async def mac_verify(self, data: bytes, mac: bytes) -> bool:
        """Tell, in constant time, whether `mac` is the whole code of the data."""
        unreachable(_OTHER_PURPOSE)

    async def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the shared secret; a forged ciphertext gives an unrelated one."""
        unreachable(_OTHER_PURPOSE)

    async def public_key(self) -> PublicKey:
        """Return the public half."""
        unreachable(_OTHER_PURPOSE)


class Mechanism(Protocol):
    """Makes, opens and destroys the keys of a protection level.

    Whatever needs something out of reach raises a `CloudError` of code UNAVAILABLE, soon.
    """

    @property
    def lasting(self) -> bool:
        """Tell whether what `generate` and `take` make outlives a transaction that is dropped.

        Such a key is announced in the log before it is made, destroyed when its version is not
        stored, and marked before it is destroyed, so that nobody restores its version meanwhile.
        """

    def lacks(self, algorithm: Algorithm) -> str:
        """Return why there are no keys of an algorithm, or nothing if there are."""

    async def generate(self, algorithm: Algorithm, context: UseContext, backend: str = "") -> bytes:
        """Make a key and return its reference; `backend` is the resource that keys are made in."""

    async def take(self, algorithm: Algorithm, material: bytes, context: UseContext) -> bytes:
        """Make a key of material that `check_import` passed, and return its reference."""

    def open(self, algorithm: Algorithm, reference: bytes) -> LiveKey:
        """Return the key, parsed once; keep it while it is in use."""

    async def destroy(self, algorithm: Algorithm, reference: bytes, context: UseContext) -> None:
        """Destroy the key for good, if it is still there; return only once it is gone."""

    async def random(self, count: int) -> bytes:
        """Return bytes from the mechanism's own generator."""


class Runner(Protocol):
    """Runs a function that blocks: at once, or in a thread."""

    def __call__(
        self, work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> Coroutine[Any, Any, T]:
        """Return what the function returns."""


async def inline(work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
    """Run a function that takes microseconds, here and now."""
    return work(*arguments, **named)


class LocalKey(LiveKey):
    """A key whose operations are plain functions of this process."""

    __slots__ = ("_key", "_run")

    def __init__(self, key: Key, run: Runner) -> None:
        self._key = key
        self._run = run

    @override
    async def encrypt(self, plaintext: bytes, aad: bytes, version: bytes) -> bytes:
        return await self._run(self._key.encrypt, plaintext, aad, version)

    @override
    async def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        return await self._run(self._key.decrypt, ciphertext, aad)

    @override
    async def raw_encrypt(
        self, plaintext: bytes, aad: bytes, initialization_vector: bytes
    ) -> RawCiphertext:
        return await self._run(self._key.raw_encrypt, plaintext, aad, initialization_vector)

    @override
    async def raw_decrypt(
        self, ciphertext: bytes, initialization_vector: bytes, aad: bytes, tag_length: int
    ) -> bytes:
        return await self._run(
            self._key.raw_decrypt, ciphertext, initialization_vector, aad, tag_length
        )

    @override
    async def sign(self, data: bytes) -> bytes:
        return await self._run(self._key.sign, data)

    @override
    async def sign_digest(self, digest: bytes) -> bytes:
        return await self._run(self._key.sign_digest, digest)

    @override
    async def mac_sign(self, data: bytes) -> bytes:
        return await self._run(self._key.mac_sign, data)

    @override
    async def mac_verify(self, data: bytes, mac: bytes) -> bool:
        return await self._run(self._key.mac_verify, data, mac)

    @override
    async def decapsulate(self, ciphertext: bytes) -> bytes:
        return await self._run(self._key.decapsulate, ciphertext)

    @override
    async def public_key(self) -> PublicKey:
        return await self._run(self._key.public_key)
