"""The root key of a universe and the keys derived from it.

On one machine alone the root is 32 random bytes in a file that only its owner can read, beside the
data. It keeps data from whoever gets the store without that file, and from nobody who has both. The
other ways are in `sealing`.

Derivation: HKDF-Expand-SHA-512 with the purpose as info (RFC 5869, section 2.3); see
docs/spec/keys.md.
"""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from rempart.core.errors import Bug

KEY_BYTES = 32
ROOT_KEY = "root.key"
"""The file that keeps the root in the clear, in the one-machine default."""


class RootKeyProblem(Exception):  # noqa: N818
    """The root key is absent, misshapen or readable by others; the message says what to do."""


class Keyring:
    """The keys of a universe, derived from its root by purpose."""

    __slots__ = ("_root",)

    def __init__(self, root: bytes) -> None:
        if len(root) != KEY_BYTES:
            raise Bug("a root key has 32 bytes")
        self._root = root

    def key(self, purpose: str) -> bytes:
        """Return the 32-byte key for a purpose such as `record` or `engine`."""
        info = b"rempart.v1\x00" + purpose.encode()
        return HKDFExpand(SHA512(), KEY_BYTES, info).derive(self._root)


def read_key(path: Path, what: str = "root key") -> bytes:
    """Return the key of a file; refuses one that others can read."""
    try:
        mode = path.stat().st_mode
        key = path.read_bytes()
    except OSError as problem:
        raise RootKeyProblem(f"The {what} {path} cannot be read: {problem.strerror}.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise RootKeyProblem(f"The {what} {path} is open to others: run `chmod 600 {path}`.")
    if len(key) != KEY_BYTES:
        raise RootKeyProblem(f"The {what} {path} has {len(key)} bytes instead of {KEY_BYTES}.")
    return key
