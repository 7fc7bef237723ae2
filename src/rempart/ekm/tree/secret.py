"""What the tree is signed and salted with, both made of one seed in the sealed file."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from rempart.tlog.commitment import commitment
from rempart.tlog.keys import Algorithm, Signer, seeded_signer

_DOMAIN = b"rempart.ekm.tree.v1\x00"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Salts:
    """What hides the log's lines in the public tree. Who has the key and a line finds its entry."""

    key: bytes = field(repr=False)

    def salt(self, index: int) -> bytes:
        """Return the salt of one entry, which says nothing of the others'."""
        return hmac.digest(self.key, index.to_bytes(8, "big"), "sha256")

    def entry(self, index: int, chained: bytes) -> bytes:
        """Return the entry of the tree for the line of this index and chain hash."""
        return commitment(self.salt(index), chained)


@dataclass(frozen=True, slots=True)
class TreeSecret:
    """The signer and the salts of one log. Another origin has others."""

    signer: Signer
    salts: Salts


def origin(host: str, number: int) -> str:
    """Return what the log of a manager is called; after a rollback it has another number."""
    return f"{host}/log" if number == 1 else f"{host}/log/{number}"


def derived(seed: bytes, name: str) -> TreeSecret:
    """Return the secrets of the log of that origin."""

    def key(purpose: bytes) -> bytes:
        info = _DOMAIN + purpose + b"\x00" + name.encode()
        return HKDFExpand(SHA512(), _KEY_BYTES, info).derive(seed)

    signer = seeded_signer(name, Algorithm.ED25519, key(b"signature"))
    return TreeSecret(signer, Salts(key(b"salt")))
