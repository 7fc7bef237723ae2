"""Between an object's record and its bytes: manifests, payloads, data keys, shared blobs."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import msgspec

from rempart.core.clock import Random
from rempart.core.errors import CloudError, Code, data_loss, invalid
from rempart.engine.seam import PayloadId
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.checksums import combine
from rempart.services.storage.model.object import Content, Object
from rempart.trust.custody.bodies import Bodies, Part
from rempart.trust.custody.body import open_, seal
from rempart.trust.custody.envelope import BucketKey, Envelopes, context
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.transaction import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Part, ...]).decode
_encode_claims = msgspec.msgpack.Encoder().encode
_decode_claims = msgspec.msgpack.Decoder(tuple[str, str]).decode
CSEK_BYTES = 32
_CRC32C_BYTES = 4
_KEY_HEADERS = (
    "x-goog-encryption-algorithm",
    "x-goog-encryption-key",
    "x-goog-encryption-key-sha256",
)
_SOURCE_KEY_HEADERS = (
    "x-goog-copy-source-encryption-algorithm",
    "x-goog-copy-source-encryption-key",
    "x-goog-copy-source-encryption-key-sha256",
)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A customer-supplied encryption key: used for this request and kept nowhere."""

    key: bytes = field(repr=False)
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What a data key is wrapped with: an opened bucket key, and the caller's own key if any.

    `kms_version` names the Cloud KMS key version that the bucket key lies under; empty for the
    universe's own.
    """

    key: BucketKey
    own: OwnKey | None = None
    kms_version: str = ""

    @property
    def own_key(self) -> bytes | None:
        """Return the caller's own key as bytes, or None."""
        return self.own.key if self.own else None


class Received(msgspec.Struct, frozen=True, gc=False):
    """A body that arrived: small and in memory, or as durable sealed parts."""

    size: int
    crc32c: int
    md5: bytes | None
    inline: bytes = b""
    parts: tuple[Part, ...] = ()
    components: int = 0


def use(bucket_id: str, name: str, generation: int) -> bytes:
    """Return the context that binds a data key and what it seals to one generation."""
    return context("storage", bucket_id, name, generation)


class Contents:
    """Seals what was received into an object's content, and opens it again."""

    def __init__(self, envelopes: Envelopes, bodies: Bodies, random: Random) -> None:
        self.envelopes = envelopes
        self.bodies = bodies
        self._random = random

    def payload_id(self, generation: int) -> PayloadId:
        """Return a fresh payload id: rising with time, so that they are stored in a row."""
        return PayloadId((generation << 8 | self._random(1)[0]) & (2**63 - 1))

    def seal(
        self,
        tx: Transaction,
        bucket: Bucket,
        name: str,
        generation: int,
        got: Received,
        wrapping: Wrapping,
    ) -> Content:
        """Return the content of a new generation, its small body put into the transaction."""
        bound = use(bucket.id, name, generation)
        key, wrapped = wrapping.key.new_data_key(bound, wrapping.own_key)
        payload, manifest = 0, b""
        if got.parts:
            manifest = seal(key, bound + b"manifest", _encode(got.parts))
        else:
            payload = self.payload_id(generation)
            tx.put_payload(payload, seal(key, bound + b"body", got.inline))
        hidden = bool(wrapping.kms_version)
        return Content(
            size=got.size,
            crc32c=0 if hidden else got.crc32c,
            md5=None if hidden else got.md5,
            sums=wrapping.key.cover(_sums(got), bound + b"sums") if hidden else b"",
            wrapped_key=wrapped,
            payload=payload,
            manifest=manifest,
            blobs=tuple(part.blob for part in got.parts),
            csek_sha256=wrapping.own.sha256 if wrapping.own else b"",
            kms_version=wrapping.kms_version,
            components=got.components,
        )

    async def open(
        self, tx: Transaction, bucket: Bucket, found: Object, wrapping: Wrapping
    ) -> Received:
        """Return a stored content opened: its small body, or the parts to read."""
        content = found.content
        refuse_wrong_key(content.csek_sha256, wrapping.own, f"{bucket.name}/{found.name}")
        bound = use(bucket.id, found.name, found.generation)
        inline = b""
        parts: tuple[Part, ...] = ()
        crc32c, md5 = content.crc32c, content.md5
        try:
            key = wrapping.key.unwrap(content.wrapped_key, bound, wrapping.own_key)
            if content.sums:
                crc32c, md5 = _read_sums(wrapping.key.uncover(content.sums, bound + b"sums"))
            if content.manifest:
                parts = _decode(open_(key, bound + b"manifest", content.manifest))
            else:
                inline = open_(key, bound + b"body", await _payload(tx, content))
        except (Tampered, msgspec.DecodeError) as problem:
            raise data_loss("The object's stored bytes failed authentication.") from problem
        return Received(content.size, crc32c, md5, inline, parts, content.components)

    def reveal(self, bucket: Bucket, found: Object, wrapping: Wrapping) -> Object:
        """Return a generation with its checksums opened: to be shown, never to be stored."""
        bound = use(bucket.id, found.name, found.generation)
        try:
            crc32c, md5 = _read_sums(wrapping.key.uncover(found.content.sums, bound + b"sums"))
        except Tampered as problem:
            raise data_loss("The object's checksums failed authentication.") from problem
        return _with_sums(found, crc32c, md5)

    def stream(self, got: Received, start: int, stop: int) -> AsyncIterator[bytes]:
        """Iterate over the plaintext of parts."""
        return self.bodies.read(got.parts, start, stop)

    def seal_parts(
        self, wrapped: bytes, session: str, parts: tuple[Part, ...], wrapping: Wrapping
    ) -> bytes:
        """Return the sealed list of an upload session's parts."""
        key = _session_key(wrapped, session, wrapping)
        return seal(key, context("session", session), _encode(parts))

    def open_parts(
        self, wrapped: bytes, session: str, manifest: bytes, wrapping: Wrapping
    ) -> tuple[Part, ...]:
        """Return an upload session's parts."""
        if not manifest:
            return ()
        key = _session_key(wrapped, session, wrapping)
        try:
            return _decode(open_(key, context("session", session), manifest))
        except (Tampered, msgspec.DecodeError) as problem:
            raise data_loss("The upload's stored parts failed authentication.") from problem


