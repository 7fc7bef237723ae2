"""What keys in a token do; the token computes everything that needs the key.

Hashing, DER and the public half are this process's. Sources: RFC 8017 (PKCS #1), FIPS 186-5,
NIST SP 800-38A and 800-38D; docs/spec/kms-ciphertext.md for what seals.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_ubyte
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import Hash
from cryptography.hazmat.primitives.serialization import load_der_public_key
from typing_extensions import override

from rempart.core.clock import system_random
from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.header import Format, header, opened
from rempart.trust.custody.pkcs11 import message
from rempart.trust.custody.pkcs11.abi import (
    DATA_SPECIFIED,
    Answer,
    Attribute,
    CTRParameters,
    GCMParameters,
    Mask,
    Mechanism,
    OAEPParameters,
    PSSParameters,
    Refused,
)
from rempart.trust.custody.pkcs11.message import seal
from rempart.trust.custody.pkcs11.objects import Held, object_class, using
from rempart.trust.custody.pkcs11.session import Session, Template, Way
from rempart.trust.custody.pkcs11.token import Token
from rempart.trust.custody.software.algorithms import Algorithm, Scheme
from rempart.trust.custody.software.key import (
    AAD_BYTES_MAX,
    DATA_BYTES_MAX,
    DIGESTS,
    PLAINTEXT_BYTES_MAX,
    Key,
    PublicKey,
    RawCiphertext,
    check_length,
    check_size,
)
from rempart.trust.custody.software.pkcs8 import public_key
from rempart.trust.custody.software.raw import BLOCK_BYTES, GCM_IV_BYTES, TAG_BYTES

T = TypeVar("T")
LABEL = b"rempart.kms.token.v1"
_PKCS1_OVERHEAD = 11
_HASHES = {
    "sha1": (Mechanism.SHA_1, Mask.SHA_1),
    "sha256": (Mechanism.SHA256, Mask.SHA256),
    "sha384": (Mechanism.SHA384, Mask.SHA384),
    "sha512": (Mechanism.SHA512, Mask.SHA512),
}
_HMACS = {
    "sha1": Mechanism.SHA_1_HMAC,
    "sha224": Mechanism.SHA224_HMAC,
    "sha256": Mechanism.SHA256_HMAC,
    "sha384": Mechanism.SHA384_HMAC,
    "sha512": Mechanism.SHA512_HMAC,
}
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""What EMSA-PKCS1-v1_5 puts before a digest (RFC 8017, section 9.2, note 1)."""

_NOT_OPENED = {
    Answer.GENERAL_ERROR,
    Answer.FUNCTION_FAILED,
    Answer.DATA_INVALID,
    Answer.DATA_LEN_RANGE,
    Answer.ENCRYPTED_DATA_INVALID,
    Answer.ENCRYPTED_DATA_LEN_RANGE,
}
"""What tokens answer to a ciphertext that does not open; the first two also when they fail."""


class TokenKey(Key):
    """A key in a token."""

    __slots__ = ("_algorithm", "_held", "_token")

    def __init__(self, token: Token, algorithm: Algorithm, held: Held) -> None:
        self._token = token
        self._algorithm = algorithm
        self._held = held

    @override
    def public_key(self) -> PublicKey:
        public = load_der_public_key(self._held.public)
        return public_key(public)

    def _sign(self, way: Way, data: bytes) -> bytes:
        return self._using(lambda session, key: session.sign(way, key, data))

    def _encrypt(self, way: Way, data: bytes) -> bytes:
        return self._using(lambda session, key: session.encrypt(way, key, data))

    def _decrypt(self, way: Way, data: bytes) -> bytes:
        """Return data decrypted; raises `Tampered` if the token is well and the data is not."""

        def work(session: Session, key: int) -> bytes:
            try:
                return session.decrypt(way, key, data)
            except Refused as problem:
                if problem.answer not in _NOT_OPENED or not session.find(self._template()):
                    raise
                raise Tampered from problem

        return self._using(work)

    def _using(self, work: Callable[[Session, int], T]) -> T:
        return using(self._token, self._held.id, object_class(self._algorithm), work)

    def _template(self) -> Template:
        return {Attribute.CLASS: object_class(self._algorithm), Attribute.ID: self._held.id}


