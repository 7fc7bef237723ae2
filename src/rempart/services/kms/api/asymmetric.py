"""Asymmetric keys: sign, decrypt, decapsulate.

Source: AsymmetricSign, AsymmetricDecrypt and Decapsulate of
google.cloud.kms.v1.KeyManagementService.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import Document, octets, only, section
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.use import Usable, attempt, usable
from rempart.services.kms.model import names
from rempart.services.kms.model.checksums import check, marks, shown, verified
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.software.algorithms import Purpose
from rempart.trust.custody.software.key import DATA_BYTES_MAX

DIGEST_BYTES_MAX = 64
CIPHERTEXT_BYTES_MAX = 8192
_DIGESTS = ("sha256", "sha384", "sha512", "externalMu")


async def sign(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Sign a digest, or data that is hashed here where the algorithm has a digest."""
    only(call.document, "name", "digest", "digestCrc32c", "data", "dataCrc32c")
    name = names.version(name_of(call))
    data, data_seen = verified(call.document, "data", DATA_BYTES_MAX)
    kind, digest, digest_seen = _digest(call.document)
    used = await usable(grant, call, store, name, Purpose.ASYMMETRIC_SIGN)
    if kind:
        _check_digest(used, kind, both="data" in call.document)
        signature = await attempt("digest", used.key.sign_digest(digest))
    else:
        signature = await attempt("data", used.key.sign(data))
    return Reply(
        document=used.shown
        | shown("signature", signature)
        | marks(verifiedDataCrc32c=data_seen, verifiedDigestCrc32c=digest_seen)
    )


def _digest(document: Document) -> tuple[str, bytes, bool]:
    """Return the name of the digest that was sent, its bytes, and whether its checksum was."""
    given = section(document, "digest")
    only(given, *_DIGESTS)
    kinds = [kind for kind in _DIGESTS if given.get(kind)]
    if len(kinds) > 1:
        raise invalid("digest holds one digest.", field="digest")
    if not kinds:
        return "", b"", False
    digest = octets(given, kinds[0])
    return kinds[0], *check(document, "digest", digest, DIGEST_BYTES_MAX)


def _check_digest(used: Usable, kind: str, *, both: bool) -> None:
    if both:
        raise invalid("Send either digest or data.", field="data")
    wanted = used.algorithm.digest
    if not wanted:
        message = f"{used.algorithm.name} signs data, not a digest."
        raise invalid(message, field="digest")
    if kind != wanted:
        raise invalid(f"{used.algorithm.name} signs digest.{wanted}.", field=f"digest.{kind}")


async def decrypt(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Decrypt what was encrypted under the version's public key."""
    only(call.document, "name", "ciphertext", "ciphertextCrc32c")
    name = names.version(name_of(call))
    ciphertext, seen = verified(call.document, "ciphertext", CIPHERTEXT_BYTES_MAX)
    used = await usable(grant, call, store, name, Purpose.ASYMMETRIC_DECRYPT)
    plaintext = await attempt("ciphertext", used.key.decrypt(ciphertext))
    return Reply(
        document=shown("plaintext", plaintext)
        | {"protectionLevel": used.version.protection}
        | marks(verifiedCiphertextCrc32c=seen)
    )


async def decapsulate(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return the secret that was encapsulated under the version's public key."""
    only(call.document, "name", "ciphertext", "ciphertextCrc32c")
    name = names.version(name_of(call))
    ciphertext, seen = verified(call.document, "ciphertext", CIPHERTEXT_BYTES_MAX)
    used = await usable(grant, call, store, name, Purpose.KEY_ENCAPSULATION)
    secret = await attempt("ciphertext", used.key.decapsulate(ciphertext))
    return Reply(
        document=used.shown | shown("sharedSecret", secret) | marks(verifiedCiphertextCrc32c=seen)
    )
