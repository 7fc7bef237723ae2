"""Token exchange and introspection: who becomes whom, for how long, and what ends it."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.witness.leaf import FEED, decode
from rempart.trust.witness.recorder import REFUSALS_PER_SECOND_MAX
from support.entries import last_entry
from support.federated import CLOUD_PLATFORM, FORM, ISSUER, POOLS, Outside, jwks, read
from support.oidc_provider import signing_key
from support.worlds import call

_TYPE = "urn:ietf:params:oauth:token-type:"
GROUPS = {
    "google.subject": "assertion.sub",
    "google.groups": "assertion.groups",
    "attribute.team": "assertion.team",
}


@pytest.fixture(scope="module")
def shared() -> Outside:
    """Return a pool for tests that change nothing."""
    return asyncio.run(Outside.start())


async def refused(outside: Outside, token: str) -> bool:
    with pytest.raises(CloudError) as caught:
        await outside.principal(token)
    return caught.value.code is Code.UNAUTHENTICATED


async def test_an_id_token_becomes_an_identity_of_the_pool() -> None:
    outside = await Outside.start(attributeMapping=GROUPS)
    claims = {"groups": ["a", "b c"], "team": "red"}
    status, answer = await outside.exchange(outside.id_token("robot/1", **claims) + "\n")
    assert status == 200
    assert answer.pop("access_token").startswith("ya29.d.")
    assert answer == {
        "issued_token_type": f"{_TYPE}access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    principal = await outside.principal(await outside.access_token("robot/1", **claims))
    assert principal.member == outside.member("subject/robot/1")
    assert principal.sets == tuple(
        map(outside.member, ("*", "group/a", "group/b%20c", "attribute.team/red"))
    )
    assert principal.scopes == frozenset((CLOUD_PLATFORM,))
    assert principal.project == "lab:demo"


async def test_json_asks_in_googles_spelling(shared: Outside) -> None:
    outside = shared
    body = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": outside.audience,
        "scope": CLOUD_PLATFORM,
        "requestedTokenType": f"{_TYPE}access_token",
        "subjectToken": outside.id_token(),
        "subjectTokenType": f"{_TYPE}jwt",
    }
    headers = {"content-type": "application/json"}
    status, answer = read(
        await outside.sts.token(call(headers=headers, body=json.dumps(body).encode()))
    )
    assert status == 200, answer
    for wrong in ("[]", "{", '{"a":1}', '{"a":"b","a":"c"}', "[" * 9999):
        reply = await outside.sts.token(call(headers=headers, body=wrong.encode()))
        assert read(reply)[1]["error"] == "invalid_request"


async def test_the_token_ends_with_its_hour() -> None:
    outside = await Outside.start()
    token = await outside.access_token()
    outside.iam.cloud.clock.advance(3599)
    assert (await outside.principal(token)).sets
    outside.iam.cloud.clock.advance(1)
    assert await refused(outside, token)


@pytest.mark.parametrize("noun", ["pool", "provider"])
@pytest.mark.parametrize("end", ["disable", "delete"])
async def test_what_vouches_no_more_ends_its_tokens_at_once(noun: str, end: str) -> None:
    outside = await Outside.start()
    method, name = (POOLS, outside.name)
    if noun == "provider":
        method, name = f"{POOLS}.providers", f"{outside.name}/providers/idp-1"
    token, mask = await outside.access_token(), {"updateMask": "disabled"}
    assert (await outside.principal(token)).sets
    if end == "disable":
        await outside.iam.ask(f"{method}.patch", name, {"disabled": True}, query=mask)
    else:
        await outside.iam.ask(f"{method}.delete", name)
    assert await refused(outside, token)
    status, answer = await outside.exchange(outside.id_token())
    assert (status, answer["error"]) == (400, "invalid_target")
    if end == "disable":
        await outside.iam.ask(f"{method}.patch", name, {"disabled": False}, query=mask)
    else:
        await outside.iam.ask(f"{method}.undelete", name)
    assert (await outside.principal(token)).sets


async def test_a_pool_of_the_same_name_is_another_pool() -> None:
    outside = await Outside.start()
    await outside.iam.ask(f"{POOLS}.delete", outside.name)
    with pytest.raises(CloudError, match="already exists"):
        await outside.create_pool()
    outside.iam.cloud.clock.advance(30 * 86_400 - 1000)
    await outside.iam.ask(f"{POOLS}.undelete", outside.name)
    token = await outside.access_token()
    await outside.iam.ask(f"{POOLS}.delete", outside.name)
    outside.iam.cloud.clock.advance(30 * 86_400)
    await outside.create_pool()
    assert (await outside.exchange(outside.id_token()))[1]["error"] == "invalid_target"
    await outside.create_provider()
    assert await refused(outside, token)
    assert (await outside.principal(await outside.access_token())).sets


async def test_the_condition_decides() -> None:
    outside = await Outside.start(attributeCondition="assertion.team == 'red'")
    assert (await outside.exchange(outside.id_token(team="red")))[0] == 200
    for claims in ({"team": "blue"}, {}, {"team": ["red"]}):
        status, answer = await outside.exchange(outside.id_token(**claims))
        assert (status, answer["error"]) == (400, "unauthorized_client")


async def test_one_issuers_subject_is_not_another_pools() -> None:
    outside = await Outside.start()
    other = Outside(outside.iam)
    other.name = (await other.create_pool("pool-2"))["response"]["name"]
    key = signing_key("other")
    await other.create_provider(oidc={"issuerUri": ISSUER, "jwksJson": jwks(key)})
    status, answer = await other.exchange(outside.id_token("robot", aud=f"https:{other.audience}"))
    assert (status, answer["error"]) == (400, "invalid_grant")
    status, answer = await other.exchange(outside.id_token())
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert outside.member("subject/robot") != other.member("subject/robot")


async def test_without_audiences_of_its_own_a_provider_takes_its_full_name_alone() -> None:
    outside = await Outside.start()
    assert (await outside.exchange(outside.id_token(aud=outside.audience)))[0] == 200
    for audience in (outside.name, f"http:{outside.audience}", f"{outside.audience}/", "x"):
        assert (await outside.exchange(outside.id_token(aud=audience)))[0] == 400
    oidc = {"issuerUri": ISSUER, "jwksJson": jwks(), "allowedAudiences": ["one", "two"]}
    await outside.create_provider("idp-2", oidc=oidc)
    second = outside.audience.replace("idp-1", "idp-2")
    for audience, expected in (("two", 200), (second, 400), (f"https:{second}", 400)):
        token = outside.id_token(aud=audience)
        assert (await outside.exchange(token, audience=second))[0] == expected


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"audience": ""}, "invalid_request"),
        ({"audience": "//iam.googleapis.com/projects/1/providers/x"}, "invalid_request"),
        ({"audience": "//evil.example.test/x"}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"scope": "a " * 60}, "invalid_scope"),
        ({"scope": "a" * 300}, "invalid_scope"),
        ({"requested_token_type": f"{_TYPE}refresh_token"}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token": "a.b.c"}, "invalid_grant"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"subject_token_type": f"{_TYPE}saml2"}, "invalid_request"),
        ({"subject_token_type": f"{_TYPE}mtls"}, "invalid_request"),
        ({"subject_token_type": f"{_TYPE}access_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"options": "{"}, "invalid_request"),
        ({"options": "[]"}, "invalid_request"),
        ({"options": "%7B%22userProject%22%3A1%7D"}, "invalid_request"),
        ({"options": '{"accessBoundary":{}}'}, "invalid_request"),
        ({"options": "x" * 5000}, "invalid_request"),
    ],
)
async def test_requests_that_are_not_right(
    shared: Outside, changes: dict[str, str], error: str
) -> None:
    outside = shared
    status, answer = await outside.exchange(outside.id_token(), **changes)
    assert (status, answer["error"]) == (400, error)
    assert answer["error_description"]


async def test_a_provider_that_is_not_there_is_refused_like_one_that_is_disabled() -> None:
    outside = await Outside.start()
    there = outside.audience
    await outside.iam.ask(f"{POOLS}.delete", outside.name)
    answers = [
        await outside.exchange(outside.id_token(), audience=audience)
        for audience in (there, there.replace("pool-1", "pool-9"), there.replace("idp-1", "idp-9"))
    ]
    assert len({json.dumps(answer) for answer in answers}) == 1


async def test_options_are_encoded_once_more_than_the_form(shared: Outside) -> None:
    outside = shared
    options = quote(json.dumps({"userProject": "lab:demo"}))
    assert (await outside.exchange(outside.id_token(), options=options))[0] == 200


async def test_introspection_tells_whom_a_token_speaks_for() -> None:
    outside = await Outside.start()
    token = await outside.access_token()

    async def told(token: str) -> Any:
        form = {"token": token, "token_type_hint": f"{_TYPE}access_token"}
        request = call(headers=FORM, body=urlencode(form).encode())
        return read(await outside.sts.introspect(request))[1]

    now = outside.iam.cloud.clock() // 1_000_000
    assert await told(token) == {
        "active": True,
        "username": outside.member("subject/robot"),
        "sub": "robot",
        "client_id": "robot",
        "iss": "https://sts.apis.example.test/",
        "scope": CLOUD_PLATFORM,
        "iat": now,
        "exp": now + 3600,
        "token_type": "Bearer",
    }
    for dead in (token[:-1], token + "A", "x", "ya29.d.", "y" * 20_000, outside.id_token()):
        assert await told(dead) == {"active": False}
    await outside.iam.ask(f"{POOLS}.delete", outside.name)
    assert await told(token) == {"active": False}


async def test_a_revoked_token_is_refused_from_then_on() -> None:
    outside = await Outside.start()
    token, other = await outside.access_token(), await outside.access_token()
    revocations = outside.iam.cloud.parts.identity.revocations
    await revocations.revoke(token, outside.iam.cloud.clock())
    assert await refused(outside, token)
    assert (await outside.principal(other)).sets


@pytest.mark.parametrize("place", [7, 20, 60, -1])
async def test_no_token_is_forged_or_changed(shared: Outside, place: int) -> None:
    outside = shared
    token = await outside.access_token()
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 or None :]
    assert await refused(outside, changed[: len(token)])
    assert await refused(outside, token.replace("ya29.d.", "ya29."))
    assert await refused(outside, token.replace("ya29.d.", "ya29.c."))
    assert await refused(outside, outside.id_token())


async def test_a_token_admits_only_what_its_scopes_do(shared: Outside) -> None:
    outside = shared
    scope = "https://www.googleapis.com/auth/cloudkms"
    _, answer = await outside.exchange(outside.id_token(), scope=scope)
    assert await refused(outside, answer["access_token"])


async def test_as_many_attributes_as_may_be_fit_into_a_token() -> None:
    outside = await Outside.start(attributeMapping=GROUPS)
    groups = [f"{number:04}{'g' * 36}" for number in range(200)]
    principal = await outside.principal(await outside.access_token(groups=groups, team="t"))
    assert outside.member(f"group/{groups[-1]}") in principal.sets


async def test_a_token_is_on_record_before_it_leaves_and_so_is_a_refusal() -> None:
    outside = await Outside.start()
    sealed = outside.iam.cloud.parts.sealed
    token = outside.id_token("robot")
    await outside.exchange(token)
    leaf = await last_entry(sealed)
    assert (leaf.method, leaf.status) == ("sts.token", 200)
    assert leaf.principal == outside.member("subject/robot")
    assert leaf.facts == {"scopes": CLOUD_PLATFORM, "seconds": "3600"}
    status, _ = await outside.exchange(token[:-9] + "AAAAAAAAA")
    leaf = await last_entry(sealed)
    assert (leaf.method, leaf.status, leaf.principal) == ("sts.token", status, "allUsers")
    assert (leaf.resource, leaf.facts) == (outside.audience, {"error": "invalid_grant"})


async def test_refusals_do_not_fill_the_log() -> None:
    outside = await Outside.start()
    sealed = outside.iam.cloud.parts.sealed
    before, sts = await sealed.length(FEED), outside.sts
    for _ in range(REFUSALS_PER_SECOND_MAX + 5):
        await sts.token(call(headers=FORM, body=b"grant_type=nonsense"))
    assert await sealed.length(FEED) == before + REFUSALS_PER_SECOND_MAX
    outside.iam.cloud.clock.advance(1)
    await sts.token(call(headers=FORM, body=b"grant_type=nonsense"))
    assert await sealed.length(FEED) == before + REFUSALS_PER_SECOND_MAX + 2
    [counted, _] = await sealed.entries(FEED, before + REFUSALS_PER_SECOND_MAX, limit=2)
    assert decode(counted.content).facts["refusals"] == "5"