class SealingKey(TokenKey):
    """A key of HMAC-SHA-256 that derives the key of each message."""

    __slots__ = ()

    @override
    def encrypt(self, plaintext: bytes, aad: bytes, version: bytes) -> bytes:
        check_size("plaintext", plaintext, PLAINTEXT_BYTES_MAX)
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        return seal(self._authenticate, LABEL, header(Format.TOKEN, version), aad, plaintext)

    @override
    def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        head, rest = opened(Format.TOKEN, ciphertext)
        return message.opened(self._authenticate, LABEL, head, aad, rest)

    def _authenticate(self, data: bytes) -> bytes:
        return self._sign(Way(Mechanism.SHA256_HMAC), data)


class TokenGCMKey(TokenKey):
    """AES-GCM with a 12-byte initialization vector, always drawn, and a whole tag."""

    __slots__ = ()

    @override
    def raw_encrypt(
        self, plaintext: bytes, aad: bytes = b"", initialization_vector: bytes = b""
    ) -> RawCiphertext:
        check_size("plaintext", plaintext, PLAINTEXT_BYTES_MAX)
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        if initialization_vector:
            raise Unfit("The algorithm takes no initialization vector; it draws one.")
        iv = system_random(GCM_IV_BYTES)
        return RawCiphertext(self._encrypt(_gcm(iv, aad), plaintext), iv)

    @override
    def raw_decrypt(
        self, ciphertext: bytes, initialization_vector: bytes, aad: bytes = b"", tag_length: int = 0
    ) -> bytes:
        check_size("ciphertext", ciphertext, PLAINTEXT_BYTES_MAX + TAG_BYTES)
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        check_length("initialization vector", initialization_vector, GCM_IV_BYTES)
        if tag_length not in (0, TAG_BYTES):
            raise Unfit(f"The tag length is {tag_length}; it must be {TAG_BYTES}.")
        if len(ciphertext) < TAG_BYTES:
            raise Tampered
        return self._decrypt(_gcm(initialization_vector, aad), ciphertext)


def _gcm(iv: bytes, aad: bytes) -> Way:
    parameters = GCMParameters(iv, len(iv), len(iv) * 8, aad, len(aad), TAG_BYTES * 8)
    return Way(Mechanism.AES_GCM, parameters)


class TokenBlockKey(TokenKey):
    """AES-CBC or AES-CTR with a 16-byte initialization vector."""

    __slots__ = ()

    @override
    def raw_encrypt(
        self, plaintext: bytes, aad: bytes = b"", initialization_vector: bytes = b""
    ) -> RawCiphertext:
        self._check("plaintext", plaintext, aad, 0)
        iv = initialization_vector or system_random(BLOCK_BYTES)
        check_length("initialization vector", iv, BLOCK_BYTES)
        return RawCiphertext(self._encrypt(self._way(iv), plaintext) if plaintext else b"", iv)

    @override
    def raw_decrypt(
        self, ciphertext: bytes, initialization_vector: bytes, aad: bytes = b"", tag_length: int = 0
    ) -> bytes:
        self._check("ciphertext", ciphertext, aad, tag_length)
        check_length("initialization vector", initialization_vector, BLOCK_BYTES)
        way = self._way(initialization_vector)
        return self._decrypt(way, ciphertext) if ciphertext else b""

    def _way(self, iv: bytes) -> Way:
        if self._algorithm.scheme is Scheme.CBC:
            return Way(Mechanism.AES_CBC, iv)
        block = (c_ubyte * BLOCK_BYTES).from_buffer_copy(iv)
        return Way(Mechanism.AES_CTR, CTRParameters(BLOCK_BYTES * 8, block))

    def _check(self, what: str, text: bytes, aad: bytes, tag_length: int) -> None:
        check_size(what, text, PLAINTEXT_BYTES_MAX)
        if aad or tag_length:
            raise Unfit("The algorithm takes no additional authenticated data and has no tag.")
        if self._algorithm.scheme is Scheme.CBC and len(text) % BLOCK_BYTES:
            raise Unfit(f"The {what} of AES-CBC must be a multiple of {BLOCK_BYTES} bytes.")


