"""Credentials of accounts for who may act for them: tokens, signatures, chains, keys."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from rempart.core.call import Call, MethodId
from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.principal import Principal
from rempart.engine.seam import Unavailable
from rempart.trust.identity import signing_keys
from rempart.trust.identity.signing_keys import (
    PUBLISHED_SECONDS,
    SIGNING_KEYS,
    SIGNS_SECONDS,
    jwk,
)
from rempart.trust.identity.tokens import Impersonated
from support.cloud_iam import ACCOUNT, PROJECT, TOKEN_CREATOR, Iam, email, granting, path
from support.cloud_storage import Bytes, resource
from support.entries import last_entry
from support.federated import CLOUD_PLATFORM, Outside
from support.worlds import call

FOR = "iamcredentials.projects.serviceAccounts"
SCOPE: dict[str, Any] = {"scope": [CLOUD_PLATFORM]}


def name(id_: str) -> str:
    return f"projects/-/serviceAccounts/{email(id_)}"


@pytest.fixture(autouse=True)
def _small_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_keys, "KEY_BITS", 2048)


async def _start() -> Iam:
    """Return a universe in which `robot-1` may act for `target-1`."""
    made = await Iam.start()
    for id_ in ("robot-1", "middle-1", "target-1"):
        await made.account(id_)
    await trust(made, "target-1", "robot-1")
    return made


@pytest.fixture
async def iam() -> Iam:
    return await _start()


@pytest.fixture(scope="module")
def shared() -> Iam:
    """Return a universe for tests that change nothing."""
    return asyncio.run(_start())


async def trust(iam: Iam, account: str, *by: str, role: str = TOKEN_CREATOR) -> None:
    """Let these accounts, and no others, act for an account."""
    members = [f"serviceAccount:{email(one)}" for one in by]
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path(account), granting(role, *members))


async def call_(
    iam: Iam, method: str, path_: dict[str, str], document: dict[str, Any], bearer: str = ""
) -> dict[str, Any]:
    asked = Call(
        method=MethodId(method),
        path=path_,
        query={},
        headers={"authorization": f"Bearer {bearer}"} if bearer else {},
        document=document,
        body=Bytes(b""),
        kind="plain",
        base_url="https://iamcredentials.apis.example.test",
        remote="127.0.0.1",
        request_id="test",
        time=iam.cloud.clock(),
        verb="POST",
    )
    return resource(await iam.cloud.parts.gate.serve(asked))


async def ask(
    iam: Iam, verb: str, account: str = "target-1", *, by: str = "robot-1", **document: Any
) -> dict[str, Any]:
    caller, now = await iam.stored(by), iam.cloud.clock()
    statement = Impersonated(
        caller.email, caller.unique_id, (CLOUD_PLATFORM,), now, Micros(now + 3_600_000_000)
    )
    bearer = iam.cloud.parts.identity.tokens.seal(statement)
    return await call_(iam, f"{FOR}.{verb}", {"name": name(account)}, document, bearer)


async def refused(
    code: Code, iam: Iam, verb: str, account: str = "target-1", /, **words: Any
) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await ask(iam, verb, account, **words)
    assert caught.value.code is code, caught.value.message
    return caught.value


async def principal(iam: Iam, token: str, service: str = "storage") -> Principal:
    return await iam.cloud.parts.identity.identify(call(f"Bearer {token}"), service)


async def dead(iam: Iam, token: str) -> bool:
    with pytest.raises(CloudError) as caught:
        await principal(iam, token)
    return caught.value.code is Code.UNAUTHENTICATED


async def keys_of(iam: Iam, id_: str, form: str = "keys") -> dict[str, Any]:
    return await call_(iam, f"robot.{form}", {"email": email(id_)}, {})


async def test_who_may_gets_an_access_token_of_the_account(iam: Iam) -> None:
    answer = await ask(iam, "generateAccessToken", **SCOPE, lifetime="600s")
    token = answer["accessToken"]
    assert (await principal(iam, token)).email == email("target-1")
    assert (await principal(iam, token)).scopes == frozenset((CLOUD_PLATFORM,))
    assert len(answer["expireTime"]) == len("2026-11-23T14:00:00Z")
    iam.cloud.clock.advance(600)
    assert await dead(iam, token)


async def test_the_token_ends_with_its_account(iam: Iam) -> None:
    token = (await ask(iam, "generateAccessToken", **SCOPE))["accessToken"]
    await iam.ask(f"{ACCOUNT}.disable", path("target-1"))
    assert await dead(iam, token)
    await refused(Code.FAILED_PRECONDITION, iam, "generateAccessToken", **SCOPE)
    await iam.ask(f"{ACCOUNT}.enable", path("target-1"))
    assert (await principal(iam, token)).email == email("target-1")
    await iam.ask(f"{ACCOUNT}.delete", path("target-1"))
    assert await dead(iam, token)
    await iam.account("target-1")
    assert await dead(iam, token)


@pytest.mark.parametrize(
    ("verb", "document"),
    [
        ("generateAccessToken", SCOPE),
        ("generateIdToken", {"audience": "https://x.example"}),
        ("signBlob", {"payload": "YQ=="}),
        ("signJwt", {"payload": "{}"}),
    ],
)
async def test_who_may_not_gets_nothing_and_learns_nothing(
    shared: Iam, verb: str, document: dict[str, Any]
) -> None:
    iam = shared
    there = await refused(Code.PERMISSION_DENIED, iam, verb, by="middle-1", **document)
    absent = await refused(Code.PERMISSION_DENIED, iam, verb, "absent-1", by="middle-1", **document)
    assert there.message.replace("target-1", "absent-1") == absent.message
    await refused(Code.PERMISSION_DENIED, iam, verb, "robot-1", **document)
    agent = "projects/-/serviceAccounts/service-1@gcp-sa-ekms.lab-system.iam.gserviceaccount.com"
    with pytest.raises(CloudError):
        await iam.ask(f"{FOR}.{verb}", agent, document)


@pytest.mark.parametrize(
    "role",
    ["serviceAccountUser", "serviceAccountAdmin", "serviceAccountKeyAdmin", "serviceAccountViewer"],
)
async def test_other_rights_on_an_account_are_not_the_right_to_be_it(iam: Iam, role: str) -> None:
    await trust(iam, "target-1", "robot-1", role=f"roles/iam.{role}")
    await refused(Code.PERMISSION_DENIED, iam, "generateAccessToken", **SCOPE)
    await refused(Code.PERMISSION_DENIED, iam, "signBlob", payload="YQ==")


async def test_a_chain_holds_by_each_of_its_links(iam: Iam) -> None:
    chain: dict[str, Any] = {"delegates": [name("middle-1")]}
    await trust(iam, "target-1", "middle-1")
    await refused(Code.PERMISSION_DENIED, iam, "generateAccessToken", **SCOPE)
    await refused(Code.PERMISSION_DENIED, iam, "generateAccessToken", **SCOPE, **chain)
    await trust(iam, "middle-1", "robot-1")
    answer = await ask(iam, "generateAccessToken", **SCOPE, **chain)
    assert (await principal(iam, answer["accessToken"])).email == email("target-1")
    assert (await ask(iam, "signBlob", payload="YQ==", **chain))["keyId"]
    await trust(iam, "target-1", "robot-1")
    await refused(Code.PERMISSION_DENIED, iam, "generateAccessToken", **SCOPE, **chain)
    await trust(iam, "target-1", "middle-1")
    await trust(iam, "middle-1", "robot-1", role="roles/iam.workloadIdentityUser")
    error = await refused(Code.PERMISSION_DENIED, iam, "generateAccessToken", **SCOPE, **chain)
    assert "implicitDelegation" in error.message
    await trust(iam, "middle-1", "robot-1")
    await iam.ask(f"{ACCOUNT}.disable", path("middle-1"))
    await refused(Code.FAILED_PRECONDITION, iam, "generateAccessToken", **SCOPE, **chain)


async def test_a_chain_does_not_tell_which_accounts_there_are(iam: Iam) -> None:
    await trust(iam, "middle-1", "robot-1")
    await iam.account("closed-1")
    await iam.ask(f"{ACCOUNT}.disable", path("closed-1"))
    chain: dict[str, Any] = {"delegates": [name("middle-1")]}
    told = set[str]()
    for id_ in ("target-1", "closed-1", "absent-1"):
        error = await refused(
            Code.PERMISSION_DENIED, iam, "generateAccessToken", id_, **SCOPE, **chain
        )
        told.add(error.message.replace(id_, "ID"))
        through = {"delegates": [name("middle-1"), name(id_)]}
        error = await refused(
            Code.PERMISSION_DENIED, iam, "generateAccessToken", "robot-1", **SCOPE, **through
        )
        told.add(error.message.replace(id_, "ID"))
    assert len(told) == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"scope": []},
        {"scope": ["a b"]},
        {"scope": [""]},
        {"scope": ["s"] * 51},
        {"scope": "s"},
        {"scope": [CLOUD_PLATFORM], "lifetime": "43201s"},
        {"scope": [CLOUD_PLATFORM], "lifetime": "0s"},
        {"scope": [CLOUD_PLATFORM], "lifetime": "-1s"},
        {"scope": [CLOUD_PLATFORM], "lifetime": 600},
        {"scope": [CLOUD_PLATFORM], "more": 1},
        {"scope": [CLOUD_PLATFORM], "delegates": ["x"]},
        {"scope": [CLOUD_PLATFORM], "delegates": [name("target-1")] * 11},
    ],
)
async def test_requests_for_tokens_that_are_not_right(
    shared: Iam, document: dict[str, Any]
) -> None:
    await refused(Code.INVALID_ARGUMENT, shared, "generateAccessToken", **document)


async def test_an_id_token_names_the_account_to_its_audience(iam: Iam) -> None:
    plain = await ask(iam, "generateIdToken", audience="https://x.example")
    parts, now = iam.cloud.parts, iam.cloud.clock() // 1_000_000
    (key,) = await parts.id_tokens.keys(parts.sealed)
    public = jwt.PyJWK.from_dict(jwk(key.id, key.public_key)).key
    claims = json.loads(jwt.PyJWS().decode(plain["token"], public, ["RS256"]))
    account = await iam.stored("target-1")
    assert claims == {
        "iss": "https://accounts.apis.example.test",
        "aud": "https://x.example",
        "azp": account.unique_id,
        "sub": account.unique_id,
        "iat": now,
        "exp": now + 3600,
    }
    asked: dict[str, Any] = {
        "includeEmail": "true",
        "useEmailAzp": "true",
        "organizationNumberIncluded": True,
    }
    full = await ask(iam, "generateIdToken", audience="https://x.example", **asked)
    claims = json.loads(jwt.PyJWS().decode(full["token"], public, ["RS256"]))
    assert (claims["email"], claims["email_verified"]) == (account.email, True)
    assert claims["azp"] == account.email
    assert claims["google"]["organization_number"] > 0
    assert await dead(iam, full["token"])
    for audience in ("", "x" * 2000, "a\nb"):
        await refused(Code.INVALID_ARGUMENT, iam, "generateIdToken", audience=audience)


async def test_a_signature_verifies_by_the_published_certificate(iam: Iam) -> None:
    answer = await ask(iam, "signBlob", payload=base64.b64encode(b"content").decode())
    certificates = await keys_of(iam, "target-1", "certificates")
    certificate = x509.load_pem_x509_certificate(certificates[answer["keyId"]].encode())
    public, signature = certificate.public_key(), base64.b64decode(answer["signedBlob"])
    assert isinstance(public, RSAPublicKey)
    public.verify(signature, b"content", PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"another", PKCS1v15(), SHA256())
    for payload in ("", "?"):
        await refused(Code.INVALID_ARGUMENT, iam, "signBlob", payload=payload)


async def test_signed_claims_expire_and_are_the_accounts_own_token(iam: Iam) -> None:
    now = iam.cloud.clock() // 1_000_000
    me = email("target-1")
    claims = {"iss": me, "sub": me, "iat": now, "scope": CLOUD_PLATFORM}
    answer = await ask(iam, "signJwt", payload=json.dumps(claims))
    assert (await principal(iam, answer["signedJwt"])).email == me
    published = await keys_of(iam, "target-1")
    public = next(one for one in published["keys"] if one["kid"] == answer["keyId"])
    key = jwt.PyJWK.from_dict(public).key
    signed = json.loads(jwt.PyJWS().decode(answer["signedJwt"], key, ["RS256"]))
    assert signed == claims | {"exp": now + 3600}
    for payload in (
        *("", "[]", "{", '{"a":1,"a":2}', '{"a":NaN}', "[" * 9999),
        json.dumps({"exp": now + 12 * 3600 + 1}),
        json.dumps({"exp": str(now)}),
        json.dumps({"exp": True}),
    ):
        await refused(Code.INVALID_ARGUMENT, iam, "signJwt", payload=payload)
    assert (await ask(iam, "signJwt", payload=json.dumps({"exp": now + 12 * 3600})))["keyId"]


async def test_nobody_signs_for_another_in_the_claims(iam: Iam) -> None:
    now = iam.cloud.clock() // 1_000_000
    other = email("middle-1")
    claims = {"iss": other, "sub": other, "iat": now, "scope": CLOUD_PLATFORM}
    answer = await ask(iam, "signJwt", payload=json.dumps(claims))
    assert await dead(iam, answer["signedJwt"])


async def test_signing_keys_take_turns_and_old_signatures_count_for_a_while(iam: Iam) -> None:
    first = (await ask(iam, "signBlob", payload="YQ=="))["keyId"]
    assert (await ask(iam, "signBlob", payload="YQ=="))["keyId"] == first
    iam.cloud.clock.advance(SIGNS_SECONDS)
    second = (await ask(iam, "signBlob", payload="YQ=="))["keyId"]
    assert second != first
    assert {first, second} <= {one["kid"] for one in (await keys_of(iam, "target-1"))["keys"]}
    unique_id = (await iam.stored("target-1")).unique_id
    kept = await iam.cloud.parts.sealed.find(SIGNING_KEYS, SIGNING_KEYS.key(unique_id))
    assert kept is not None
    assert [bool(one.private) for one in kept.value.keys] == [True, False]
    assert kept.value.keys[0].private not in repr(kept)
    iam.cloud.clock.advance(PUBLISHED_SECONDS - SIGNS_SECONDS)
    assert first not in {one["kid"] for one in (await keys_of(iam, "target-1"))["keys"]}


async def test_keys_of_the_universe_are_not_the_owners_to_change(iam: Iam) -> None:
    made = (await ask(iam, "signBlob", payload="YQ=="))["keyId"]
    for verb in ("get", "delete", "disable"):
        with pytest.raises(CloudError) as caught:
            await iam.ask(f"{ACCOUNT}.keys.{verb}", f"{path('target-1')}/keys/{made}")
        assert caught.value.code is Code.NOT_FOUND


async def test_public_keys_are_those_of_accounts_that_stand(iam: Iam) -> None:
    own = (await iam.key("target-1"))["private_key_id"]
    assert own in await keys_of(iam, "target-1", "certificates")
    await iam.ask(f"{ACCOUNT}.keys.disable", f"{path('target-1')}/keys/{own}")
    assert own not in await keys_of(iam, "target-1", "certificates")
    await iam.ask(f"{ACCOUNT}.disable", path("target-1"))
    for id_ in ("target-1", "absent-1"):
        with pytest.raises(CloudError) as caught:
            await keys_of(iam, id_)
        assert caught.value.code is Code.NOT_FOUND


async def test_an_identity_from_outside_acts_for_an_account_by_its_set() -> None:
    iam = await Iam.start()
    outside = await Outside.start(iam)
    await iam.account("target-1")
    federated = await outside.access_token()

    async def impersonated() -> str:
        where = {"name": name("target-1")}
        token = await call_(iam, f"{FOR}.generateAccessToken", where, SCOPE, federated)
        return str(token["accessToken"])

    for member, admitted in (
        (outside.member("subject/robot"), True),
        (outside.member("*"), True),
        (outside.member("subject/another"), False),
        (outside.member("group/engineers"), False),
        (outside.member("subject/robot").replace("pool-1", "pool-2"), False),
    ):
        body = granting("roles/iam.workloadIdentityUser", member)
        await iam.ask(f"{ACCOUNT}.setIamPolicy", path("target-1"), body)
        if admitted:
            assert (await principal(iam, await impersonated())).email == email("target-1")
        else:
            with pytest.raises(CloudError, match="Permission"):
                await impersonated()


async def test_no_identity_has_a_boundary_here(shared: Iam) -> None:
    for method, resource_name in (
        (f"{FOR}.getAllowedLocations", name("target-1")),
        (
            "iamcredentials.projects.locations.workloadIdentityPools.getAllowedLocations",
            f"{PROJECT}/locations/global/workloadIdentityPools/p",
        ),
        (
            "iamcredentials.locations.workforcePools.getAllowedLocations",
            "locations/global/workforcePools/p",
        ),
    ):
        answer = await shared.ask(method, resource_name)
        assert answer["encodedLocations"] == "0x0"
        assert answer["locations"]


DOCUMENTS: dict[str, dict[str, Any]] = {
    "generateAccessToken": SCOPE | {"lifetime": "600s"},
    "generateIdToken": {"audience": "https://there.example.test"},
    "signBlob": {"payload": base64.b64encode(b"a secret to sign").decode()},
    "signJwt": {"payload": json.dumps({"sub": "somebody-else"})},
}


TOLD = {
    "generateAccessToken": {"seconds": "600", "scopes": CLOUD_PLATFORM},
    "generateIdToken": {"audience": "https://there.example.test"},
}


@pytest.mark.parametrize("method", DOCUMENTS)
async def test_a_credential_is_on_record_before_it_leaves(iam: Iam, method: str) -> None:
    await trust(iam, "target-1", "middle-1")
    await trust(iam, "middle-1", "robot-1")
    asked = DOCUMENTS[method] | {"delegates": [name("middle-1")]}
    await ask(iam, method, **asked)  # The second time, no key has to be made.
    given = await ask(iam, method, **asked)
    leaf = await last_entry(iam.cloud.parts.sealed)
    assert (leaf.method, leaf.principal) == (
        f"{FOR}.{method}",
        f"serviceAccount:{email('robot-1')}",
    )
    facts = dict(leaf.facts)
    assert facts.pop("serviceAccount") == email("target-1")
    assert facts.pop("uniqueId") == (await iam.stored("target-1")).unique_id
    assert facts.pop("delegates") == email("middle-1")
    assert facts == TOLD.get(method, {})
    assert not set(given.values()) & set(facts.values())


async def test_no_credential_leaves_that_cannot_be_recorded(
    iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(iam.cloud.parts.sealed, "commit", full)
    with pytest.raises(CloudError) as caught:
        await ask(iam, "generateAccessToken", **SCOPE)
    assert caught.value.code is Code.UNAVAILABLE
