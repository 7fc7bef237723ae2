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

_NONCE_BYTES = 24
_OPEN_KEYS_MAX = 1024


def context(*parts: str | int | bytes) -> bytes:
    """Return the parts as one unambiguous byte string: each with its length before it."""
    encoded = b""
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        encoded += len(raw).to_bytes(4, "big") + raw
    return encoded


class Envelopes:
    """Makes, wraps and unwraps keys; plain keys exist in memory only."""

    def __init__(self, keyring: Keyring, random: Random) -> None:
        self._root = XAES256GCM(keyring.key("bucket-key"))
        self._random = random
        self._open: OrderedDict[bytes, XAES256GCM] = OrderedDict()

    def new_bucket_key(self, bucket_id: str) -> bytes:
        """Return a fresh bucket key, wrapped by the root."""
        return self._wrap(self._root, self._random(KEY_BYTES), context("bucket-key", bucket_id))

    def new_data_key(
        self, bucket_id: str, wrapped_bucket_key: bytes, use: bytes, own: bytes | None
    ) -> tuple[bytes, bytes]:
        """Return a fresh data key, plain and wrapped; `own` is a customer-supplied key."""
        plain = self._random(KEY_BYTES)
        return plain, self.wrap(bucket_id, wrapped_bucket_key, plain, use, own)

    def wrap(
        self, bucket_id: str, wrapped_bucket_key: bytes, plain: bytes, use: bytes, own: bytes | None
    ) -> bytes:
        """Return a data key wrapped for one use."""
        inner = plain if own is None else self._wrap(_own_cipher(own), plain, use)
        return self._wrap(self._bucket(bucket_id, wrapped_bucket_key), inner, use)

    def unwrap(
        self,
        bucket_id: str,
        wrapped_bucket_key: bytes,
        wrapped: bytes,
        use: bytes,
        own: bytes | None,
    ) -> bytes:
        """Return the plain data key; raises `Tampered` for another use, bucket or own key."""
        inner = self._unwrap(self._bucket(bucket_id, wrapped_bucket_key), wrapped, use)
        plain = inner if own is None else self._unwrap(_own_cipher(own), inner, use)
        if len(plain) != KEY_BYTES:
            raise Tampered
        return plain

    def _bucket(self, bucket_id: str, wrapped: bytes) -> XAES256GCM:
        cipher = self._open.get(wrapped)
        if cipher is None:
            use = context("bucket-key", bucket_id)
            cipher = self._open[wrapped] = XAES256GCM(self._unwrap(self._root, wrapped, use))
            while len(self._open) > _OPEN_KEYS_MAX:
                self._open.popitem(last=False)
        return cipher

    def _wrap(self, cipher: XAES256GCM, plain: bytes, use: bytes) -> bytes:
        nonce = self._random(_NONCE_BYTES)
        return nonce + cipher.encrypt(nonce, plain, use)

    def _unwrap(self, cipher: XAES256GCM, wrapped: bytes, use: bytes) -> bytes:
        return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], use)


def _own_cipher(own: bytes) -> XAES256GCM:
    return XAES256GCM(HKDFExpand(SHA512(), KEY_BYTES, b"rempart.v1\x00customer-key").derive(own))
