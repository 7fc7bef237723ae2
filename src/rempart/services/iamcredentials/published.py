"""The public keys of service accounts, for whoever verifies what they signed.

Google describes these addresses in no API: key files name them (`client_x509_cert_url`). All keys
of an account are there, those of its owner and those that the universe keeps; an account that is
not there or disabled has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rempart.core.call import Call, MethodId, Reply
from rempart.core.clock import World
from rempart.core.errors import not_found
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ACCOUNT_ENTRIES, ACCOUNTS, KEYS, ServiceAccountKey
from rempart.trust.identity.signing_keys import SIGNING_KEYS, SigningKeys, jwk
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireParameter, WireService

_PUBLIC = "public keys are for everybody who verifies a signature"
_CACHED = (("Cache-Control", "public, max-age=300"),)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of accounts as one session sees them."""

    tx: Transaction
    world: World

    async def of(self, grant: Grant, email: str) -> list[ServiceAccountKey]:
        """Return the keys of an account that may sign now, in no order; raises `not_found`."""
        account = await self.tx.get(ACCOUNTS, email.lower())
        if account is None or account.disabled:
            raise not_found("Not Found")
        entry = await self.tx.get(ACCOUNT_ENTRIES, account.unique_id)
        kept = await self.tx.get(SIGNING_KEYS, account.unique_id) or SigningKeys()
        ids = (*(entry.keys if entry else ()), *(one.id for one in kept.keys))
        now = self.world.clock()
        return [key for one in ids if (key := await self.tx.get(KEYS, one)) and key.usable(now)]


async def _named(call: Call, keys: Keys) -> Resource:
    return Resource(ResourceName("iam.googleapis.com", "", call.path["email"]), None)


async def _certificates(grant: Grant, call: Call, keys: Keys) -> Reply:
    """Return certificates by key id; keys that were made without one are in the JWK set only."""
    found = await keys.of(grant, call.path["email"])
    shown = {key.id: _pem(key.certificate) for key in found if key.certificate}
    return Reply(document=shown, headers=_CACHED)


async def _jwks(grant: Grant, call: Call, keys: Keys) -> Reply:
    found = await keys.of(grant, call.path["email"])
    return Reply(document={"keys": [jwk(key.id, key.public_key) for key in found]}, headers=_CACHED)


def _pem(certificate: bytes) -> str:
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM).decode()


METHODS: tuple[Method[Keys], ...] = (
    Method(MethodId("robot.certificates"), Access.READ, _certificates, _named, public=_PUBLIC),
    Method(MethodId("robot.keys"), Access.READ, _jwks, _named, public=_PUBLIC),
)


def _described(id_: str, form: str) -> WireMethod:
    email = WireParameter("email", "path", "string", required=True)
    return WireMethod(id_, "GET", f"robot/v1/metadata/{form}/{{email}}", parameters=(email,))


OWN = WireService(
    name="robot",
    version="v1",
    revision="",
    host="www",
    methods=(_described("robot.certificates", "x509"), _described("robot.keys", "jwk")),
)


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The addresses as the gate serves them."""

    world: World
    name: str = "robot"
    methods: tuple[Method[Keys], ...] = METHODS

    def open(self, session: Session) -> Keys:
        """Return the keys as one session sees them."""
        return Keys(session.tx, self.world)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
