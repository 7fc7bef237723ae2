"""FLOE, Fast Lightweight Online Encryption, as published at c2sp.org/FLOE (ePrint 2025/2275).

AES-256-GCM over segments of one length, keys by HKDF-Expand-SHA-384, a header that commits to key
and associated data. This file is the four random-access functions of the specification and nothing
else; their duties (every position sealed once, the last one known to the reader) are body.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.hmac import HMAC

from rempart.core.clock import Random
from rempart.core.errors import invariant
from rempart.trust.custody.errors import Tampered

Buffer = bytes | bytearray | memoryview

KEY_BYTES = 32
HEADER_BYTES = 74
SEGMENT_OVERHEAD_BYTES = 32
SEGMENTS_MAX = 1 << 40

_PARAMETERS = Struct(">BBII")
_POSITION = Struct(">QB")
_AES_256_GCM = 0
_HKDF_EXPAND_SHA_384 = 0
_IV_BYTES = 32
_HEADER_TAG_BYTES = 32
_PREFIX_BYTES = HEADER_BYTES - _HEADER_TAG_BYTES
_FRAME_BYTES = 4
_NONCE_BYTES = 12
_CIPHERTEXT_AT = _FRAME_BYTES + _NONCE_BYTES
_NOT_FINAL = b"\xff\xff\xff\xff"
_SHA384 = SHA384()


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a FLOE message is read with: both ends must agree."""

    segment_bytes: int
    """ENC_SEG_LEN, the length of every sealed segment but the last."""

    rotation_bits: int = 20
    """AEAD_ROTATION_MASK: a new key every 2**rotation_bits segments. Only tests choose another."""

    def encode(self) -> bytes:
        """Return PARAM_ENCODE, the first ten bytes of a message."""
        return _PARAMETERS.pack(_AES_256_GCM, _HKDF_EXPAND_SHA_384, self.segment_bytes, _IV_BYTES)


class Message:
    """One message under way: seals and opens its segments in any order, from any thread."""

    __slots__ = ("_aad", "_cipher", "_expand", "_prefix", "_rotation_bits", "_segment_bytes")

    def __init__(
        self, parameters: Parameters, message_key: bytes, prefix: bytes, aad: bytes
    ) -> None:
        self._segment_bytes = parameters.segment_bytes
        self._rotation_bits = parameters.rotation_bits
        self._expand = HMAC(message_key, _SHA384)
        self._prefix = prefix
        self._aad = aad
        self._cipher = (0, self._derive(0))

    def seal(
        self, plain: Buffer, position: int, random: Random, *, final: bool
    ) -> tuple[bytes, bytes]:
        """Return the segment in two pieces, its frame with nonce and its ciphertext with tag.

        In two, because joining them would copy every body once more. A position may be sealed only
        once.
        """
        size = memoryview(plain).nbytes + SEGMENT_OVERHEAD_BYTES
        invariant(0 <= position < SEGMENTS_MAX, "a FLOE message is full")
        invariant(
            size <= self._segment_bytes if final else size == self._segment_bytes,
            "a segment of the wrong length",
        )
        nonce = random(_NONCE_BYTES)
        frame = size.to_bytes(_FRAME_BYTES, "big") if final else _NOT_FINAL
        cipher = self._cipher_for(position)
        return frame + nonce, cipher.encrypt(nonce, plain, _POSITION.pack(position, final))

    def open(self, sealed: Buffer, position: int, *, final: bool) -> bytes:
        """Return a segment's plaintext, or raise `Tampered`."""
        view = memoryview(sealed)
        size = view.nbytes
        frame = size.to_bytes(_FRAME_BYTES, "big") if final else _NOT_FINAL
        fits = size <= self._segment_bytes if final else size == self._segment_bytes
        if size < SEGMENT_OVERHEAD_BYTES or not fits or view[:_FRAME_BYTES] != frame:
            raise Tampered
        nonce, ciphertext = view[_FRAME_BYTES:_CIPHERTEXT_AT], view[_CIPHERTEXT_AT:]
        cipher = self._cipher_for(position)
        try:
            return cipher.decrypt(nonce, ciphertext, _POSITION.pack(position, final))
        except InvalidTag as problem:
            raise Tampered from problem

    def _cipher_for(self, position: int) -> AESGCM:
        """Return DERIVE_KEY's cipher; the last one is kept, swapped whole for other threads."""
        epoch = position >> self._rotation_bits
        kept = self._cipher
        if kept[0] != epoch:
            kept = self._cipher = (epoch, self._derive(epoch))
        return kept[1]

    def _derive(self, epoch: int) -> AESGCM:
        masked = (epoch << self._rotation_bits).to_bytes(8, "big")
        return AESGCM(_expand(self._expand, self._prefix, b"DEK:" + masked, self._aad)[:KEY_BYTES])


def start(parameters: Parameters, key: bytes, aad: bytes, random: Random) -> tuple[Message, bytes]:
    """Begin a message and return it with its header: `startEncryption`."""
    prefix = parameters.encode() + random(_IV_BYTES)
    tag, message = _keys(parameters, key, aad, prefix)
    return message, prefix + tag


def resume(parameters: Parameters, key: bytes, aad: bytes, header: bytes) -> Message:
    """Take up a message by its header: `startDecryption`.

    Raises `Tampered` where the header was made under another key, associated data or parameters.
    """
    prefix = header[:_PREFIX_BYTES]
    if len(header) != HEADER_BYTES or not prefix.startswith(parameters.encode()):
        raise Tampered
    tag, message = _keys(parameters, key, aad, prefix)
    if not compare_digest(tag, header[_PREFIX_BYTES:]):
        raise Tampered
    return message


def _keys(parameters: Parameters, key: bytes, aad: bytes, prefix: bytes) -> tuple[bytes, Message]:
    invariant(len(key) == KEY_BYTES, "a FLOE key is 32 bytes")
    keyed = HMAC(key, _SHA384)
    tag = _expand(keyed, prefix, b"HEADER_TAG:", aad)[:_HEADER_TAG_BYTES]
    message_key = _expand(keyed, prefix, b"MESSAGE_KEY:", aad)
    return tag, Message(parameters, message_key, prefix, aad)


def _expand(keyed: HMAC, prefix: bytes, purpose: bytes, aad: bytes) -> bytes:
    """Return FLOE_KDF's first 48 bytes, from HMAC keyed once for several purposes.

    No output of FLOE is longer than one SHA-384, so HKDF-Expand is its first block, T(1) (RFC 5869
    section 2.3). A test holds this to the library's HKDFExpand.
    """
    mac = keyed.copy()
    mac.update(b"".join((prefix, purpose, aad, b"\x01")))
    return mac.finalize()
