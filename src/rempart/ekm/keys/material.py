"""The seam to key material, and material in software.

Whoever keeps material elsewhere (a PKCS#11 token) offers the same two: `Vault`, which makes, finds
and erases material by the key's id, and `Material`, which uses it. Material in software lies in one
file per key, sealed under that key's own wrapping key, which is in the sealed file only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from rempart import durable
from rempart.core.clock import Random
from rempart.core.errors import unreachable
from rempart.ekm.keys import blob, box
from rempart.ekm.model.algorithms import SIGNING, SYMMETRIC
from rempart.ekm.model.holdings import HeldKey
from rempart.trust.custody.software.key import Key
from rempart.trust.custody.software.material import generate, load

KEY_BYTES = 32
_CONTEXT = b"rempart.ekm.material.v1\x00"
_OTHER_PURPOSE = "a verb that this key's algorithm does not have"


class Material(Protocol):
    """Loaded material, safe to use from several threads.

    What does not open raises `Tampered`; what cannot be signed for its form raises `Unfit`. A verb
    of another purpose is a bug of the caller, who knows the algorithm.
    """

    def wrap(self, plaintext: bytes, binding: bytes) -> bytes:
        """Seal for one binding."""
        ...

    def unwrap(self, wrapped: bytes, binding: bytes) -> bytes:
        """Open what `wrap` sealed for that binding."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Sign data, hashed first."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign the algorithm's digest of the data."""
        ...

    def public_pem(self) -> str:
        """Return the public half."""
        ...


class Vault(Protocol):
    """Where material is; each verb is durable on return."""

    def create(self, key: HeldKey) -> None:
        """Make fresh material for a new key; one that never gets listed is swept later."""
        ...

    def load(self, key: HeldKey) -> Material:
        """Return the material of a key that is not destroyed."""
        ...

    def erase(self, key: HeldKey) -> None:
        """Erase the material of a key whose record has already lost its wrapping key."""
        ...

    def sweep(self, keep: frozenset[str]) -> None:
        """Erase what a crash left: material of ids that no key has."""
        ...


class SoftwareVault:
    """Material in files of one directory, each named by the key's id."""

    def __init__(self, directory: Path, random: Random) -> None:
        self._directory = directory
        self._random = random

    def create(self, key: HeldKey) -> None:
        """Make fresh material."""
        if key.algorithm == SYMMETRIC:
            plain = self._random(KEY_BYTES)
        else:
            plain = generate(SIGNING[key.algorithm], self._random)
        durable.replace(self._path(key.id), box.seal(key.wrapping, _context(key), plain))

    def load(self, key: HeldKey) -> Material:
        """Open the file; raises OSError where it is gone and `Tampered` where it was altered."""
        plain = box.unseal(key.wrapping, _context(key), self._path(key.id).read_bytes())
        if key.algorithm == SYMMETRIC:
            return SymmetricMaterial(plain, bytes.fromhex(key.id))
        return SigningMaterial(load(SIGNING[key.algorithm], plain))

    def erase(self, key: HeldKey) -> None:
        """Unlink the file."""
        durable.remove(self._path(key.id))

    def sweep(self, keep: frozenset[str]) -> None:
        """Unlink the files of other ids."""
        for path in self._directory.iterdir():
            if path.name not in keep:
                durable.remove(path)

    def _path(self, key_id: str) -> Path:
        return self._directory / key_id


class SymmetricMaterial:
    """32 bytes that wrap and unwrap."""

    __slots__ = ("_id", "_key")

    def __init__(self, key: bytes, key_id: bytes) -> None:
        self._key = key
        self._id = key_id

    def wrap(self, plaintext: bytes, binding: bytes) -> bytes:
        """Seal for one binding."""
        return blob.wrap(self._key, self._id, plaintext, binding)

    def unwrap(self, wrapped: bytes, binding: bytes) -> bytes:
        """Open what `wrap` sealed for that binding."""
        return blob.unwrap(self._key, self._id, wrapped, binding)

    def sign(self, data: bytes) -> bytes:  # noqa: ARG002 - refuses whatever it is given
        """Refuse."""
        unreachable(_OTHER_PURPOSE)

    def sign_digest(self, digest: bytes) -> bytes:  # noqa: ARG002 - refuses whatever it is given
        """Refuse."""
        unreachable(_OTHER_PURPOSE)

    def public_pem(self) -> str:
        """Refuse."""
        unreachable(_OTHER_PURPOSE)


class SigningMaterial:
    """A private key that signs."""

    __slots__ = ("_key",)

    def __init__(self, key: Key) -> None:
        self._key = key

    def wrap(self, plaintext: bytes, binding: bytes) -> bytes:  # noqa: ARG002 - likewise
        """Refuse."""
        unreachable(_OTHER_PURPOSE)

    def unwrap(self, wrapped: bytes, binding: bytes) -> bytes:  # noqa: ARG002 - likewise
        """Refuse."""
        unreachable(_OTHER_PURPOSE)

    def sign(self, data: bytes) -> bytes:
        """Sign data, hashed first."""
        return self._key.sign(data)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign the algorithm's digest of the data."""
        return self._key.sign_digest(digest)

    def public_pem(self) -> str:
        """Return the public half."""
        return self._key.public_key().pem


def _context(key: HeldKey) -> bytes:
    return _CONTEXT + bytes.fromhex(key.id) + key.algorithm.encode()
