"""What a provider's answer must be like, by a provider that lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from rempart.core.jwks import PublicKey
from rempart.outbound import Answer, Question
from rempart.services.auth.provider import NoSignIn, Providers, Returned, Sent
from rempart.trust.identity.federation.aws import STSEndpoints
from rempart.trust.identity.federation.federation import Admitted, Federation
from rempart.trust.identity.federation.issuers import Issuers
from rempart.trust.identity.federation.pools import OIDC, Pool, Provider
from support.worlds import NOW, START, TestUniverse

ISSUER = "https://idp.example.test"
POOL = Pool("locations/global/workforcePools/people", "organizations/1", "uid", START)
KEY = ec.generate_private_key(ec.SECP256R1())
SENT_BACK = Returned("code", "https://auth.example.test/back", "the nonce", "the verifier")


@dataclass
class Liar:
    """An identity provider: what it publishes and answers is the test's choice."""

    published: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)
    token: str = ""

    async def configuration(self, owner: str, issuer: str) -> Mapping[str, object]:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/me",
        } | self.published

    async def keys(self, owner: str, oidc: OIDC, key_id: str) -> Mapping[str, PublicKey]:
        return {"k": PublicKey("ES256", KEY.public_key())}

    async def ask(self, owner: str, question: Question, bytes_max: int) -> Answer:
        self.asked.append(question)
        if question.verb == "GET":
            return Answer(200, json.dumps(self.userinfo))
        usual = {"iss": ISSUER, "aud": "c", "sub": "alice", "iat": NOW, "exp": NOW + 60}
        claims = usual | {"nonce": "the nonce"} | self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(kept, KEY, algorithm="ES256", headers={"kid": "k"})
        return Answer(200, json.dumps({"id_token": self.token or token, "access_token": "at"}))


async def came(liar: Liar, **oidc: Any) -> Admitted:
    universe = TestUniverse()
    issuers = cast("Issuers", liar)
    providers = Providers(
        issuers, Federation(universe.sealed, issuers, STSEndpoints(issuers), universe.world)
    )
    settings = {"client_id": "c", "client_secret": "s"} | oidc
    provider = Provider(
        f"{POOL.name}/providers/corp",
        START,
        {"google.subject": "assertion.sub", "attribute.team": "assertion.team"}
        if "userinfo" in oidc
        else {"google.subject": "assertion.sub"},
        oidc=OIDC(ISSUER, **settings),
    )
    return await providers.admitted(POOL, provider, SENT_BACK)


async def test_a_person_comes_with_a_code_and_the_verifier_of_this_very_sign_in() -> None:
    liar = Liar()
    assert (await came(liar)).attributes.subject == "alice"
    [asked] = liar.asked
    form = parse_qs(asked.body.decode())
    assert form["code_verifier"] == ["the verifier"]
    assert form["redirect_uri"] == ["https://auth.example.test/back"]
    assert asked.headers["Authorization"].startswith("Basic ")
    assert "client_secret" not in form
    assert "s" not in repr(asked).replace("Question", "").replace(ISSUER, "").split("'")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another sign-in's"},
        {"nonce": None},
        {"nonce": 1},
        {"aud": "another client"},
        {"aud": ["c", "d"], "azp": "d"},
        {"azp": "another client"},
        {"iss": "https://evil.example"},
        {"exp": NOW - 61, "iat": NOW - 100},
        {"sub": ""},
    ],
)
async def test_a_token_for_another_sign_in_lets_nobody_in(claims: dict[str, Any]) -> None:
    with pytest.raises(NoSignIn):
        await came(Liar(claims=claims))


async def test_a_token_without_a_signature_lets_nobody_in() -> None:
    claims = {"iss": ISSUER, "aud": "c", "sub": "a", "iat": NOW, "exp": NOW + 60}
    unsigned = jwt.encode(
        claims | {"nonce": "the nonce"}, "", algorithm="none", headers={"kid": "k"}
    )
    for token in (unsigned, "x.y.z", "", "garbage"):
        with pytest.raises(NoSignIn):
            await came(Liar(token=token or "e30"))


async def test_userinfo_completes_the_claims_of_its_own_person_alone() -> None:
    told = {"sub": "alice", "team": "red", "aud": "evil", "nonce": "evil"}
    admitted = await came(Liar(userinfo=told), userinfo=True)
    assert dict(admitted.attributes.custom) == {"team": ("red",)}
    with pytest.raises(NoSignIn):
        await came(Liar(userinfo=told | {"sub": "mallory"}), userinfo=True)


async def test_a_client_shows_its_secret_as_the_provider_wants_it() -> None:
    liar = Liar(published={"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    await came(liar)
    assert parse_qs(liar.asked[0].body.decode())["client_secret"] == ["s"]
    assert "Authorization" not in liar.asked[0].headers
    liar = Liar()
    await came(liar, client_secret="")
    assert parse_qs(liar.asked[0].body.decode())["client_id"] == ["c"]
    assert "Authorization" not in liar.asked[0].headers


@pytest.mark.parametrize(
    "address",
    [
        "http://idp.example.test/auth",
        "javascript:alert(1)",
        "https://idp.example.test/auth#x",
        "https://someone@evil.example/auth",
        "https://idp.example.test/'\"><script>",
        "https:///auth",
        "",
        None,
        7,
    ],
)
async def test_a_browser_is_sent_to_an_https_address_alone(address: object) -> None:
    issuers = cast("Issuers", Liar(published={"authorization_endpoint": address}))
    universe = TestUniverse()
    providers = Providers(
        issuers, Federation(universe.sealed, issuers, STSEndpoints(issuers), universe.world)
    )
    oidc = OIDC(ISSUER, client_id="c")
    provider = Provider(f"{POOL.name}/providers/corp", START, {}, oidc=oidc)
    with pytest.raises(NoSignIn):
        await providers.way(provider, oidc, Sent("r", "s", "n", "c"))
