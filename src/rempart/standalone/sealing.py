"""The sealing secret: a passphrase through Argon2id (RFC 9106), or a file of 32 random bytes.

Either gives the root key that the sealed file opens with. A key file keeps the keys from whoever
gets the data directory without it, and from nobody who has both; it belongs on other storage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rempart import durable
from rempart.core.clock import Random
from rempart.trust.custody import passphrase as passphrases
from rempart.trust.custody.keyring import KEY_BYTES, RootKeyProblem, read_key
from rempart.trust.custody.passphrase import ITERATIONS, LANES, MEMORY_KIB, SALT_BYTES

_PARAMETERS = b"".join(number.to_bytes(4, "big") for number in (MEMORY_KIB, ITERATIONS, LANES))
_BY_PASSPHRASE = b"\x01" + _PARAMETERS
_BY_FILE = b"\x02" + bytes(len(_PARAMETERS))
HEADER_BYTES = len(_BY_PASSPHRASE) + SALT_BYTES


class SealingProblem(Exception):  # noqa: N818 - it is named for what it is
    """The secret cannot be had, or is not the one that sealed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A root key, and the header that says how the secret makes it."""

    header: bytes
    root: bytes = field(repr=False)


def from_passphrase(passphrase: str, salt: bytes) -> Seal:
    """Return the seal that a passphrase makes with this salt; takes some 0.2 s and 64 MiB."""
    return Seal(_BY_PASSPHRASE + salt, passphrases.stretched(passphrase, salt))


def from_file(path: Path, salt: bytes) -> Seal:
    """Return the seal of a key file; refuses one that others can read."""
    try:
        return Seal(_BY_FILE + salt, read_key(path, "key file"))
    except RootKeyProblem as problem:
        raise SealingProblem(str(problem)) from None


def create_file(path: Path, random: Random) -> None:
    """Write a new key file, durably, with mode 0600; refuses to replace one."""
    if path.exists():
        raise SealingProblem(f"{path} exists already. Choose another --key-file.")
    durable.replace(path, random(KEY_BYTES))


def salt_of(header: bytes) -> bytes:
    """Return the salt in a header of a form that this version knows."""
    form = header[:-SALT_BYTES]
    if len(header) != HEADER_BYTES or form not in {_BY_PASSPHRASE, _BY_FILE}:
        raise SealingProblem("The sealed file is of a form that this version does not know.")
    return header[-SALT_BYTES:]


def read_passphrase(source: str) -> str:
    """Return the passphrase in a file, or behind an open descriptor (`fd:3`), without its newline.

    A file that others can read is refused.
    """
    try:
        return passphrases.read(source)
    except passphrases.PassphraseProblem as problem:
        raise SealingProblem(str(problem)) from None


def checked(passphrase: str) -> str:
    """Return a passphrase that is long enough."""
    try:
        return passphrases.checked(passphrase)
    except passphrases.PassphraseProblem as problem:
        raise SealingProblem(str(problem)) from None
