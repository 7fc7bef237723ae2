"""Symmetric keys: encrypt and decrypt, and the same in raw modes.

Source: Encrypt, Decrypt, RawEncrypt and RawDecrypt of google.cloud.kms.v1.KeyManagementService.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import integer, only
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.use import attempt, refusal, usable
from rempart.services.kms.model import names
from rempart.services.kms.model.checksums import marks, shown, verified
from rempart.services.kms.model.names import CryptoKeyName
from rempart.services.kms.model.version import wrong_purpose
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.external.caller import BLOB_BYTES_MAX
from rempart.trust.custody.header import VERSION_BYTES, version_of
from rempart.trust.custody.software.algorithms import Purpose, Scheme
from rempart.trust.custody.software.key import AAD_BYTES_MAX, PLAINTEXT_BYTES_MAX

CIPHERTEXT_BYTES_MAX = PLAINTEXT_BYTES_MAX + BLOB_BYTES_MAX + 1024
IV_BYTES_MAX = 16
TAG_BYTES = 16
_AAD = "additionalAuthenticatedData"
_IV = "initializationVector"


def _checked(*fields: str) -> tuple[str, ...]:
    return (*fields, *(f"{field}Crc32c" for field in fields))


async def encrypt(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Encrypt under the version named, or under the primary version of the key named."""
    only(call.document, "name", *_checked("plaintext", _AAD))
    key, number = names.key_or_version(name_of(call))
    plaintext, plain_seen = verified(call.document, "plaintext", PLAINTEXT_BYTES_MAX)
    aad, aad_seen = verified(call.document, _AAD, AAD_BYTES_MAX)
    number = number or await _primary(grant, store, key)
    used = await usable(grant, call, store, key.version(number), Purpose.ENCRYPT_DECRYPT)
    mark = number.to_bytes(VERSION_BYTES, "big")
    ciphertext = await attempt("plaintext", used.key.encrypt(plaintext, aad, mark))
    return Reply(
        document=used.shown
        | shown("ciphertext", ciphertext)
        | marks(
            verifiedPlaintextCrc32c=plain_seen, verifiedAdditionalAuthenticatedDataCrc32c=aad_seen
        )
    )


async def _primary(grant: Grant, store: KmsStore, name: CryptoKeyName) -> int:
    key = await store.crypto_key(grant, name)
    if not key.rotates:
        raise wrong_purpose(str(name), key.purpose)
    if not key.primary:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"{name} has no primary version: create a version and make it the primary one.",
            reason="NO_PRIMARY_VERSION",
        )
    return key.primary


async def decrypt(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Decrypt what any enabled version of the key encrypted."""
    only(call.document, "name", *_checked("ciphertext", _AAD))
    name = names.crypto_key(name_of(call))
    ciphertext, _ = verified(call.document, "ciphertext", CIPHERTEXT_BYTES_MAX)
    aad, _ = verified(call.document, _AAD, AAD_BYTES_MAX)
    key = await store.crypto_key(grant, name)
    number = _version(ciphertext, key.versions)
    used = await usable(grant, call, store, name.version(number), Purpose.ENCRYPT_DECRYPT)
    plaintext = await attempt("ciphertext", used.key.decrypt(ciphertext, aad))
    return Reply(
        document=shown("plaintext", plaintext)
        | {"protectionLevel": used.version.protection}
        | marks(usedPrimary=number == key.primary)
    )


def _version(ciphertext: bytes, versions: int) -> int:
    """Return the number of the version that sealed a ciphertext, so it says."""
    try:
        number = int.from_bytes(version_of(ciphertext), "big")
    except Tampered as problem:
        raise refusal("ciphertext", problem) from problem
    if not 0 < number <= versions:
        raise refusal("ciphertext", Tampered())
    return number


async def raw_encrypt(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Encrypt in a standard mode, with an initialization vector given or drawn."""
    only(call.document, "name", *_checked("plaintext", _AAD, _IV))
    name = names.version(name_of(call))
    used = await usable(grant, call, store, name, Purpose.RAW_ENCRYPT_DECRYPT)
    plaintext, plain_seen = verified(call.document, "plaintext", PLAINTEXT_BYTES_MAX)
    aad, aad_seen = verified(call.document, _AAD, AAD_BYTES_MAX)
    vector, vector_seen = verified(call.document, _IV, IV_BYTES_MAX)
    done = await attempt("plaintext", used.key.raw_encrypt(plaintext, aad, vector))
    tag = {"tagLength": TAG_BYTES} if used.algorithm.scheme is Scheme.GCM else {}
    return Reply(
        document=used.shown
        | tag
        | shown("ciphertext", done.ciphertext)
        | shown(_IV, done.initialization_vector)
        | marks(
            verifiedPlaintextCrc32c=plain_seen,
            verifiedAdditionalAuthenticatedDataCrc32c=aad_seen,
            verifiedInitializationVectorCrc32c=vector_seen,
        )
    )


async def raw_decrypt(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Decrypt in a standard mode."""
    only(call.document, "name", "tagLength", *_checked("ciphertext", _AAD, _IV))
    name = names.version(name_of(call))
    used = await usable(grant, call, store, name, Purpose.RAW_ENCRYPT_DECRYPT)
    ciphertext, cipher_seen = verified(call.document, "ciphertext", CIPHERTEXT_BYTES_MAX)
    aad, aad_seen = verified(call.document, _AAD, AAD_BYTES_MAX)
    vector, vector_seen = verified(call.document, _IV, IV_BYTES_MAX)
    tag = integer(call.document, "tagLength", 0) or 0
    if tag < 0:
        raise invalid("tagLength must not be negative.", field="tagLength")
    opening = used.key.raw_decrypt(ciphertext, vector, aad, tag)
    plaintext = await attempt("ciphertext", opening)
    return Reply(
        document=shown("plaintext", plaintext)
        | {"protectionLevel": used.version.protection}
        | marks(
            verifiedCiphertextCrc32c=cipher_seen,
            verifiedAdditionalAuthenticatedDataCrc32c=aad_seen,
            verifiedInitializationVectorCrc32c=vector_seen,
        )
    )
