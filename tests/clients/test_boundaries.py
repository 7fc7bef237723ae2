"""Principal access boundaries by Google's Python library, by gRPC and by REST."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import iam_v3
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.expr_pb2 import Expr

from support.universe import NEIGHBOUR, STRANGER, Universe, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

MANAGER = "//cloudresourcemanager.googleapis.com"


def settings(universe: Universe, transport: str) -> dict[str, Any]:
    path = "/iam" if transport == "rest" else ""
    return {
        "credentials": service_account.Credentials.from_service_account_info(universe.admin_key),  # type: ignore[no-untyped-call]  # Google's is untyped
        "transport": transport,
        "client_options": {
            "api_endpoint": f"localhost:{universe.listen}{path}",
            "universe_domain": universe.domain,
        },
    }


@pytest.fixture
def id_(admin: httpx.Client, universe: Universe) -> Iterator[str]:
    """Return an id for a policy and its binding on the organization, gone after the test."""
    made = f"t-{uuid.uuid4().hex[:12]}"
    yield made
    where = f"/iam/v3/{universe.above['organizations']}/locations/global"
    policy = f"{where}/principalAccessBoundaryPolicies/{made}"
    admin.delete(policy, params={"force": "true"})
    assert admin.get(policy).status_code == 404


@pytest.fixture
def reader(admin: httpx.Client, universe: Universe, bucket: str) -> Iterator[httpx.Client]:
    """Return the neighbour, an account of another project, who may read the bucket."""
    member = f"serviceAccount:{universe.keys[NEIGHBOUR]['client_email']}"
    binding = {"role": "roles/storage.objectViewer", "members": [member]}
    answer = admin.put(f"/storage/v1/b/{bucket}/iam", json={"bindings": [binding]})
    assert answer.status_code == 200, answer.text
    with universe.caller(universe.token(universe.keys[NEIGHBOUR])) as caller:
        yield caller


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_bound_account_reaches_only_what_its_policy_lists(  # noqa: PLR0915 - one story
    shell: Universe, reader: httpx.Client, bucket: str, id_: str, transport: str
) -> None:
    policies: Any = iam_v3.PrincipalAccessBoundaryPoliciesClient(**settings(shell, transport))
    bindings: Any = iam_v3.PolicyBindingsClient(**settings(shell, transport))
    above = f"{shell.above['organizations']}/locations/global"
    objects = f"/storage/v1/b/{bucket}/o"

    def rule(*resources: str) -> Any:
        return iam_v3.PrincipalAccessBoundaryPolicyRule(
            description="r", resources=[f"{MANAGER}/{one}" for one in resources], effect="ALLOW"
        )

    elsewhere = f"projects/{shell.project.partition(':')[0]}:other-one"
    wanted = iam_v3.PrincipalAccessBoundaryPolicy(
        display_name="d",
        details=iam_v3.PrincipalAccessBoundaryPolicyDetails(
            rules=[rule(elsewhere)], enforcement_version="latest"
        ),
    )
    policy = policies.create_principal_access_boundary_policy(
        iam_v3.CreatePrincipalAccessBoundaryPolicyRequest(
            parent=above,
            principal_access_boundary_policy=wanted,
            principal_access_boundary_policy_id=id_,
        )
    ).result()
    assert policy.details.rules == wanted.details.rules
    assert policy.details.enforcement_version == "4"
    assert reader.get(objects).status_code == 200
    binding = bindings.create_policy_binding(
        iam_v3.CreatePolicyBindingRequest(
            parent=f"{elsewhere}/locations/global",
            policy_binding_id=id_,
            policy_binding=iam_v3.PolicyBinding(
                target=iam_v3.PolicyBinding.Target(principal_set=f"{MANAGER}/{elsewhere}"),
                policy=policy.name,
                condition=Expr(expression="principal.type == 'iam.googleapis.com/ServiceAccount'"),
            ),
        )
    ).result()
    assert (binding.policy, binding.policy_uid) == (policy.name, policy.uid)
    refused = reader.get(objects)
    assert refused.status_code == 403
    assert "denied on resource (or it may not exist)." in refused.text
    binding.condition.expression = "principal.subject.startsWith('nobody')"
    binding = bindings.update_policy_binding(
        policy_binding=binding, update_mask=FieldMask(paths=["condition"])
    ).result()
    assert reader.get(objects).status_code == 200
    binding.condition.expression = "principal['nope'] == 1"
    bindings.update_policy_binding(policy_binding=binding).result()
    assert reader.get(objects).status_code == 403
    policy.details.rules.append(rule(shell.above["folders"]))
    policies.update_principal_access_boundary_policy(
        principal_access_boundary_policy=policy, update_mask=FieldMask(paths=["details"])
    ).result()
    assert reader.get(objects).status_code == 200
    found = policies.search_principal_access_boundary_policy_bindings(name=policy.name)
    assert [one.name for one in found] == [binding.name]
    target = iam_v3.SearchTargetPolicyBindingsRequest(
        parent=f"{elsewhere}/locations/global", target=f"{MANAGER}/{elsewhere}"
    )
    found = bindings.search_target_policy_bindings(target)
    assert [one.name for one in found] == [binding.name]
    listed = bindings.list_policy_bindings(parent=f"{elsewhere}/locations/global")
    assert [one.name for one in listed] == [binding.name]
    listed = policies.list_principal_access_boundary_policies(parent=above)
    assert policy.name in [one.name for one in listed]
    with pytest.raises(exceptions.BadRequest, match="has 1 bindings"):
        policies.delete_principal_access_boundary_policy(name=policy.name)
    bindings.delete_policy_binding(name=binding.name).result()
    with pytest.raises(exceptions.NotFound):
        bindings.get_policy_binding(name=binding.name)
    policies.delete_principal_access_boundary_policy(name=policy.name).result()


def test_gcloud_reads_what_is_bound(universe: Universe, admin: httpx.Client, id_: str) -> None:
    organization = universe.above["organizations"]
    answer = admin.post(
        f"/iam/v3/{organization}/locations/global/principalAccessBoundaryPolicies",
        params={"principalAccessBoundaryPolicyId": id_},
        json={
            "details": {"rules": [{"resources": [f"{MANAGER}/{organization}"], "effect": "ALLOW"}]}
        },
    )
    assert answer.status_code == 200, answer.text
    done = universe.run(
        program("gcloud"), "iam", "principal-access-boundary-policies", "describe", id_,
        f"--organization={organization.partition('/')[2]}", "--location=global", "--format=json",
    )  # fmt: skip
    shown = json.loads(done.stdout)
    assert shown["details"]["rules"][0]["resources"] == [f"{MANAGER}/{organization}"]


def test_who_binds_must_be_allowed_to_bind_the_policy(
    universe: Universe, admin: httpx.Client, id_: str
) -> None:
    organization = universe.above["organizations"]
    where = f"/iam/v3/{organization}/locations/global"
    rule = {"resources": [f"{MANAGER}/{organization}"], "effect": "ALLOW"}
    admin.post(
        f"{where}/principalAccessBoundaryPolicies",
        params={"principalAccessBoundaryPolicyId": id_},
        json={"details": {"rules": [rule]}},
    )
    name = f"{organization}/locations/global/principalAccessBoundaryPolicies/{id_}"
    with universe.caller(universe.token(universe.keys[STRANGER])) as stranger:
        answer = stranger.post(
            f"{where}/policyBindings",
            params={"policyBindingId": id_},
            json={"policy": name, "target": {"principalSet": f"{MANAGER}/{organization}"}},
        )
    assert answer.status_code == 403


BODY: dict[str, Any] = {
    "details": {"rules": [{"resources": [f"{MANAGER}/projects/x"], "effect": "ALLOW"}]}
}


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"rules": []}, "details.rules"),
        ({"rules": [{"resources": [], "effect": "ALLOW"}]}, "resources"),
        ({"rules": [{"resources": ["projects/x"], "effect": "ALLOW"}]}, "resources"),
        ({"rules": [{"resources": [f"{MANAGER}/tenants/x"], "effect": "ALLOW"}]}, "details.rules"),
        ({"rules": [{"resources": [f"{MANAGER}/projects/x"]}]}, "effect"),
        (BODY["details"] | {"enforcementVersion": "99"}, "enforcementVersion"),
    ],
)
def test_a_wrong_policy_is_refused(
    universe: Universe, admin: httpx.Client, details: Any, field: str
) -> None:
    answer = admin.post(
        f"/iam/v3/{universe.above['organizations']}/locations/global/"
        "principalAccessBoundaryPolicies",
        params={"principalAccessBoundaryPolicyId": "wrong"},
        json={"details": details},
    )
    assert answer.status_code == 400, answer.text
    assert field in answer.text
