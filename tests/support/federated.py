"""A pool of a universe in memory, and an issuer outside whose tokens it believes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt

from rempart.core.call import Reply
from rempart.core.principal import Principal
from rempart.services.sts import STS
from rempart.services.sts.model import EXCHANGE
from support.cloud_iam import PROJECT, Iam
from support.oidc_provider import signing_key
from support.worlds import call

LOCATION = f"{PROJECT}/locations/global"
POOLS = "iam.projects.locations.workloadIdentityPools"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
ISSUER = "https://idp.example.test"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
FORM = {"content-type": "application/x-www-form-urlencoded"}
KEY = signing_key("k")
PRIVATE = jwt.PyJWK.from_dict(KEY).key


def jwks(*keys: Mapping[str, Any]) -> str:
    public = ("kty", "n", "e", "use", "alg", "kid")
    return json.dumps({"keys": [{name: key[name] for name in public} for key in keys or (KEY,)]})


@dataclass
class Outside:
    """The pool `pool-1` with its provider `idp-1`."""

    iam: Iam
    name: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    exchanger: STS | None = None
    """What takes the credentials, in place of the universe's own."""

    @classmethod
    async def start(cls, iam: Iam | None = None, **settings: Any) -> Outside:
        made = cls(iam or await Iam.start())
        pool = await made.create_pool()
        made.name = pool["response"]["name"]
        await made.create_provider(**settings)
        return made

    async def create_pool(self, id_: str = "pool-1", **document: Any) -> dict[str, Any]:
        query = {"workloadIdentityPoolId": id_}
        return await self.iam.ask(f"{POOLS}.create", LOCATION, document, query=query)

    async def create_provider(self, id_: str = "idp-1", **settings: Any) -> dict[str, Any]:
        document = {
            "attributeMapping": {"google.subject": "assertion.sub"},
            "oidc": {"issuerUri": ISSUER, "jwksJson": jwks()},
        } | settings
        query = {"workloadIdentityPoolProviderId": id_}
        return await self.iam.ask(f"{POOLS}.providers.create", self.name, document, query=query)

    @property
    def audience(self) -> str:
        return f"//iam.googleapis.com/{self.name}/providers/idp-1"

    def member(self, rest: str) -> str:
        """Return `subject/S`, `group/G` and their like as bindings name them."""
        kind = "principal" if rest.startswith("subject/") else "principalSet"
        return f"{kind}://iam.googleapis.com/{self.name}/{rest}"

    def id_token(self, subject: str = "robot", **claims: Any) -> str:
        now = self.iam.cloud.clock() // 1_000_000
        said = {"iss": ISSUER, "sub": subject, "aud": f"https:{self.audience}", "iat": now}
        said = {"exp": now + 600} | said | claims
        return jwt.encode(said, PRIVATE, "RS256", headers={"kid": KEY["kid"]})

    @property
    def sts(self) -> STS:
        parts = self.iam.cloud.parts
        return self.exchanger or STS(parts.identity, parts.federation, parts.recorder)

    async def exchange(self, token: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """Ask for an access token, by a form."""
        form = {
            "grant_type": EXCHANGE,
            "audience": self.audience,
            "scope": CLOUD_PLATFORM,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token": token,
            "subject_token_type": ID_TOKEN,
        } | changes
        return read(await self.sts.token(call(headers=FORM, body=urlencode(form).encode())))

    async def access_token(self, subject: str = "robot", **claims: Any) -> str:
        status, answer = await self.exchange(self.id_token(subject, **claims))
        assert status == 200, answer
        token: str = answer["access_token"]
        return token

    async def principal(self, token: str) -> Principal:
        identity = self.iam.cloud.parts.identity
        return await identity.identify(call(f"Bearer {token}"), "storage")


def read(reply: Reply) -> tuple[int, dict[str, Any]]:
    assert ("Cache-Control", "no-store") in reply.headers
    assert isinstance(reply.document, dict)
    return reply.status, reply.document