def seal_claims(wrapped: bytes, session: str, said: tuple[str, str], wrapping: Wrapping) -> bytes:
    """Return what a caller said of CRC32C and MD5 of an upload, sealed."""
    key = _session_key(wrapped, session, wrapping)
    return seal(key, context("session", session, "claims"), _encode_claims(said))


def open_claims(wrapped: bytes, session: str, sealed: bytes, wrapping: Wrapping) -> tuple[str, str]:
    """Return what a caller said of CRC32C and MD5 of an upload."""
    key = _session_key(wrapped, session, wrapping)
    try:
        return _decode_claims(open_(key, context("session", session, "claims"), sealed))
    except (Tampered, msgspec.DecodeError) as problem:
        raise data_loss("The upload's stored checksums failed authentication.") from problem


def revealed(found: Object, got: Received) -> Object:
    """Return a generation with the checksums of its content: to be shown, never to be stored."""
    return _with_sums(found, got.crc32c, got.md5)


def _with_sums(found: Object, crc32c: int, md5: bytes | None) -> Object:
    content = msgspec.structs.replace(found.content, crc32c=crc32c, md5=md5, sums=b"")
    return msgspec.structs.replace(found, content=content)


def _sums(got: Received) -> bytes:
    return got.crc32c.to_bytes(_CRC32C_BYTES, "big") + (got.md5 or b"")


def _read_sums(plain: bytes) -> tuple[int, bytes | None]:
    return int.from_bytes(plain[:_CRC32C_BYTES], "big"), plain[_CRC32C_BYTES:] or None


def new_session_key(session: str, wrapping: Wrapping) -> bytes:
    """Return a fresh wrapped key for an upload session."""
    return wrapping.key.new_data_key(context("session", session), wrapping.own_key)[1]


def _session_key(wrapped: bytes, session: str, wrapping: Wrapping) -> bytes:
    try:
        return wrapping.key.unwrap(wrapped, context("session", session), wrapping.own_key)
    except Tampered as problem:
        raise data_loss("The upload's key failed authentication.") from problem


async def _payload(tx: Transaction, content: Content) -> bytes:
    sealed = await tx.payload(PayloadId(content.payload))
    if sealed is None:
        raise Tampered
    return sealed


def joined(parts: tuple[Received, ...]) -> tuple[int, int]:
    """Return size and CRC32C of bodies in a row."""
    size = crc32c = 0
    for part in parts:
        crc32c = combine(crc32c, part.crc32c, part.size)
        size += part.size
    return size, crc32c


def own_key(headers: Mapping[str, str], *, source: bool = False) -> OwnKey | None:
    """Return the customer-supplied key of a request's headers, or None.

    Source: Cloud Storage documentation, "Customer-supplied encryption keys".
    """
    names = _SOURCE_KEY_HEADERS if source else _KEY_HEADERS
    if headers.keys().isdisjoint(names):
        return None
    algorithm, text, sha256 = (headers.get(name, "") for name in names)
    if algorithm != "AES256":
        raise _bad_key("Customer-supplied keys use the algorithm AES256.", names[0])
    key, given = _base64(text, names[1]), _base64(sha256, names[2])
    if len(key) != CSEK_BYTES or hashlib.sha256(key).digest() != given:
        raise _bad_key("The customer-supplied key and its SHA-256 do not fit.", names[1])
    return OwnKey(key, given)


def _base64(text: str, name: str) -> bytes:
    try:
        return msgspec.convert(text, bytes)
    except msgspec.ValidationError as problem:
        raise _bad_key(f"{name} is not base64.", name) from problem


def _bad_key(message: str, name: str) -> CloudError:
    return invalid(message, field=name, reason="customerEncryptionKeyFormatIsInvalid")


def refuse_wrong_key(sha256: bytes, own: OwnKey | None, what: str) -> None:
    """Raise unless the request brings the key that the object was written with."""
    if sha256 and own is None:
        raise CloudError(
            Code.INVALID_ARGUMENT,
            f"The object {what} is encrypted by a customer-supplied encryption key.",
            reason="resourceIsEncryptedWithCustomerEncryptionKey",
        )
    if own is not None and own.sha256 != sha256:
        reason = (
            "customerEncryptionKeyIsIncorrect"
            if sha256
            else "resourceNotEncryptedWithCustomerEncryptionKey"
        )
        message = f"The provided encryption key does not fit the object {what}."
        raise CloudError(Code.INVALID_ARGUMENT, message, reason=reason)
