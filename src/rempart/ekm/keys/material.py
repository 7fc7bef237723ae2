# ruff: noqa: ARG002 - a verb that material does not have refuses whatever it is given
"""The seam to key material, and material in software.

Two are all that the rest knows of material: `Vault`, which makes and erases it, and `Material`,
which uses it. Material in software lies in one file per key, sealed under that key's own wrapping
key, which is in the sealed file only. Material in a token: `rempart.ekm.keys.token`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace
from typing_extensions import override

from rempart import durable
from rempart.core.clock import Random
from rempart.core.errors import unreachable
from rempart.ekm.keys import blob
from rempart.ekm.model.algorithms import SIGNING, SYMMETRIC
from rempart.ekm.model.holdings import HeldKey
from rempart.standalone import box
from rempart.trust.custody.software.key import Key
from rempart.trust.custody.software.material import generate, load

KEY_BYTES = 32
_CONTEXT = b"rempart.ekm.material.v1\x00"
_OTHER_PURPOSE = "a verb that this key's algorithm does not have"


class Material:
    """Material ready for use, wherever it is; each kind overrides what it can do.

    What does not open raises `Tampered`; what cannot be signed for its form raises `Unfit`;
    material that is out of reach raises a `CloudError` of code UNAVAILABLE, soon. A verb of another
    purpose is a bug of the caller, who knows the algorithm.
    """

    __slots__ = ()

    async def wrap(self, plaintext: bytes, binding: bytes) -> bytes:
        """Seal for one binding."""
        unreachable(_OTHER_PURPOSE)

    async def unwrap(self, wrapped: bytes, binding: bytes) -> bytes:
        """Open what `wrap` sealed for that binding."""
        unreachable(_OTHER_PURPOSE)

    async def sign(self, data: bytes) -> bytes:
        """Sign data, hashed first."""
        unreachable(_OTHER_PURPOSE)

    async def sign_digest(self, digest: bytes) -> bytes:
        """Sign the algorithm's digest of the data."""
        unreachable(_OTHER_PURPOSE)

    def public_pem(self) -> str:
        """Return the public half, which is always at hand."""
        unreachable(_OTHER_PURPOSE)


class Vault(Protocol):
    """Where material is; each verb is durable on return."""

    async def create(self, key: HeldKey, path: str) -> HeldKey:
        """Make fresh material for a new key of that path; return the key with the way to it.

        What never gets listed afterwards is left over: nobody uses it, and it can be found.
        """
        ...

    def load(self, key: HeldKey) -> Material:
        """Return the material of a key that is not destroyed."""
        ...

    async def erase(self, key: HeldKey) -> None:
        """Erase material, if it is still there, of a key that is recorded as destroyed."""
        ...


class SoftwareVault:
    """Material in files of one directory, each named by the key's id."""

    def __init__(self, directory: Path, random: Random) -> None:
        self._directory = directory
        self._random = random
        self._making = asyncio.Lock()

    async def create(self, key: HeldKey, path: str) -> HeldKey:
        """Make fresh material, one key at a time: RSA takes a processor for a second."""
        made = replace(key, wrapping=self._random(KEY_BYTES))
        async with self._making:
            await asyncio.to_thread(self._make, made)
        return made

    def load(self, key: HeldKey) -> Material:
        """Open the file; raises OSError where it is gone and `Tampered` where it was altered."""
        plain = box.unseal(key.wrapping, _context(key), self._path(key.id).read_bytes())
        if key.algorithm == SYMMETRIC:
            return SymmetricMaterial(plain, bytes.fromhex(key.id))
        return SigningMaterial(load(SIGNING[key.algorithm], plain))

    async def erase(self, key: HeldKey) -> None:
        """Unlink the file."""
        await asyncio.to_thread(durable.remove, self._path(key.id))

    def sweep(self, keep: frozenset[str]) -> None:
        """Unlink what a crash left: files of other ids than these."""
        for path in self._directory.iterdir():
            if path.name not in keep:
                durable.remove(path)

    def _make(self, key: HeldKey) -> None:
        if key.algorithm == SYMMETRIC:
            plain = self._random(KEY_BYTES)
        else:
            plain = generate(SIGNING[key.algorithm], self._random)
        durable.replace(self._path(key.id), box.seal(key.wrapping, _context(key), plain))

    def _path(self, key_id: str) -> Path:
        return self._directory / key_id


class SymmetricMaterial(Material):
    """32 bytes that wrap and unwrap."""

    __slots__ = ("_id", "_key")

    def __init__(self, key: bytes, key_id: bytes) -> None:
        self._key = key
        self._id = key_id

    @override
    async def wrap(self, plaintext: bytes, binding: bytes) -> bytes:
        return blob.wrap(self._key, self._id, plaintext, binding)

    @override
    async def unwrap(self, wrapped: bytes, binding: bytes) -> bytes:
        return blob.unwrap(self._key, self._id, wrapped, binding)


class SigningMaterial(Material):
    """A private key that signs, in a thread: RSA takes milliseconds."""

    __slots__ = ("_key",)

    def __init__(self, key: Key) -> None:
        self._key = key

    @override
    async def sign(self, data: bytes) -> bytes:
        return await asyncio.to_thread(self._key.sign, data)

    @override
    async def sign_digest(self, digest: bytes) -> bytes:
        return await asyncio.to_thread(self._key.sign_digest, digest)

    @override
    def public_pem(self) -> str:
        return self._key.public_key().pem


def _context(key: HeldKey) -> bytes:
    return _CONTEXT + bytes.fromhex(key.id) + key.algorithm.encode()
