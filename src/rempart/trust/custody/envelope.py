"""Keys under keys: root → bucket key → data key, each wrapped with what it is for as context.

Wrapping is XAES-256-GCM with a random nonce; the context is the associated data, so a wrapped key
that was moved to another bucket or object does not open. A customer-supplied key wraps the data key
once more, inside. Specified in docs/spec/keys.md.
"""

from __future__ import annotations

from collections import OrderedDict

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from rempart.core.clock import Random
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.keyring import KEY_BYTES, Keyring
from rempart.trust.custody.xaes import XAES256GCM

_OPEN_KEYS_MAX = 1024


def context(*parts: str | int | bytes) -> bytes:
    """Return the parts as one unambiguous byte string: each with its length before it."""
    encoded = b""
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        encoded += len(raw).to_bytes(4, "big") + raw
    return encoded


class BucketKey:
    """An opened bucket key: it wraps data keys, each for one use.

    `own` is a customer-supplied key that wraps the data key once more, inside.
    """

    __slots__ = ("_cipher", "_random")

    def __init__(self, plain: bytes, random: Random) -> None:
        self._cipher = XAES256GCM(plain)
        self._random = random

    def new_data_key(self, use: bytes, own: bytes | None) -> tuple[bytes, bytes]:
        """Return a fresh data key, plain and wrapped."""
        plain = self._random(KEY_BYTES)
        return plain, self.wrap(plain, use, own)

    def wrap(self, plain: bytes, use: bytes, own: bytes | None) -> bytes:
        """Return a data key wrapped for one use."""
        inner = plain if own is None else _own_cipher(own).seal(plain, use, self._random)
        return self._cipher.seal(inner, use, self._random)

    def unwrap(self, wrapped: bytes, use: bytes, own: bytes | None) -> bytes:
        """Return the plain data key; raises `Tampered` for another use, bucket or own key."""
        inner = self._cipher.open(wrapped, use)
        plain = inner if own is None else _own_cipher(own).open(inner, use)
        if len(plain) != KEY_BYTES:
            raise Tampered
        return plain

    def cover(self, plain: bytes, use: bytes) -> bytes:
        """Return a few bytes beside a data key, sealed for one use of their own."""
        return self._cipher.seal(plain, use, self._random)

    def uncover(self, covered: bytes, use: bytes) -> bytes:
        """Return what was covered; raises `Tampered` for another use or bucket key."""
        return self._cipher.open(covered, use)


class Envelopes:
    """Makes bucket keys under the root, and opens them; plain keys exist in memory only."""

    def __init__(self, keyring: Keyring, random: Random) -> None:
        self._root = XAES256GCM(keyring.key("bucket-key"))
        self._random = random
        self._open: OrderedDict[bytes, BucketKey] = OrderedDict()

    def new_bucket_key(self, bucket_id: str) -> bytes:
        """Return a fresh bucket key, wrapped by the root."""
        use = context("bucket-key", bucket_id)
        return self._root.seal(self._random(KEY_BYTES), use, self._random)

    def bucket_key(self, bucket_id: str, wrapped: bytes) -> BucketKey:
        """Return a bucket key, opened; raises `Tampered` for one of another bucket."""
        opened = self._open.get(wrapped)
        if opened is None:
            plain = self._root.open(wrapped, context("bucket-key", bucket_id))
            opened = self._open[wrapped] = BucketKey(plain, self._random)
            while len(self._open) > _OPEN_KEYS_MAX:
                self._open.popitem(last=False)
        return opened


def _own_cipher(own: bytes) -> XAES256GCM:
    return XAES256GCM(HKDFExpand(SHA512(), KEY_BYTES, b"rempart.v1\x00customer-key").derive(own))
