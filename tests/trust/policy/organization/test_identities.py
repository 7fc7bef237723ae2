"""The constraints on service accounts, their keys and tokens, and on federation."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.core.errors import CloudError
from rempart.core.method import Access
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.core.principal import ANONYMOUS
from rempart.core.proposal import Proposal
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.organization import identities
from rempart.trust.policy.organization.documents import POLICY, OrgPolicy, Rule, Spec
from rempart.trust.policy.organization.guard import OrganizationPolicyGuard
from rempart.trust.policy.organization.policies import Policies
from support.clouds import Cloud
from support.worlds import call

DEMO = ProjectId("lab:demo")
EMAIL = "robot@demo.lab.iam.gserviceaccount.com"
NAME = f"projects/lab:demo/serviceAccounts/{EMAIL}"
ENFORCED = Rule(enforce=True)
ACCOUNT = identities.service_account(DEMO, EMAIL, {"email": EMAIL})
KEY = identities.service_account_key(DEMO, EMAIL, uploaded=False)
UPLOAD = identities.service_account_key(DEMO, EMAIL, uploaded=True)
POOL = "projects/11/locations/global/workloadIdentityPools/p/providers/q"


def provider(**fields: Any) -> Proposal:
    return identities.provider(DEMO, POOL, fields, None)


OIDC = provider(oidc={"issuerUri": "https://id.example.test"})
AWS = provider(aws={"accountId": "123456789012"})


async def refusal(
    proposal: Proposal, rules: dict[str, Rule], service: str = "iam"
) -> CloudError | None:
    """Return what refuses a proposal under policies, one rule for each constraint."""
    cloud = await Cloud().build()
    write = cloud.sealed.transaction()
    for constraint, rule in rules.items():
        policy = OrgPolicy(Spec((rule,)))
        write.put(POLICY, "organizations/1", constraint, value=policy)
    await write.commit()

    async def propose() -> Proposal:
        return proposal

    name = ResourceName("iam.googleapis.com", "iam.googleapis.com/ServiceAccount", NAME)
    asked = Asked(
        ANONYMOUS, "p", Resource(name, DEMO), call(), Access.WRITE, service, propose=propose
    )
    try:
        await OrganizationPolicyGuard(Policies(cloud.sealed)).check(asked)
    except CloudError as problem:
        return problem
    return None


@pytest.mark.parametrize(
    ("constraint", "refused", "admitted"),
    [
        ("disableServiceAccountCreation", ACCOUNT, KEY),
        ("disableServiceAccountKeyCreation", KEY, UPLOAD),
        ("disableServiceAccountKeyUpload", UPLOAD, KEY),
    ],
)
async def test_what_is_disabled_is_not_made(
    constraint: str, refused: Proposal, admitted: Proposal
) -> None:
    for name in (f"iam.{constraint}", f"iam.managed.{constraint}"):
        told = await refusal(refused, {name: ENFORCED})
        assert told is not None
        assert told.code.name == "FAILED_PRECONDITION"
        assert f"'type': 'constraints/{name}'" in str(told.details)
        assert await refusal(admitted, {name: ENFORCED}) is None


async def test_the_refusal_of_a_key_is_googles() -> None:
    told = await refusal(KEY, {"iam.disableServiceAccountKeyCreation": ENFORCED})
    assert told is not None
    assert told.message == "Key creation is not allowed on this service account."


async def test_no_token_lives_longer_than_an_hour_unless_a_policy_names_its_account() -> None:
    hour, longer = (identities.access_token(DEMO, EMAIL, seconds) for seconds in (3600, 3601))
    assert await refusal(hour, {}, "iamcredentials") is None
    assert await refusal(longer, {}, "iamcredentials") is not None
    name = "iam.allowServiceAccountCredentialLifetimeExtension"
    assert await refusal(longer, {name: Rule(allowed=(EMAIL,))}, "iamcredentials") is None
    other = Rule(allowed=("other@demo.lab.iam.gserviceaccount.com",))
    assert await refusal(longer, {name: other}, "iamcredentials") is not None


async def test_only_listed_providers_are_trusted() -> None:
    rule = Rule(allowed=("https://id.example.test",))
    assert await refusal(OIDC, {"iam.workloadIdentityPoolProviders": rule}) is None
    for wrong in (
        provider(oidc={"issuerUri": "https://id.example.test.evil"}),
        provider(saml={"idpMetadataXml": "<x/>"}),
        AWS,
    ):
        assert await refusal(wrong, {"iam.workloadIdentityPoolProviders": rule}) is not None
    account = Rule(allowed=("123456789012",))
    assert await refusal(AWS, {"iam.workloadIdentityPoolAwsAccounts": account}) is None
    account = Rule(denied=("123456789012",))
    assert await refusal(AWS, {"iam.workloadIdentityPoolAwsAccounts": account}) is not None


async def test_a_provider_that_is_trusted_already_may_change_otherwise() -> None:
    before = {"oidc": {"issuerUri": "https://old.example.test"}, "displayName": "old"}
    rules = {"iam.workloadIdentityPoolProviders": Rule(allowed=("https://id.example.test",))}
    renamed = identities.provider(DEMO, POOL, {**before, "displayName": "new"}, before)
    assert await refusal(renamed, rules) is None
    other = {"oidc": {"issuerUri": "https://other.example.test"}}
    assert await refusal(identities.provider(DEMO, POOL, other, before), rules) is not None
