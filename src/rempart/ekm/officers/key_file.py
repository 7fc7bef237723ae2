"""An officer's or approver's key on their own machine: sealed by a passphrase, in one file.

JSON with the public key in the clear and the private one sealed under a key that Argon2id (RFC
9106) makes of the passphrase. Format: docs/spec/proposal.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from rempart import durable
from rempart.core.clock import Random
from rempart.core.signing.keys import PrivateKey, Signatory, VerifyingKey, public
from rempart.ekm.administration.actions import Name
from rempart.standalone import box, sealing
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.passphrase import SALT_BYTES

FILE_BYTES_MAX = 4096
_CONTEXT = b"rempart.ekm.officer.v1\x00"


class KeyFileProblem(Exception):  # noqa: N818 - it is named for what it is
    """A file that is no key, or does not open; the message says what to do."""


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds: `header` and `sealed` are the sealed private key (PKCS #8, DER)."""

    version: Literal[1]
    name: Name
    key: VerifyingKey
    header: bytes
    sealed: bytes

    @property
    def signatory(self) -> Signatory:
        """Return the public part, to be registered."""
        return Signatory(self.name, self.key)

    def open(self, passphrase: str) -> PrivateKey:
        """Return the private key; raises KeyFileProblem for a wrong passphrase."""
        try:
            seal = sealing.from_passphrase(passphrase, sealing.salt_of(self.header))
            plain = box.unseal(seal.root, _context(self.signatory, self.header), self.sealed)
        except (Tampered, sealing.SealingProblem):
            message = (
                f"The key of {self.name} does not open: another passphrase, or a changed file."
            )
            raise KeyFileProblem(message) from None
        key = load_der_private_key(plain, None)
        if not isinstance(key, PrivateKey) or public(key) != self.key:
            raise KeyFileProblem(f"The file of {self.name} holds another key than it says.")
        return key


def create(
    path: Path, name: str, passphrase: str, random: Random, *, p256: bool = False
) -> KeyFile:
    """Make a new key and its file, mode 0600; refuses to replace one."""
    if path.exists():
        raise KeyFileProblem(f"{path} exists already. It is unharmed.")
    key = generate_private_key(SECP256R1()) if p256 else Ed25519PrivateKey.generate()
    made = sealed(key, name, passphrase, random(SALT_BYTES))
    durable.replace(path, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made


def sealed(key: PrivateKey, name: str, passphrase: str, salt: bytes) -> KeyFile:
    """Return a key as its file has it."""
    seal = sealing.from_passphrase(sealing.checked(passphrase), salt)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    who = Signatory(name, public(key))
    content = box.seal(seal.root, _context(who, seal.header), plain)
    return msgspec.convert(KeyFile(1, name, who.key, seal.header, content), KeyFile)


def load(path: Path) -> KeyFile:
    """Return what a file holds, still sealed."""
    try:
        content = path.read_bytes()[: FILE_BYTES_MAX + 1]
        return msgspec.json.decode(content, type=KeyFile)
    except OSError as problem:
        raise KeyFileProblem(f"{path} cannot be read: {problem.strerror}.") from None
    except msgspec.DecodeError as problem:
        raise KeyFileProblem(f"{path} is not an officer's key file: {problem}.") from None


def signatory(path: Path) -> Signatory:
    """Return the public part of a key file, or of the public file that was made of one."""
    try:
        return msgspec.json.decode(path.read_bytes()[: FILE_BYTES_MAX + 1], type=Signatory)
    except (OSError, msgspec.DecodeError):
        return load(path).signatory


def _context(who: Signatory, header: bytes) -> bytes:
    """Bind the sealed key to its name, its public half and how the passphrase is stretched."""
    return _CONTEXT + header + msgspec.json.encode(who, order="sorted")
