"""People sign in through their organization's provider, and let programs act for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.oidc_provider import SECRET, OIDCProvider, running
from support.universe import Universe
from support.visitor import Visitor, authorize, told

POOLS = "/iam/v1/locations/global/workforcePools"
MAPPING = {
    "google.subject": "assertion.sub",
    "google.groups": "assertion.groups",
    "google.display_name": "assertion.name",
    "attribute.department": "'department' in assertion ? assertion.department : 'none'",
}


@dataclass
class Organization:
    """A pool with a provider, and the provider's own program."""

    admin: httpx.Client
    universe: Universe
    idp: OIDCProvider
    pool: str

    @property
    def provider(self) -> str:
        return f"{self.pool}/providers/corp"

    def change(self, name: str, mask: str, document: dict[str, Any]) -> None:
        answer = self.admin.patch(f"/iam/v1/{name}", params={"updateMask": mask}, json=document)
        assert answer.status_code == 200, answer.text

    def signed_in(self, who: str = "alice") -> tuple[Visitor, dict[str, Any]]:
        """Sign somebody in for a program; return the browser and the program's tokens."""
        visitor = Visitor(self.universe, self.idp)
        url, verifier = authorize(self.provider)
        page = visitor.sign_in(url, who)
        answer = visitor.submit(page, "/confirm", answer="yes")
        sold = visitor.exchange(told(answer)["code"], verifier)
        assert sold.status_code == 200, sold.text
        tokens: dict[str, Any] = sold.json()
        return visitor, tokens

    def whoami(self, token: str) -> dict[str, Any]:
        form = {"token": token, "token_type_hint": "urn:ietf:params:oauth:token-type:access_token"}
        told: dict[str, Any] = self.admin.post("/sts/v1/introspect", data=form).json()
        return told


@pytest.fixture(scope="module")
def idp(
    universe: Universe, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[OIDCProvider]:
    """Run the organization's provider; it knows our addresses of any pool that tests make."""
    site = f"https://auth.cloud.localhost:{universe.listen}/signin-callback"
    pools = [f"corp-{number}" for number in range(POOLS_MAX)]
    uris = tuple(
        f"{site}/locations/global/workforcePools/{pool}/providers/{provider}"
        for pool in pools
        for provider in ("corp", "other")
    )
    with running(
        tmp_path_factory.mktemp("idp"),
        pytestconfig,
        authority=universe.outside,
        clients={"rempart": uris},
    ) as made:
        yield made


POOLS_MAX = 30
_numbers = iter(range(POOLS_MAX))


@pytest.fixture
def organization(universe: Universe, admin: httpx.Client, idp: OIDCProvider) -> Organization:
    """Return a fresh pool with a provider."""
    id_ = f"corp-{next(_numbers)}"
    parent = universe.above["organizations"]
    made = admin.post(POOLS, params={"workforcePoolId": id_}, json={"parent": parent})
    assert made.status_code == 200, made.text
    pool = f"locations/global/workforcePools/{id_}"
    add_provider(admin, idp, pool, "corp")
    return Organization(admin, universe, idp, pool)


def add_provider(admin: httpx.Client, idp: OIDCProvider, pool: str, id_: str) -> None:
    document = {
        "attributeMapping": MAPPING,
        "oidc": {
            "issuerUri": idp.issuer,
            "clientId": "rempart",
            "clientSecret": {"value": {"plainText": SECRET}},
            "webSsoConfig": {
                "responseType": "CODE",
                "assertionClaimsBehavior": "ONLY_ID_TOKEN_CLAIMS",
            },
        },
    }
    url = f"/iam/v1/{pool}/providers"
    made = admin.post(url, params={"workforcePoolProviderId": id_}, json=document)
    assert made.status_code == 200, made.text
    assert SECRET not in made.text


def test_a_person_signs_in_and_a_program_acts_for_it(organization: Organization) -> None:
    visitor = Visitor(organization.universe, organization.idp)
    url, verifier = authorize(organization.provider)
    page = visitor.sign_in(url, "alice")
    assert "Google Cloud CLI" in page.text
    assert "Alice Martin" in page.text
    answer = told(visitor.submit(page, "/confirm", answer="yes"))
    assert answer["state"] == "the program's own"
    sold = visitor.exchange(answer["code"], verifier).json()
    assert 3500 < sold["expires_in"] <= 3600
    who = organization.whoami(sold["access_token"])
    member = f"principal://iam.googleapis.com/{organization.pool}/subject/alice"
    assert (who["active"], who["username"]) == (True, member)
    again = visitor.refresh(sold["refresh_token"]).json()
    assert organization.whoami(again["access_token"])["username"] == member
