"""KEY_ENCAPSULATION: ML-KEM (FIPS 203) and X-Wing (draft-connolly-cfrg-xwing-kem-09)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM1024PrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA3_256, SHAKE256, Hash
from typing_extensions import override

from rempart.trust.custody.errors import Unfit
from rempart.trust.custody.software.key import Key, PublicKey, check_length
from rempart.trust.custody.software.pkcs8 import raw_public_key

_MLKEM_SEED_BYTES = 64
_MLKEM768_CIPHERTEXT_BYTES = 1088
_MLKEM1024_CIPHERTEXT_BYTES = 1568
_X25519_BYTES = 32
_XWING_LABEL = b"\\.//^\\"

MLKEMPrivateKey = MLKEM768PrivateKey | MLKEM1024PrivateKey


class MLKEMKey(Key):
    """A key of ML-KEM."""

    __slots__ = ("_ciphertext_bytes", "_private")

    def __init__(self, private: MLKEMPrivateKey) -> None:
        self._private = private
        small = isinstance(private, MLKEM768PrivateKey)
        self._ciphertext_bytes = (
            _MLKEM768_CIPHERTEXT_BYTES if small else _MLKEM1024_CIPHERTEXT_BYTES
        )

    @override
    def decapsulate(self, ciphertext: bytes) -> bytes:
        check_length("ciphertext", ciphertext, self._ciphertext_bytes)
        return self._private.decapsulate(ciphertext)

    @override
    def public_key(self) -> PublicKey:
        return raw_public_key(self._private.public_key())


def expand(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """Return both private keys of X-Wing's 32-byte seed (draft, section 5.2)."""
    expander = Hash(SHAKE256(_MLKEM_SEED_BYTES + _X25519_BYTES))
    expander.update(seed)
    expanded = expander.finalize()
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:]),
    )


class XWingKey(Key):
    """A key of X-Wing, made from its 32-byte seed (draft, section 5)."""

    __slots__ = ("_mlkem", "_public", "_x25519")

    def __init__(self, seed: bytes) -> None:
        self._mlkem, self._x25519 = expand(seed)
        self._public = self._x25519.public_key().public_bytes_raw()

    @override
    def decapsulate(self, ciphertext: bytes) -> bytes:
        check_length("ciphertext", ciphertext, _MLKEM768_CIPHERTEXT_BYTES + _X25519_BYTES)
        theirs = ciphertext[_MLKEM768_CIPHERTEXT_BYTES:]
        combiner = Hash(SHA3_256())
        combiner.update(self._mlkem.decapsulate(ciphertext[:_MLKEM768_CIPHERTEXT_BYTES]))
        combiner.update(self._exchange(theirs))
        combiner.update(theirs + self._public + _XWING_LABEL)
        return combiner.finalize()

    @override
    def public_key(self) -> PublicKey:
        return PublicKey(raw=self._mlkem.public_key().public_bytes_raw() + self._public)

    def _exchange(self, theirs: bytes) -> bytes:
        try:
            return self._x25519.exchange(X25519PublicKey.from_public_bytes(theirs))
        except ValueError as problem:  # a point of small order, whatever the key is
            raise Unfit("The ciphertext's X25519 share is a point of small order.") from problem