class TokenMACKey(TokenKey):
    """A key of HMAC."""

    __slots__ = ()

    @override
    def mac_sign(self, data: bytes) -> bytes:
        check_size("data", data, DATA_BYTES_MAX)
        return self._sign(Way(_HMACS[self._algorithm.digest]), data)

    @override
    def mac_verify(self, data: bytes, mac: bytes) -> bool:
        return bytes_eq(self.mac_sign(data), mac)


class TokenDigestKey(TokenKey):
    """A key whose algorithm hashes first: it signs the data or its digest."""

    __slots__ = ()

    @override
    def sign(self, data: bytes) -> bytes:
        check_size("data", data, DATA_BYTES_MAX)
        digest = Hash(DIGESTS[self._algorithm.digest])
        digest.update(data)
        return self.sign_digest(digest.finalize())

    @override
    def sign_digest(self, digest: bytes) -> bytes:
        name = self._algorithm.digest
        check_length("digest", digest, DIGESTS[name].digest_size)
        if self._algorithm.scheme is Scheme.PKCS1:
            return self._sign(Way(Mechanism.RSA_PKCS), _DIGEST_INFO[name] + digest)
        if self._algorithm.scheme is Scheme.PSS:
            hash_, mask = _HASHES[name]
            parameters = PSSParameters(hash_, mask, DIGESTS[name].digest_size)
            return self._sign(Way(Mechanism.RSA_PKCS_PSS, parameters), digest)
        pair = self._sign(Way(Mechanism.ECDSA), digest)
        half = len(pair) // 2
        r, s = int.from_bytes(pair[:half], "big"), int.from_bytes(pair[half:], "big")
        return encode_dss_signature(r, s)


class TokenRawPKCS1Key(TokenKey):
    """A key of RSASSA-PKCS1-v1_5 whose caller has made the DigestInfo, or none."""

    __slots__ = ()

    @override
    def sign(self, data: bytes) -> bytes:
        check_size("data", data, self._algorithm.bits // 8 - _PKCS1_OVERHEAD)
        return self._sign(Way(Mechanism.RSA_PKCS), data)

    @override
    def sign_digest(self, digest: bytes) -> bytes:
        raise Unfit("The algorithm signs data, not a digest.")


class TokenOAEPKey(TokenKey):
    """A key of RSAES-OAEP with an empty label, one hash for label and mask."""

    __slots__ = ()

    @override
    def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        if aad:
            raise Unfit("The algorithm takes no additional authenticated data.")
        if len(ciphertext) != self._algorithm.bits // 8:
            raise Tampered
        parameters = OAEPParameters(*_HASHES[self._algorithm.digest], DATA_SPECIFIED, None, 0)
        return self._decrypt(Way(Mechanism.RSA_PKCS_OAEP, parameters), ciphertext)


_KINDS: dict[Scheme, type[TokenKey]] = {
    Scheme.SEALING: SealingKey,
    Scheme.GCM: TokenGCMKey,
    Scheme.CBC: TokenBlockKey,
    Scheme.CTR: TokenBlockKey,
    Scheme.HMAC: TokenMACKey,
    Scheme.PSS: TokenDigestKey,
    Scheme.PKCS1: TokenDigestKey,
    Scheme.ECDSA: TokenDigestKey,
    Scheme.RAW_PKCS1: TokenRawPKCS1Key,
    Scheme.OAEP: TokenOAEPKey,
}
SCHEMES = frozenset(_KINDS)
"""What keys in tokens may compute."""


def key_in(token: Token, algorithm: Algorithm, held: Held) -> TokenKey:
    """Return a key that a token holds."""
    return _KINDS[algorithm.scheme](token, algorithm, held)
