"""A secret of 32 bytes under a key of the token, found by its label: to seal a universe's root.

Needs the token and nothing of Cloud KMS. All functions block; a caller on an event loop runs them
in `Workers`. Layout of what is wrapped: 01 ‖ salt (32) ‖ Cobblestone-256 message, with the label as
associated data (docs/spec/kms-ciphertext.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rempart.core.clock import Random
from rempart.core.errors import invariant
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.pkcs11.abi import Attribute, KeyType, Mechanism, ObjectClass
from rempart.trust.custody.pkcs11.message import Authenticate, opened, seal
from rempart.trust.custody.pkcs11.objects import ID_BYTES, Values, common
from rempart.trust.custody.pkcs11.session import Way
from rempart.trust.custody.pkcs11.token import Incapable, Token

T = TypeVar("T")
SECRET_BYTES = 32
_FORMAT = b"\x01"
_LABEL = b"rempart.root.token.v1"


def make_key(token: Token, label: str, random: Random) -> None:
    """Make the key of a label in the token, where it stays; refuses a label that is taken."""
    with token.visit() as visit:
        if visit.session.find(_template(label)):
            raise Incapable(f"The token holds a key labelled {label!r} already.")
        own: Values = {
            Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
            Attribute.VALUE_LEN: SECRET_BYTES,
            Attribute.SIGN: True,
        }
        way = Way(Mechanism.GENERIC_SECRET_KEY_GEN)
        visit.session.generate(way, common(random(ID_BYTES), label) | own)


def wrap(token: Token, label: str, secret: bytes) -> bytes:
    """Return a secret that only this token's key of this label unwraps."""
    invariant(len(secret) == SECRET_BYTES, "a root is 32 bytes")
    aad = label.encode()
    return _under(token, label, lambda key: seal(key, _LABEL, _FORMAT, aad, secret))


def unwrap(token: Token, label: str, wrapped: bytes) -> bytes:
    """Return the secret; raises `Tampered` for another key, label or altered bytes."""
    if not wrapped.startswith(_FORMAT):
        raise Tampered
    aad, rest = label.encode(), wrapped[len(_FORMAT) :]
    return _under(token, label, lambda key: opened(key, _LABEL, _FORMAT, aad, rest))


def _under(token: Token, label: str, work: Callable[[Authenticate], T]) -> T:
    with token.visit() as visit:
        session = visit.session
        found = session.find(_template(label))
        if len(found) != 1:
            visit.lost()
            raise Incapable(f"The token holds {len(found)} keys labelled {label!r}.")
        way = Way(Mechanism.SHA256_HMAC)
        return work(lambda data: session.sign(way, found[0], data))


def _template(label: str) -> Values:
    return {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label.encode()}
