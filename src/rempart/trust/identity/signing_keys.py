"""RSA keys that the universe keeps for others: an account's own, and the one of ID tokens.

Made when first needed. A key signs for SIGNS_SECONDS, then another takes its place; its private
half goes, its public half is published until nothing that it signed can still count. The private
half is in a sealed document and leaves it only to sign.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typing_extensions import override

from rempart.core.clock import Micros, World
from rempart.core.errors import invariant
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity import key_pair
from rempart.trust.identity.accounts import KEY_BITS, KEYS, ServiceAccount, ServiceAccountKey

ALGORITHM = "RS256"
SIGNS_SECONDS = 14 * 24 * 3600
PUBLISHED_SECONDS = 28 * 24 * 3600
"""From a key's making: a signed URL counts for seven days at most."""

_SECOND = 1_000_000
_ID_BYTES = 20


class SigningKey(msgspec.Struct, frozen=True):
    """A pair; `private` is PEM (PKCS #8), empty once it signs no more. The rest is in DER."""

    id: str
    created: Micros
    public_key: bytes
    certificate: bytes
    private: str = ""

    @override
    def __repr__(self) -> str:
        return f"SigningKey(id={self.id!r})"

    @property
    def ends(self) -> Micros:
        """Return until when its signatures may count."""
        return Micros(self.created + PUBLISHED_SECONDS * _SECOND)

    def sign(self, content: bytes) -> bytes:
        """Return the signature of RSASSA-PKCS1-v1_5 with SHA-256."""
        return self._private().sign(content, PKCS1v15(), SHA256())

    def token(self, claims: Mapping[str, object]) -> str:
        """Return claims as a compact JWS."""
        return jwt.encode(dict(claims), self._private(), ALGORITHM, headers={"kid": self.id})

    def _private(self) -> RSAPrivateKey:
        loaded = load_pem_private_key(self.private.encode(), None)
        invariant(isinstance(loaded, RSAPrivateKey), "signing keys are RSA keys")
        return loaded  # type: ignore[return-value]  # the line above made sure


class SigningKeys(msgspec.Struct, frozen=True):
    """Somebody's keys, newest first."""

    keys: tuple[SigningKey, ...] = ()

    def published(self, now: Micros) -> tuple[SigningKey, ...]:
        """Return the keys whose signatures may count."""
        return tuple(key for key in self.keys if now < key.ends)


SIGNING_KEYS: Kind[SigningKeys] = Kind(b"9", SigningKeys, hot=1024)
"""By the unique id of an account, or by `ISSUER`."""

ISSUER = "issuer"


async def account_key(
    transaction: Transaction, account: ServiceAccount, world: World
) -> SigningKey:
    """Return the key that signs for an account now; a new one is known by its id from then on."""
    key = await signing_key(transaction, account.unique_id, world)
    if await transaction.get(KEYS, key.id) is None:
        known = ServiceAccountKey(
            id=key.id,
            email=account.email,
            unique_id=account.unique_id,
            public_key=key.public_key,
            created=key.created,
            expires=key.ends,
            certificate=key.certificate,
            system=True,
        )
        transaction.put(KEYS, key.id, value=known)
    return key


async def signing_key(transaction: Transaction, owner: str, world: World) -> SigningKey:
    """Return the key that signs for an owner now.

    A new key is written in the transaction: what it signed may leave once that is committed.
    """
    now, held = world.clock(), await transaction.get(SIGNING_KEYS, owner) or SigningKeys()
    newest = held.keys[0] if held.keys else None
    if newest is not None and now < newest.created + SIGNS_SECONDS * _SECOND:
        return newest
    pair = await asyncio.to_thread(key_pair.make, KEY_BITS, owner, now)
    made = SigningKey(
        world.random(_ID_BYTES).hex(), now, pair.public_key, pair.certificate, pair.private_key
    )
    old = tuple(msgspec.structs.replace(key, private="") for key in held.published(now))
    transaction.put(SIGNING_KEYS, owner, value=SigningKeys((made, *old)))
    return made


def jwk(id_: str, public_key: bytes) -> dict[str, object]:
    """Return a public key, from DER, as a JWK set has it."""
    public = key_pair.public(public_key)
    made: dict[str, object] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public))
    made.pop("key_ops", None)
    return {**made, "kid": id_, "use": "sig", "alg": ALGORITHM}
