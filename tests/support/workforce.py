"""An organization whose people sign in through a provider of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.oidc_provider import SECRET, OIDCProvider, running
from support.universe import Universe
from support.visitor import Visitor, authorize, told

POOLS = "/iam/v1/locations/global/workforcePools"
POOLS_MAX = 100
"""More than tests make in one run: the provider must know the address of each beforehand."""

CLIENT = "rempart"
MAPPING = {
    "google.subject": "assertion.sub",
    "google.groups": "assertion.groups",
    "google.display_name": "assertion.name",
    "attribute.department": "'department' in assertion ? assertion.department : 'none'",
}
_numbers = iter(range(POOLS_MAX))


@dataclass
class Organization:
    """A pool with a provider, the provider's own program, and the browsers that were opened."""

    admin: httpx.Client
    universe: Universe
    idp: OIDCProvider
    pool: str
    visitors: list[Visitor] = field(default_factory=list)

    @classmethod
    def founded(cls, admin: httpx.Client, universe: Universe, idp: OIDCProvider) -> Organization:
        """Make a fresh pool with a provider."""
        id_ = f"corp-{next(_numbers)}"
        parent = universe.above["organizations"]
        made = admin.post(POOLS, params={"workforcePoolId": id_}, json={"parent": parent})
        assert made.status_code == 200, made.text
        founded = cls(admin, universe, idp, f"locations/global/workforcePools/{id_}")
        founded.add_provider("corp")
        return founded

    @property
    def provider(self) -> str:
        return f"{self.pool}/providers/corp"

    def member(self, who: str) -> str:
        return f"principal://iam.googleapis.com/{self.pool}/subject/{who}"

    def add_provider(self, id_: str, **changes: Any) -> dict[str, Any]:
        """Add a provider; `changes` are to its oidc settings."""
        web = {"responseType": "CODE", "assertionClaimsBehavior": "ONLY_ID_TOKEN_CLAIMS"}
        oidc = {
            "issuerUri": self.idp.issuer,
            "clientId": CLIENT,
            "clientSecret": {"value": {"plainText": SECRET}},
            "webSsoConfig": web,
        } | changes
        document = {"attributeMapping": MAPPING, "oidc": oidc}
        url = f"/iam/v1/{self.pool}/providers"
        made = self.admin.post(url, params={"workforcePoolProviderId": id_}, json=document)
        assert made.status_code == 200, made.text
        shown: dict[str, Any] = made.json()
        return shown

    def change(self, name: str, mask: str, document: dict[str, Any]) -> None:
        answer = self.admin.patch(f"/iam/v1/{name}", params={"updateMask": mask}, json=document)
        assert answer.status_code == 200, answer.text

    def do(self, name: str, verb: str) -> dict[str, Any]:
        """Call a method that has no more to say than its name."""
        answer = self.admin.post(f"/iam/v1/{name}:{verb}", json={})
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def visitor(self) -> Visitor:
        """Open a browser."""
        made = Visitor(self.universe, self.idp)
        self.visitors.append(made)
        return made

    def signed_in(self, who: str = "alice") -> tuple[Visitor, dict[str, Any]]:
        """Sign somebody in for a program; return the browser and the program's tokens."""
        visitor = self.visitor()
        url, verifier = authorize(self.provider)
        page = visitor.sign_in(url, who)
        answer = visitor.submit(page, "/confirm", answer="yes")
        sold = visitor.exchange(told(answer)["code"], verifier)
        assert sold.status_code == 200, sold.text
        tokens: dict[str, Any] = sold.json()
        return visitor, tokens

    def whoami(self, token: str) -> dict[str, Any]:
        form = {"token": token, "token_type_hint": "urn:ietf:params:oauth:token-type:access_token"}
        answer: dict[str, Any] = self.admin.post("/sts/v1/introspect", data=form).json()
        return answer

    def close(self) -> None:
        """Close every browser."""
        for visitor in self.visitors:
            visitor.close()


@contextmanager
def provider(
    universe: Universe, folder: Path, config: pytest.Config, **settings: Any
) -> Iterator[OIDCProvider]:
    """Run the organization's provider; it knows our addresses of any pool that tests make."""
    site = f"https://auth.cloud.localhost:{universe.listen}/signin-callback"
    uris = tuple(
        f"{site}/locations/global/workforcePools/corp-{number}/providers/{id_}"
        for number in range(POOLS_MAX)
        for id_ in ("corp", "other")
    )
    clients = settings.pop("clients", {}) | {CLIENT: uris}
    with running(folder, config, authority=universe.outside, clients=clients, **settings) as made:
        yield made


@pytest.fixture(scope="module")
def idp(
    universe: Universe, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[OIDCProvider]:
    """Run the organization's provider for the tests of a file."""
    with provider(universe, tmp_path_factory.mktemp("idp"), pytestconfig) as made:
        yield made


@pytest.fixture
def organization(
    universe: Universe, admin: httpx.Client, idp: OIDCProvider
) -> Iterator[Organization]:
    """Return a fresh pool with a provider."""
    founded = Organization.founded(admin, universe, idp)
    yield founded
    founded.close()
