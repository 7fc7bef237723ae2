"""The token endpoint, tokeninfo and revoke, by direct calls."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from rempart.core.call import Reply
from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.services.oauth2 import ROUTES, OAuth2
from rempart.services.oauth2.api import JWT_BEARER
from rempart.trust.identity.accounts import ACCOUNTS, KEYS
from rempart.trust.identity.id_tokens import IdTokens
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.revocations import ExpiredRevocations
from rempart.trust.identity.signing_keys import jwk
from rempart.trust.identity.tokens import AccessToken
from rempart.trust.witness.recorder import Recorder
from support.entries import last_entry
from support.tokens import CLOUD, SCOPE, Signer
from support.worlds import DOMAIN, NOW, TestUniverse, call

FORM = {"content-type": "application/x-www-form-urlencoded"}
OWN_URI = "http://127.0.0.1:9000/token"
AUDIENCE = f"https://oauth2.{DOMAIN}/token"
GOOGLES = "https://oauth2.googleapis.com/token"


class Endpoint:
    def __init__(self, signer: Signer, universe: TestUniverse) -> None:
        self.signer = signer
        self.universe = universe
        self.restart()

    def restart(self) -> None:
        self.universe.sealed = self.universe.reopened()
        self.identity = Identity(
            self.universe.sealed, domain=DOMAIN, token_key=b"t" * 32, world=self.universe.world
        )
        self.id_tokens = IdTokens(f"https://accounts.{DOMAIN}", self.universe.world)
        self.oauth2 = OAuth2(
            self.identity,
            self.id_tokens,
            Recorder(self.universe.sealed, self.universe.world.clock),
            token_uris=frozenset((OWN_URI,)),
        )

    async def post(self, verb: str, fields: dict[str, str]) -> tuple[int, Any]:
        body = urlencode(fields).encode()
        run = {"token": self.oauth2.token, "revoke": self.oauth2.revoke}.get(
            verb, self.oauth2.tokeninfo
        )
        return _read(await run(call(headers=FORM, body=body)))

    async def exchange(self, **claims: Any) -> tuple[int, Any]:
        assertion = self.signer.token(**({"aud": AUDIENCE, "sub": None} | claims))
        return await self.post("token", {"grant_type": JWT_BEARER, "assertion": assertion})

    async def bought(self, **claims: Any) -> str:
        status, answer = await self.exchange(**claims)
        assert status == 200, answer
        token = answer["access_token"]
        assert isinstance(token, str)
        return token


def _read(reply: Reply) -> tuple[int, Any]:
    assert ("Cache-Control", "no-store") in reply.headers
    return reply.status, reply.document


@pytest.fixture(scope="module")
def made() -> tuple[Signer, TestUniverse]:
    universe = TestUniverse()
    return Signer.of(*asyncio.run(universe.account())), universe


@pytest.fixture
def endpoint(made: tuple[Signer, TestUniverse]) -> Iterator[Endpoint]:
    signer, universe = made
    kept = dict(universe.engine.records.records)
    universe.clock.now = Micros(NOW * 1_000_000)
    yield Endpoint(signer, universe)
    universe.engine.records.records = kept


@pytest.mark.parametrize(
    "audience",
    [
        AUDIENCE,
        GOOGLES,
        OWN_URI,
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    ],
)
async def test_an_assertion_buys_a_token_that_identifies_its_account(
    endpoint: Endpoint, audience: str
) -> None:
    status, answer = await endpoint.exchange(aud=audience)
    assert status == 200
    token = answer.pop("access_token")
    assert answer == {"expires_in": 3599, "token_type": "Bearer", "scope": CLOUD}
    assert token.startswith("ya29.")
    principal = await endpoint.identity.identify(call(f"Bearer {token}"), "storage")
    assert principal.email == endpoint.signer.account.email
    assert principal.scopes == frozenset((CLOUD,))


async def test_a_token_survives_a_restart(endpoint: Endpoint) -> None:
    token = await endpoint.bought()
    endpoint.restart()
    assert not (await endpoint.identity.identify(call(f"Bearer {token}"), "storage")).anonymous


async def refused(endpoint: Endpoint, token: str, service: str = "storage") -> bool:
    with pytest.raises(CloudError, match=r"^Invalid Credentials$"):
        await endpoint.identity.identify(call(f"Bearer {token}"), service)
    return True


async def test_a_token_dies_after_an_hour_remembered_or_not(endpoint: Endpoint) -> None:
    remembered, fresh = await endpoint.bought(), await endpoint.bought()
    await endpoint.identity.identify(call(f"Bearer {remembered}"), "storage")
    endpoint.universe.clock.advance(3599.9)
    await endpoint.identity.identify(call(f"Bearer {remembered}"), "storage")
    endpoint.universe.clock.advance(0.1)
    assert await refused(endpoint, remembered)
    assert await refused(endpoint, fresh)


async def test_an_expired_token_does_not_even_open(endpoint: Endpoint) -> None:
    token = await endpoint.bought()
    statement = endpoint.identity.tokens.open(token)
    assert isinstance(statement, AccessToken)
    assert statement.email == endpoint.signer.account.email
    endpoint.universe.clock.advance(3600)
    with pytest.raises(Rejected, match="expired"):
        endpoint.identity.tokens.open(token)


async def test_a_token_of_another_universes_key_is_refused(endpoint: Endpoint) -> None:
    other = Identity(
        endpoint.universe.sealed, domain=DOMAIN, token_key=b"u" * 32, world=endpoint.universe.world
    )
    token = await endpoint.bought()
    with pytest.raises(CloudError):
        await other.identify(call(f"Bearer {token}"), "storage")


async def test_every_changed_character_of_a_token_is_refused(endpoint: Endpoint) -> None:
    token = await endpoint.bought()
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert await refused(endpoint, changed)
    for changed in (token + "A", token[:-1], token + "=", token[:-4], "ya29."):
        assert await refused(endpoint, changed)


@pytest.mark.parametrize("event", ["key disabled", "key deleted", "account off", "account again"])
async def test_a_token_dies_with_its_key_or_account_at_once(endpoint: Endpoint, event: str) -> None:
    token = await endpoint.bought()
    await endpoint.identity.identify(call(f"Bearer {token}"), "storage")
    account, key = endpoint.signer.account, endpoint.signer.issued.key
    transaction = endpoint.universe.sealed.transaction()
    if event == "key disabled":
        transaction.put(KEYS, key.id, value=dataclasses.replace(key, disabled=True))
    elif event == "key deleted":
        transaction.delete(KEYS, key.id)
    else:
        changes: dict[str, Any] = {"disabled": True}
        if event == "account again":
            changes = {"unique_id": "1" * 21}
        changed = dataclasses.replace(account, **changes)
        transaction.put(ACCOUNTS, account.email, value=changed)
    await transaction.commit()
    assert await refused(endpoint, token)
    assert (await endpoint.post("tokeninfo", {"access_token": token}))[0] == 400


async def test_a_token_does_only_what_its_scopes_admit(endpoint: Endpoint) -> None:
    token = await endpoint.bought(scope=SCOPE + "devstorage.read_only")
    assert not (await endpoint.identity.identify(call(f"Bearer {token}"), "storage")).anonymous
    assert await refused(endpoint, token, "cloudkms")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://evil.example/token"},
        {"aud": AUDIENCE + "/"},
        {"aud": None},
        {"aud": [AUDIENCE]},
        {"aud": "https://storage.googleapis.com/"},
        {"iss": "someone@else.iam.gserviceaccount.com"},
        {"sub": "user@example.com"},
        {"exp": NOW - 1},
        {"exp": NOW, "iat": NOW - 60},
        {"exp": NOW + 7200},
        {"iat": NOW + 600, "exp": NOW + 900},
        {"scope": ["a"]},
    ],
    ids=str,
)
async def test_all_wrong_assertions_get_the_same_answer(
    endpoint: Endpoint, claims: dict[str, Any]
) -> None:
    assert await endpoint.exchange(**claims) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid JWT Signature or claims."},
    )


async def test_an_assertion_signed_with_an_unknown_key_gets_the_same_answer_too(
    endpoint: Endpoint,
) -> None:
    header = endpoint.signer.header(kid="0" * 40)
    assertion = endpoint.signer.token(header, aud=AUDIENCE)
    form = {"grant_type": JWT_BEARER, "assertion": assertion}
    assert await endpoint.post("token", form) == await endpoint.exchange(aud="https://evil.example")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unsupported_grant_type"),
        ({"grant_type": JWT_BEARER}, "invalid_request"),
        ({"grant_type": JWT_BEARER, "assertion": ""}, "invalid_request"),
        ({"grant_type": JWT_BEARER, "assertion": "x"}, "invalid_grant"),
    ],
)
async def test_requests_that_are_no_token_requests(
    endpoint: Endpoint, fields: dict[str, str], error: str
) -> None:
    status, answer = await endpoint.post("token", fields)
    assert (status, answer["error"]) == (400, error)


async def test_an_assertion_without_scope_buys_nothing(endpoint: Endpoint) -> None:
    assert (await endpoint.exchange(scope=None))[1]["error"] == "invalid_scope"


async def test_an_assertion_with_a_target_audience_buys_an_id_token(endpoint: Endpoint) -> None:
    status, answer = await endpoint.exchange(scope=None, target_audience="https://x.example")
    assert (status, answer.keys()) == (200, {"id_token"})
    (key,) = await endpoint.id_tokens.keys(endpoint.universe.sealed)
    public = jwt.PyJWK.from_dict(jwk(key.id, key.public_key)).key
    claims = json.loads(jwt.PyJWS().decode(answer["id_token"], public, ["RS256"]))
    assert claims["aud"] == "https://x.example"
    account = endpoint.signer.account
    assert claims["iss"] == f"https://accounts.{DOMAIN}"
    assert (claims["sub"], claims["email"]) == (account.unique_id, account.email)
    assert claims["exp"] - claims["iat"] == 3600
    again = await endpoint.exchange(scope=None, target_audience="https://x.example")
    assert again[1] == answer


async def test_an_id_token_is_no_access_token(endpoint: Endpoint) -> None:
    _, answer = await endpoint.exchange(scope=None, target_audience=f"https://storage.{DOMAIN}/")
    assert await refused(endpoint, answer["id_token"])


async def test_an_assertion_for_an_id_token_is_no_access_token(endpoint: Endpoint) -> None:
    assert await refused(endpoint, endpoint.signer.token(target_audience="https://x.example"))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"grant_type=x"),
        ({"content-type": "application/json"}, b"{}"),
        (FORM, b"grant_type=a&grant_type=b"),
        (FORM, b"\xff=1"),
        (FORM, b"a=%ff"),
        (FORM, b"no-equals-sign"),
        (FORM, b"&".join(b"a%d=1" % number for number in range(60))),
    ],
)
async def test_bodies_that_are_no_forms(
    endpoint: Endpoint, headers: dict[str, str], body: bytes
) -> None:
    status, answer = _read(await endpoint.oauth2.token(call(headers=headers, body=body)))
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("way", ["form", "query"])
async def test_tokeninfo_tells_what_a_token_is(endpoint: Endpoint, way: str) -> None:
    token = await endpoint.bought(scope=f"{CLOUD} {SCOPE}userinfo.email")
    endpoint.universe.clock.advance(100)
    if way == "form":
        status, answer = await endpoint.post("tokeninfo", {"access_token": token})
    else:
        status, answer = _read(await endpoint.oauth2.tokeninfo(call(query={"access_token": token})))
    unique_id = endpoint.signer.account.unique_id
    assert (status, answer) == (
        200,
        {
            "azp": unique_id,
            "aud": unique_id,
            "sub": unique_id,
            "scope": f"{CLOUD} {SCOPE}userinfo.email",
            "exp": str(NOW + 3600),
            "expires_in": "3500",
            "email": endpoint.signer.account.email,
            "email_verified": "true",
            "access_type": "online",
        },
    )


@pytest.mark.parametrize("token", ["", "x", "ya29.x", "ya29." + "A" * 9000, "\udc80"])
async def test_tokeninfo_and_revoke_refuse_what_is_no_token(endpoint: Endpoint, token: str) -> None:
    for verb in (endpoint.oauth2.tokeninfo, endpoint.oauth2.revoke):
        status, answer = _read(await verb(call(query={"access_token": token, "token": token})))
        assert (status, answer["error"]) == (400, "invalid_token")


async def test_a_self_signed_token_has_no_tokeninfo(endpoint: Endpoint) -> None:
    answer = await endpoint.post("tokeninfo", {"access_token": endpoint.signer.token()})
    assert answer == (400, {"error": "invalid_token", "error_description": "Invalid Value"})


async def test_a_revoked_token_is_dead_at_once_and_after_a_restart(endpoint: Endpoint) -> None:
    revoked, other = await endpoint.bought(), await endpoint.bought()
    await endpoint.identity.identify(call(f"Bearer {revoked}"), "storage")
    assert await endpoint.post("revoke", {"token": revoked}) == (200, {})
    assert await refused(endpoint, revoked)
    endpoint.restart()
    assert await refused(endpoint, revoked)
    assert (await endpoint.post("revoke", {"token": revoked}))[0] == 400
    assert not (await endpoint.identity.identify(call(f"Bearer {other}"), "storage")).anonymous


async def test_records_of_revoked_tokens_are_swept_once_they_expired(endpoint: Endpoint) -> None:
    before = len(endpoint.universe.engine.records.records)
    for _ in range(5):
        await endpoint.post("revoke", {"token": await endpoint.bought()})
    assert len(endpoint.universe.engine.records.records) == before + 5
    endpoint.universe.clock.advance(3601)
    fresh = await endpoint.bought(iat=NOW + 3601, exp=NOW + 3700)
    await endpoint.post("revoke", {"token": fresh})
    await ExpiredRevocations(endpoint.universe.sealed, endpoint.universe.world).run()
    assert len(endpoint.universe.engine.records.records) == before + 1


def test_the_routes_hold_what_clients_call() -> None:
    paths = {(host, path) for route in ROUTES for host in route.hosts for path in route.paths}
    for host in ("oauth2", ""):
        assert (host, "/token") in paths
    assert ("", "/oauth2/token") in paths
    assert ("www", "/oauth2/v4/token") in paths
    assert ("accounts", "/o/oauth2/token") in paths


async def test_what_an_account_buys_is_on_record_and_so_is_a_refusal(endpoint: Endpoint) -> None:
    account = endpoint.signer.account
    await endpoint.bought()
    leaf = await last_entry(endpoint.universe.sealed)
    assert (leaf.method, leaf.principal, leaf.status) == ("oauth2.token", account.member, 200)
    assert leaf.facts == {"key": endpoint.signer.issued.key.id, "scopes": CLOUD, "seconds": "3600"}
    await endpoint.exchange(scope=None, target_audience="https://there.example.test")
    leaf = await last_entry(endpoint.universe.sealed)
    assert leaf.facts["audience"] == "https://there.example.test"
    await endpoint.post("token", {"grant_type": JWT_BEARER, "assertion": "nonsense"})
    leaf = await last_entry(endpoint.universe.sealed)
    assert (leaf.principal, leaf.status) == ("allUsers", 400)
    assert leaf.facts == {"error": "invalid_grant"}


async def test_tokeninfo_tells_the_email_of_a_later_account_too(endpoint: Endpoint) -> None:
    token, account = await endpoint.bought(), endpoint.signer.account
    write = endpoint.universe.sealed.transaction()
    later = dataclasses.replace(account, first=False)
    write.put(ACCOUNTS, account.email, value=later)
    await write.commit()
    _, answer = await endpoint.post("tokeninfo", {"access_token": token})
    assert answer["email"] == account.email
