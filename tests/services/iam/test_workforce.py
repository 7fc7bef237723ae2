"""Pools of people, each its own organization's: the name, the secrets, and who may bind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.core.names import OrganizationId
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.hierarchy import ORGANIZATIONS, Organization
from support.cloud_iam import DAY, Iam
from support.cloud_storage import CONFIG, Cloud
from support.clouds import policy

POOLS = "iam.locations.workforcePools"
HERE, THEIRS = "locations/global", "organizations/77"
POOL = f"{HERE}/workforcePools/people"
OIDC = {
    "issuerUri": "https://idp.example.test",
    "clientId": "c",
    "clientSecret": {"value": {"plainText": "agreed with idp.example.test"}},
}


async def started() -> tuple[Iam, str]:
    """Return a universe and its organization; its administrator has another, and a pool here."""
    iam = await Iam.start()
    sealed = iam.cloud.parts.sealed
    found = await sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
    own = found[0].value
    second = Organization(
        OrganizationId("77"), "another", own.created, policy=policy(*own.policy.bindings)
    )
    write = sealed.transaction()
    write.put(ORGANIZATIONS, "77", value=second)
    await write.commit()
    await create(iam, f"organizations/{own.id}")
    return iam, f"organizations/{own.id}"


async def test_a_first_way_in_gives_nothing_that_duties_keep_apart() -> None:
    apart = Duty(
        "rights-and-roles",
        frozenset(("resourcemanager.organizations.setIamPolicy",)),
        frozenset(("iam.roles.list", "resourcemanager.organizations.getIamPolicy")),
    )
    iam = Iam(await Cloud.start(config=replace(CONFIG, duties=(apart,))))
    with pytest.raises(CloudError) as refused:
        await iam.ask("iam.organizations.bootstraps.create", "organizations/-")
    assert (refused.value.info and refused.value.info.reason) == "SEPARATION_OF_DUTIES"


async def create(iam: Iam, organization: str) -> dict[str, Any]:
    query = {"workforcePoolId": "people"}
    return await iam.ask(f"{POOLS}.create", HERE, {"parent": organization}, query=query)


async def test_the_name_of_a_deleted_pool_never_comes_to_another_organization() -> None:
    iam, own = await started()
    await iam.ask(f"{POOLS}.delete", POOL)
    iam.cloud.clock.advance(31 * DAY)
    with pytest.raises(CloudError) as refused:
        await create(iam, THEIRS)
    assert refused.value.code is Code.ALREADY_EXISTS
    assert (await create(iam, own))["response"]["name"] == POOL


async def test_the_secret_of_a_provider_is_not_sent_to_another_issuer() -> None:
    iam, _ = await started()
    provider = {"attributeMapping": {"google.subject": "assertion.sub"}, "oidc": OIDC}
    query = {"workforcePoolProviderId": "corp"}
    await iam.ask(f"{POOLS}.providers.create", POOL, provider, query=query)

    async def patch(mask: str, **oidc: Any) -> dict[str, Any]:
        name, query = f"{POOL}/providers/corp", {"updateMask": mask}
        return await iam.ask(f"{POOLS}.providers.patch", name, {"oidc": oidc}, query=query)

    away = "https://listens.example.test"
    fresh = {"value": {"plainText": "agreed with listens.example.test"}}
    for given in ({}, {"clientSecret": fresh}):
        with pytest.raises(CloudError) as refused:
            await patch("oidc.issuerUri", issuerUri=away, **given)
        assert refused.value.field == "oidc.clientSecret"
    await patch("oidc.clientId", clientId="d")
    await patch("oidc.issuerUri,oidc.clientSecret", issuerUri=away, clientSecret=fresh)
    await patch("oidc", issuerUri=OIDC["issuerUri"], clientId="c")


async def bind_wide(iam: Iam, organization: str, own: str) -> None:
    """Bind the pool to all of an organization, by a policy of the one where it is done."""
    where = f"{organization}/locations/global"
    noun = "iam.organizations.locations"
    rule = {"resources": [f"//cloudresourcemanager.googleapis.com/{own}"], "effect": "ALLOW"}
    wide, query = {"details": {"rules": [rule]}}, {"principalAccessBoundaryPolicyId": "wide"}
    await iam.ask(f"{noun}.principalAccessBoundaryPolicies.create", where, wide, query=query)
    binding = {
        "policy": f"{where}/principalAccessBoundaryPolicies/wide",
        "target": {"principalSet": f"//iam.googleapis.com/{POOL}"},
    }
    query = {"policyBindingId": "wide"}
    await iam.ask(f"{noun}.policyBindings.create", where, binding, query=query)


async def test_an_organization_binds_no_pool_of_another() -> None:
    iam, own = await started()
    await bind_wide(iam, own, own)
    with pytest.raises(CloudError) as refused:
        await bind_wide(iam, THEIRS, own)
    assert refused.value.field == "target.principalSet"
