"""Workforce pools and providers by Google's Python client: what they take, keep and refuse."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from support.universe import Universe

POOLS = "/iam/v1/locations/global/workforcePools"
SECRET = "the client's own secret"
OIDC = {
    "issuerUri": "https://idp.example.test",
    "clientId": "c",
    "clientSecret": {"value": {"plainText": SECRET}},
    "webSsoConfig": {"responseType": "CODE", "assertionClaimsBehavior": "ONLY_ID_TOKEN_CLAIMS"},
}
PROVIDER = {"attributeMapping": {"google.subject": "assertion.sub"}, "oidc": OIDC}


class Refused(AssertionError):  # noqa: N818 - it is named for what it is
    """An answer that is an error."""

    def __init__(self, answer: httpx.Response) -> None:
        error = answer.json()["error"]
        super().__init__(error["message"])
        self.code = error["code"]
        violations = [
            one["fieldViolations"] for one in error["details"] if "fieldViolations" in one
        ]
        self.field = violations[0][0]["field"] if violations else ""


class Pools:
    """The API as the administrator sees it."""

    def __init__(self, admin: httpx.Client, organization: str) -> None:
        self.admin = admin
        self.organization = organization

    def call(self, verb: str, name: str, body: Any = None, **query: str) -> dict[str, Any]:
        answer = self.admin.request(verb, f"/iam/v1/{name}", params=query, json=body)
        if answer.status_code != 200:
            raise Refused(answer)
        document: dict[str, Any] = answer.json()
        return document

    def pool(self, **settings: Any) -> str:
        body = {"parent": self.organization, **settings}
        query = {"workforcePoolId": f"p{uuid.uuid4().hex[:12]}"}
        made = self.call("POST", "locations/global/workforcePools", body, **query)
        return str(made["response"]["name"])

    def provider(self, pool: str, id_: str = "corp", **settings: Any) -> dict[str, Any]:
        query = {"workforcePoolProviderId": id_}
        made = self.call("POST", f"{pool}/providers", PROVIDER | settings, **query)
        document: dict[str, Any] = made["response"]
        return document


@pytest.fixture
def pools(admin: httpx.Client, universe: Universe) -> Pools:
    return Pools(admin, universe.above["organizations"])


def test_a_pool_is_made_changed_deleted_and_had_back(pools: Pools) -> None:
    name = pools.pool(displayName="People", sessionDuration="900s")
    assert pools.call("GET", name) == {
        "name": name,
        "parent": pools.organization,
        "displayName": "People",
        "sessionDuration": "900s",
        "state": "ACTIVE",
    }
    change = {"accessRestrictions": {"allowedServices": [{"domain": "console.example.test"}]}}
    done = pools.call("PATCH", name, change, updateMask="accessRestrictions,description")
    assert done["response"]["accessRestrictions"] == change["accessRestrictions"]
    assert pools.call("GET", done["name"])["done"]
    gone = pools.call("DELETE", name)["response"]
    assert (gone["state"], "expireTime" in gone) == ("DELETED", True)
    listed = {"parent": pools.organization, "pageSize": "100"}
    where = "locations/global/workforcePools"
    shown = pools.call("GET", where, **listed).get("workforcePools", [])
    assert name not in {one["name"] for one in shown}
    every = pools.call("GET", where, **listed, showDeleted="true")["workforcePools"]
    assert name in {one["name"] for one in every}
    for verb, path in (("DELETE", name), ("PATCH", name)):
        with pytest.raises(Refused) as refused:
            pools.call(verb, path, {} if verb == "PATCH" else None, updateMask="description")
        assert refused.value.code == 400
    assert pools.call("POST", f"{name}:undelete", {})["response"]["state"] == "ACTIVE"
    with pytest.raises(Refused):
        pools.call("POST", f"{name}:undelete", {})


def test_a_secret_goes_in_and_never_comes_out(pools: Pools, universe: Universe) -> None:
    pool = pools.pool()
    made = pools.provider(pool)
    name = made["name"]
    mark = made["oidc"]["clientSecret"]["value"]
    assert mark.keys() == {"thumbprint"}
    same = pools.call("PATCH", name, {"displayName": "x"}, updateMask="displayName")["response"]
    assert same["oidc"]["clientSecret"]["value"] == mark
    other = {"oidc": {"clientSecret": {"value": {"plainText": "another"}}}}
    mask = "oidc.clientSecret.value.plainText"
    changed = pools.call("PATCH", name, other, updateMask=mask)["response"]
    assert changed["oidc"]["clientSecret"]["value"] != mark
    assert changed["oidc"]["clientId"] == "c"
    shown = [pools.call("GET", name), pools.call("GET", f"{pool}/providers")]
    assert SECRET not in str(shown)
    assert SECRET not in universe.log()
    without = {"oidc": {key: value for key, value in OIDC.items() if key != "clientSecret"}}
    assert (
        "clientSecret"
        not in pools.call("PATCH", name, without, updateMask="oidc")["response"]["oidc"]
    )


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"sessionDuration": "899s"}, "sessionDuration"),
        ({"sessionDuration": "43201s"}, "sessionDuration"),
        ({"displayName": "x" * 33}, "displayName"),
        ({"description": "x" * 257}, "description"),
        ({"parent": "projects/p"}, "parent"),
        ({"parent": ""}, "parent"),
        ({"unknown": 1}, "unknown"),
        (
            {"accessRestrictions": {"allowedServices": [{"domain": "not a domain"}]}},
            "accessRestrictions.allowedServices.domain",
        ),
        (
            {"accessRestrictions": {"allowedServices": [{"domain": "a.example"}] * 21}},
            "accessRestrictions.allowedServices",
        ),
    ],
)
def test_a_pool_that_cannot_be_is_refused(
    pools: Pools, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        pools.pool(**settings)
    assert (refused.value.code, refused.value.field) == (400, field)


def web(**changes: Any) -> dict[str, Any]:
    return {"oidc": {**OIDC, "webSsoConfig": {**OIDC["webSsoConfig"], **changes}}}  # type: ignore[dict-item]  # an object


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"saml": {"idpMetadataXml": "<x/>"}}, "saml.idpMetadataXml"),
        ({"extraAttributesOauth2Client": {"clientId": "c"}}, "extraAttributesOauth2Client"),
        ({"scimUsage": "ENABLED_FOR_GROUPS"}, "scimUsage"),
        ({"oidc": None}, "oidc"),
        ({"oidc": {**OIDC, "issuerUri": "http://idp.example.test"}}, "oidc.issuerUri"),
        ({"oidc": {**OIDC, "issuerUri": "https://idp.example.test?x"}}, "oidc.issuerUri"),
        ({"oidc": {**OIDC, "clientId": ""}}, "oidc.clientId"),
        ({"oidc": {**OIDC, "jwksJson": "{}"}}, "oidc.jwksJson"),
        (web(responseType="ID_TOKEN"), "oidc.webSsoConfig.responseType"),
        (web(assertionClaimsBehavior="x"), "oidc.webSsoConfig.assertionClaimsBehavior"),
        (web(additionalScopes=["a b"]), "oidc.webSsoConfig.additionalScopes"),
        (web(additionalScopes=["a"] * 11), "oidc.webSsoConfig.additionalScopes"),
        ({"attributeMapping": {}}, "attributeMapping"),
        ({"attributeMapping": {"google.nothing": "assertion.sub"}}, "attributeMapping"),
    ],
)
def test_a_provider_that_cannot_be_is_refused(
    pools: Pools, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        pools.provider(pools.pool(), **settings)
    assert (refused.value.code, refused.value.field) == (400, field)


@pytest.mark.parametrize(
    "id_", ["short", "1digit-first", "ends-", "UPPER-CASE", "gcp-mine", "rempart-mine", "x" * 64]
)
def test_a_name_that_cannot_be_is_refused(pools: Pools, id_: str) -> None:
    with pytest.raises(Refused) as refused:
        pools.call(
            "POST",
            "locations/global/workforcePools",
            {"parent": pools.organization},
            workforcePoolId=id_,
        )
    assert refused.value.field == "workforcePoolId"
    for provider in ("abc", "gcp-x1", "rempart-x", "a b c d", "x" * 33):
        with pytest.raises(Refused) as refused:
            pools.provider(pools.pool(), provider)
        assert refused.value.field == "workforcePoolProviderId"


def test_names_are_taken_in_all_organizations_and_live_in_one_place(pools: Pools) -> None:
    id_ = pools.pool().rpartition("/")[2]
    body = {"parent": pools.organization}
    with pytest.raises(Refused) as refused:
        pools.call("POST", "locations/global/workforcePools", body, workforcePoolId=id_)
    assert refused.value.code == 409
    with pytest.raises(Refused) as refused:
        pools.call("GET", f"locations/u-local1/workforcePools/{id_}")
    assert refused.value.code == 400


def test_who_administers_one_pool_administers_no_other(pools: Pools, universe: Universe) -> None:
    mine, other = pools.pool(), pools.pool()
    email = universe.keys["stranger"]["client_email"]
    binding = {
        "role": "roles/iam.workforcePoolAdmin",
        "members": [f"serviceAccount:{email}"],
    }
    pools.call("POST", f"{mine}:setIamPolicy", {"policy": {"bindings": [binding]}})
    with universe.caller(universe.token(universe.keys["stranger"])) as stranger:
        assert stranger.get(f"/iam/v1/{mine}").status_code == 200
        assert stranger.get(f"/iam/v1/{other}").status_code == 403
        asked = {"permissions": ["iam.workforcePools.update", "iam.workforcePools.create"]}
        held = stranger.post(f"/iam/v1/{mine}:testIamPermissions", json=asked).json()
        assert held["permissions"] == asked["permissions"]
