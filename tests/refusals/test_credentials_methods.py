"""IAM Credentials v1, and IAM's pools of workloads, by every caller who must not: refused, in vain.

The list is generated from the tables of methods. The same requests, made by the administrator, are
not refused: so it is the caller who is.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from rempart.core.method import Method
from rempart.services.iam.workload_identity import METHODS as POOL_METHODS
from rempart.services.iamcredentials import METHODS as CREDENTIALS_METHODS
from rempart.wire import load
from support.federated import ISSUER, jwks
from support.universe import CLOUD_PLATFORM, Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {one.id: one for api in ("iam", "iamcredentials") for one in load(api, "v1").methods}
TABLE: tuple[Method[Any], ...] = (*POOL_METHODS, *CREDENTIALS_METHODS)
PUBLIC = {str(one.id): one.public for one in TABLE}
OIDC = {"issuerUri": ISSUER, "jwksJson": jwks()}
MAPPING = {"google.subject": "assertion.sub"}


@dataclass(frozen=True)
class Victim:
    """A pool with a provider, and the operation that made the provider; an account."""

    location: str
    pool: str
    operation: str
    account: str

    @property
    def provider(self) -> str:
        return f"{self.pool}/providers/victim-1"

    def name(self, method: str) -> str:
        """Return what the path of a method names."""
        verb = method.rpartition(".")[2]
        if method.startswith("iamcredentials."):
            named = {"locations.workforcePools": "locations/global/workforcePools/p"}
            named |= {"workloadIdentityPools": self.pool}
            return next((name for part, name in named.items() if part in method), self.account)
        if method.endswith("providers.operations.get"):
            return self.operation
        if method.endswith("workloadIdentityPools.operations.get"):
            return self.operation.replace("/providers/victim-1", "")
        if ".providers." in method:
            return self.pool if verb in {"create", "list"} else self.provider
        return self.location if verb in {"create", "list"} else self.pool


def _body(method: str) -> dict[str, Any]:
    bodies: dict[str, dict[str, Any]] = {
        "generateAccessToken": {"scope": [CLOUD_PLATFORM]},
        "generateIdToken": {"audience": "https://x.example.test"},
        "signBlob": {"payload": "YQ=="},
        "signJwt": {"payload": "{}"},
        "providers.create": {"oidc": OIDC, "attributeMapping": MAPPING},
        "patch": {"description": "touched"},
    }
    return next((body for end, body in bodies.items() if method.endswith(end)), {})


def ask(caller: httpx.Client, method: str, victim: Victim) -> httpx.Response:
    path, verb = WIRE[method].path, WIRE[method].verb
    start, end = path.index("{"), path.index("}")
    path = path[:start] + victim.name(method) + path[end + 1 :]
    fresh = f"new-{uuid.uuid4().hex[:8]}"
    query = {"updateMask": "description"} if verb == "PATCH" else {}
    if method.endswith(".create"):
        noun = "ProviderId" if ".providers." in method else "Id"
        query = {f"workloadIdentityPool{noun}": fresh}
    body = _body(method) if verb in {"POST", "PATCH"} else None
    return caller.request(
        verb, f"/{method.split('.', maxsplit=1)[0]}/{path}", params=query, json=body
    )


@pytest.fixture
def victim(admin: httpx.Client, universe: Universe) -> Victim:
    return _victim(admin, universe)


@pytest.fixture(scope="module")
def untouched(admin: httpx.Client, universe: Universe) -> Victim:
    """Return one victim for all refusals: none of them changes it."""
    return _victim(admin, universe)


def _victim(admin: httpx.Client, universe: Universe) -> Victim:
    fresh, project = uuid.uuid4().hex[:8], f"projects/{universe.project}"
    location = f"{project}/locations/global"

    def made(path: str, body: dict[str, Any], **query: str) -> dict[str, Any]:
        answer = admin.post(f"/iam/v1/{path}", json=body, params=query)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    where = f"{location}/workloadIdentityPools"
    pool = made(where, {}, workloadIdentityPoolId=f"victim-{fresh}")["response"]["name"]
    settings = {"oidc": OIDC, "attributeMapping": MAPPING}
    query = {"workloadIdentityPoolProviderId": "victim-1"}
    operation = made(f"{pool}/providers", settings, **query)["name"]
    account = made(f"{project}/serviceAccounts", {"accountId": f"victim-{fresh}"})
    role, me = "roles/iam.serviceAccountTokenCreator", universe.admin_key["client_email"]
    bindings = [{"role": role, "members": [f"serviceAccount:{me}"]}]
    made(f"{account['name']}:setIamPolicy", {"policy": {"bindings": bindings}})
    return Victim(location, pool, operation, f"projects/-/serviceAccounts/{account['email']}")


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def state(admin: httpx.Client, victim: Victim) -> list[Any]:
    """Return everything that a request could have changed."""
    every = {"showDeleted": "true"}
    pools = admin.get(f"/iam/v1/{victim.location}/workloadIdentityPools", params=every)
    providers = admin.get(f"/iam/v1/{victim.pool}/providers", params=every)
    email = victim.account.rpartition("/")[2]
    return [pools.json(), providers.json(), admin.get(f"/robot/v1/metadata/jwk/{email}").json()]


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("method", sorted(PUBLIC))
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], untouched: Victim, method: str, who: str
) -> None:
    before = state(admin, untouched)
    answer = ask(callers[who], method, untouched)
    if PUBLIC[method] and who not in {"expired", "wrong audience"}:
        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == {"locations", "encodedLocations"}
    else:
        assert answer.status_code == REFUSED[who], answer.text
        error = answer.json()["error"]
        assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
        assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")
    assert state(admin, untouched) == before


@pytest.mark.parametrize("method", sorted(PUBLIC))
def test_the_administrator_is_not_refused(admin: httpx.Client, victim: Victim, method: str) -> None:
    if method.endswith("undelete"):
        assert ask(admin, method.replace("undelete", "delete"), victim).status_code == 200
    answer = ask(admin, method, victim)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "rest",
    ["/providers/victim-1/keys", "/namespaces", ":listAttestationRules"],
)
def test_what_is_not_answered_says_so_by_name(
    admin: httpx.Client, untouched: Victim, rest: str
) -> None:
    answer = admin.get(f"/iam/v1/{untouched.pool}{rest}")
    assert answer.status_code == 501, answer.text
    assert "iam.projects.locations.workloadIdentityPools." in answer.json()["error"]["message"]
