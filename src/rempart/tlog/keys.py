"""Keys of notes (C2SP signed-note): verifier keys in their text form, and what signs for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from rempart.core.errors import invariant
from rempart.tlog.cosignature import ed25519_message, join_time, ml_dsa_message, split_time
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.text import decode_base64, encode_base64, is_key_name

KEY_ID_BYTES = 4
SEED_BYTES = 32
VERIFIER_KEY_LETTERS_MAX = 4096

_ED25519_SIGNATURE_BYTES = 64
_ML_DSA_SIGNATURE_BYTES = 2420
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)


class Algorithm(Enum):
    """A signature type of the specification, by its byte."""

    ED25519 = 0x01
    """Signs any text: how a log signs its checkpoints here."""

    COSIGNATURE_ED25519 = 0x04
    COSIGNATURE_ML_DSA_44 = 0x06

    @property
    def cosigns(self) -> bool:
        """Tell whether a signature of this type is a cosigner's, with its time."""
        return self is not Algorithm.ED25519


_PUBLIC_KEY_BYTES = {
    Algorithm.ED25519: 32,
    Algorithm.COSIGNATURE_ED25519: 32,
    Algorithm.COSIGNATURE_ML_DSA_44: 1312,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note. `key_id` and `content` are as they stand in it."""

    name: str
    key_id: bytes
    content: bytes

    @property
    def line(self) -> str:
        """Return the line, with its newline."""
        return f"\u2014 {self.name} {encode_base64(self.key_id + self.content)}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key: whose it is, and which signatures of it are believed."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that, with the name, find the key's signatures in a note."""
        named = f"{self.name}\n".encode()
        return sha256(named + self._typed).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """Return the key as it is handed to others (a vkey)."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(self._typed)}"

    @property
    def _typed(self) -> bytes:
        return bytes((self.algorithm.value,)) + self.public

    def made(self, signature: Signature) -> bool:
        """Tell whether a signature line says that it is this key's."""
        return signature.name == self.name and signature.key_id == self.key_id

    def check(self, text: str, signature: Signature) -> int | None:
        """Check a signature of a note's text; raises `Refuted`.

        Returns the time of a cosignature, in seconds since 1970; other signatures have none.
        """
        try:
            seconds, message, content = self._claim(text, signature.content)
            self._verify(content, message)
        except (InvalidSignature, Malformed):
            raise Refuted(f"The signature of {self.name} does not hold.") from None
        return seconds

    def _claim(self, text: str, content: bytes) -> tuple[int | None, bytes, bytes]:
        match self.algorithm:
            case Algorithm.ED25519:
                return None, text.encode(), content
            case Algorithm.COSIGNATURE_ED25519:
                seconds, content = split_time(content, _ED25519_SIGNATURE_BYTES)
                return seconds, ed25519_message(text, seconds), content
            case Algorithm.COSIGNATURE_ML_DSA_44:
                seconds, content = split_time(content, _ML_DSA_SIGNATURE_BYTES)
                return seconds, ml_dsa_message(self.name, text, seconds), content

    def _verify(self, content: bytes, message: bytes) -> None:
        if self.algorithm is Algorithm.COSIGNATURE_ML_DSA_44:
            MLDSA44PublicKey.from_public_bytes(self.public).verify(content, message)
        else:
            Ed25519PublicKey.from_public_bytes(self.public).verify(content, message)


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key of a line `name+id+base64`; raises `Malformed`."""
    if len(text) > VERIFIER_KEY_LETTERS_MAX:
        raise Malformed("The verifier key is too long.")
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    if not is_key_name(name) or not _KEY_ID.fullmatch(key_id):
        raise Malformed("A verifier key is a name, eight hexadecimal digits and base64.")
    typed = decode_base64(encoded)
    key = VerifierKey(name, _algorithm(typed), typed[1:])
    if len(key.public) != _PUBLIC_KEY_BYTES[key.algorithm]:
        raise Malformed(f"The public key of {name} has the wrong length.")
    if key.key_id.hex() != key_id:
        raise Malformed(f"The verifier key of {name} does not have the ID that it states.")
    return key


def _algorithm(typed: bytes) -> Algorithm:
    try:
        return Algorithm(typed[0])
    except (IndexError, ValueError):
        raise Malformed("The verifier key is of a type that is not known here.") from None


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs for a verifier key. `sign` keeps the private half, wherever that lies."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]

    def signature(self, text: str, seconds: int) -> Signature:
        """Sign a note's text; a cosignature states `seconds` since 1970 as its time."""
        return Signature(self.key.name, self.key.key_id, self._content(text, seconds))

    def _content(self, text: str, seconds: int) -> bytes:
        match self.key.algorithm:
            case Algorithm.ED25519:
                return self.sign(text.encode())
            case Algorithm.COSIGNATURE_ED25519:
                return join_time(seconds, self.sign(ed25519_message(text, seconds)))
            case Algorithm.COSIGNATURE_ML_DSA_44:
                message = ml_dsa_message(self.key.name, text, seconds)
                return join_time(seconds, self.sign(message))


def seeded_signer(name: str, algorithm: Algorithm, seed: bytes) -> Signer:
    """Return the signer whose private key is made of a seed of 32 secret random bytes."""
    invariant(is_key_name(name), "the name may name a key")
    if algorithm is Algorithm.COSIGNATURE_ML_DSA_44:
        lattice = MLDSA44PrivateKey.from_seed_bytes(seed)
        public = lattice.public_key().public_bytes_raw()
        return Signer(VerifierKey(name, algorithm, public), lattice.sign)
    curve = Ed25519PrivateKey.from_private_bytes(seed)
    public = curve.public_key().public_bytes_raw()
    return Signer(VerifierKey(name, algorithm, public), curve.sign)
