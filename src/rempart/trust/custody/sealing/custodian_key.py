"""A custodian's own key pair, and what is sealed to it: HPKE (RFC 9180), hybrid post-quantum.

The suite is MLKEM768-X25519 (X-Wing), HKDF-SHA512, AES-256-GCM: a sealed share lies on a disk for
years and its answer crosses a wire. Files and messages are one line of JSON each, which can be
mailed or pasted; specified in docs/spec/root-seal.md.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TypeVar

import msgspec
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from typing_extensions import override

from rempart.core.clock import Random
from rempart.trust.custody.envelope import context
from rempart.trust.custody.passphrase import SALT_BYTES, stretched
from rempart.trust.custody.sealing.document import Custodian, SealProblem
from rempart.trust.custody.sealing.shares import ShareRefused
from rempart.trust.custody.software.encapsulation import expand

SEED_BYTES = 32
_MLKEM_BYTES = 1184
_CODE_BYTES = 10
"""80 bits: nobody finds another key of the same code."""

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)


class PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="custodian"):
    """What a custodian hands out: a name, and where shares are sealed to."""

    name: str
    public_key: bytes


class PrivateKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="custodian-secret"):
    """What a custodian keeps: the seed of both private keys."""

    name: str
    seed: bytes

    @override
    def __repr__(self) -> str:
        return f"PrivateKey(name={self.name!r})"

    def public(self) -> PublicKey:
        """Return what is handed out."""
        mlkem, x25519 = expand(self.seed)
        raw = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        return PublicKey(self.name, raw)


class SealedKey(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="custodian-sealed-secret"
):
    """A private key as it lies in its file: under the custodian's passphrase (Argon2id)."""

    name: str
    salt: bytes
    sealed: bytes


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="share-request"):
    """What a custodian is asked: to open this share and to seal it to that key."""

    seal: bytes
    custodian: int
    name: str
    sealed_share: bytes
    answer_to: bytes

    @property
    def code(self) -> str:
        """Return what the operator reads to a custodian by another way: whose request it is."""
        digest = hashlib.sha256(b"rempart.share-request.v1\x00" + self.seal + self.answer_to)
        text = base64.b32encode(digest.digest()[:_CODE_BYTES]).decode()
        return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="share-answer"):
    """What a custodian answers: the share, for the asking process alone."""

    seal: bytes
    custodian: int
    sealed: bytes


Message = TypeVar("Message", PublicKey, PrivateKey, SealedKey, Request, Answer)


def line(message: PublicKey | PrivateKey | SealedKey | Request | Answer) -> str:
    """Return a message as one line of text."""
    return msgspec.json.encode(message).decode()


def parse(text: str | bytes, kind: type[Message]) -> Message:
    """Return the message that a line is, or raise SealProblem; nothing of it is quoted."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError):
        raise SealProblem(f"That is not a {kind.__struct_config__.tag}.") from None


def new_key(name: str, random: Random) -> PrivateKey:
    """Return a fresh key pair."""
    return PrivateKey(name, random(SEED_BYTES))


def sealed_key(key: PrivateKey, passphrase: str, random: Random) -> SealedKey:
    """Return a key as its file holds it, under a passphrase."""
    salt = random(SALT_BYTES)
    sealer = Cobblestone256Encryptor(stretched(passphrase, salt), _bound(key.name, salt))
    return SealedKey(key.name, salt, sealer.update(key.seed) + sealer.finalize())


def opened_key(held: SealedKey, passphrase: str) -> PrivateKey:
    """Return the key that a passphrase opens, or raise SealProblem."""
    opener = Cobblestone256Decryptor(stretched(passphrase, held.salt), _bound(held.name, held.salt))
    try:
        return PrivateKey(held.name, opener.update(held.sealed) + opener.finalize())
    except (InvalidTag, ValueError):
        message = f"The key of {held.name} does not open: another passphrase, or a changed file."
        raise SealProblem(message) from None


def _bound(name: str, salt: bytes) -> bytes:
    return context("custodian-key", name, salt)


def seal_share(words: str, public_key: bytes, seal_id: bytes, index: int) -> bytes:
    """Return a share that only the custodian opens."""
    bound = context("root-seal-share", seal_id, index)
    return _SUITE.encrypt(words.encode(), _public(public_key), bound)


def request(seal_id: bytes, index: int, one: Custodian, answer_key: PrivateKey) -> Request:
    """Return what to ask of one custodian whose share is sealed."""
    return Request(seal_id, index, one.name, one.sealed_share, answer_key.public().public_key)


def answer(asked: Request, key: PrivateKey) -> Answer:
    """Return the custodian's answer, or raise SealProblem where the share is not this key's."""
    bound = context("root-seal-share", asked.seal, asked.custodian)
    try:
        words = _SUITE.decrypt(asked.sealed_share, _private(key.seed), bound)
    except (InvalidTag, ValueError):
        raise SealProblem(f"The request is for {asked.name!r}, not for this key.") from None
    for_asker = context("root-seal-answer", asked.seal, asked.custodian)
    sealed = _SUITE.encrypt(words, _public(asked.answer_to), for_asker)
    return Answer(asked.seal, asked.custodian, sealed)


def open_answer(given: Answer, answer_key: PrivateKey) -> str:
    """Return the words of a share, or raise ShareRefused where it was sealed to another asker."""
    bound = context("root-seal-answer", given.seal, given.custodian)
    try:
        return _SUITE.decrypt(given.sealed, _private(answer_key.seed), bound).decode()
    except (InvalidTag, ValueError):
        raise ShareRefused(
            "That answer was made for another request. Ask the custodian with a fresh one."
        ) from None


def _private(seed: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(*expand(seed))


def _public(raw: bytes) -> MLKEM768X25519PublicKey:
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(raw[_MLKEM_BYTES:]),
        )
    except ValueError:
        raise SealProblem("A custodian's public key is malformed.") from None
