"""Passphrases: read without showing, refused when short, stretched by Argon2id (RFC 9106)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SALT_BYTES = 16
CHARS_MIN = 12
BYTES_MAX = 1024
MEMORY_KIB = 64 * 1024
ITERATIONS = 3
LANES = 4
"""RFC 9106, section 4, the second recommended option."""

_KEY_BYTES = 32


class PassphraseProblem(Exception):  # noqa: N818 - it is named for what it is
    """The passphrase cannot be had, or is too short; the message says what to do."""


def stretched(passphrase: str, salt: bytes) -> bytes:
    """Return the key of 32 bytes that a passphrase makes; takes some 0.2 s and 64 MiB."""
    derive = Argon2id(
        salt=salt, length=_KEY_BYTES, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB
    )
    return derive.derive(passphrase.encode())


def read(source: str) -> str:
    """Return the passphrase in a file, or behind an open descriptor (`fd:3`), without its newline.

    A file that others can read is refused.
    """
    try:
        content = _content(source)
    except OSError as problem:
        raise PassphraseProblem(f"passphrase_file {source}: {problem.strerror}.") from None
    except ValueError:
        raise PassphraseProblem(f"passphrase_file {source}: give a path, or fd:NUMBER.") from None
    try:
        return checked(content.decode().removesuffix("\n"))
    except UnicodeDecodeError:
        raise PassphraseProblem(f"passphrase_file {source} is not UTF-8 text.") from None


def checked(passphrase: str) -> str:
    """Return a passphrase that is long enough."""
    if not CHARS_MIN <= len(passphrase) <= BYTES_MAX:
        raise PassphraseProblem(f"A passphrase has at least {CHARS_MIN} characters.")
    return passphrase


def _content(source: str) -> bytes:
    if source.startswith("fd:"):
        with os.fdopen(int(source[3:]), "rb") as file:
            return file.read(BYTES_MAX + 1)
    path = Path(source)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PassphraseProblem(f"{source} is open to others: run `chmod 600 {source}`.")
    return path.read_bytes()
