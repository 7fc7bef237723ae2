"""Organization policy by Google's own Python library."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import orgpolicy_v2
from google.cloud.kms_v1 import KeyManagementServiceClient, KeyRing
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask

from support.universe import Universe

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def restored(universe: Universe, admin: httpx.Client) -> Iterator[None]:
    """Take away every policy that a test has set: others share the universe."""
    yield
    for above in (*universe.above.values(), f"projects/{universe.project}"):
        for policy in admin.get(f"/orgpolicy/v2/{above}/policies").json().get("policies", ()):
            admin.delete(f"/orgpolicy/v2/{policy['name']}")


@pytest.fixture
def organization(universe: Universe) -> str:
    return universe.above["organizations"]


def connection(universe: Universe, transport: str) -> dict[str, Any]:
    path = "/orgpolicy" if transport == "rest" else ""
    key = universe.admin_key
    return {
        "credentials": service_account.Credentials.from_service_account_info(key),  # type: ignore[no-untyped-call]  # Google's is untyped
        "transport": transport,
        "client_options": {
            "api_endpoint": f"localhost:{universe.listen}{path}",
            "universe_domain": universe.domain,
        },
    }


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_library_keeps_policies(shell: Universe, transport: str) -> None:
    client = orgpolicy_v2.OrgPolicyClient(**connection(shell, transport))
    parent = shell.above["folders"]
    name = f"{parent}/policies/gcp.resourceLocations"
    rule_of = orgpolicy_v2.PolicySpec.PolicyRule
    values = rule_of.StringValues(allowed_values=[shell.location])
    rule = rule_of(values=values)
    spec = orgpolicy_v2.PolicySpec(rules=[rule], inherit_from_parent=True)
    made = client.create_policy(parent=parent, policy=orgpolicy_v2.Policy(name=name, spec=spec))
    assert made.spec.rules[0].values.allowed_values == [shell.location]
    with pytest.raises(exceptions.Conflict):
        client.create_policy(parent=parent, policy=orgpolicy_v2.Policy(name=name, spec=spec))
    trial = orgpolicy_v2.PolicySpec(rules=[rule_of(deny_all=True)])
    changed = client.update_policy(
        orgpolicy_v2.UpdatePolicyRequest(
            policy=orgpolicy_v2.Policy(name=name, dry_run_spec=trial, etag=made.etag),
            update_mask=FieldMask(paths=["policy.dry_run_spec"]),
        )
    )
    assert changed.dry_run_spec.rules[0].deny_all
    assert [one.name for one in client.list_policies(parent=parent)] == [name]
    assert "gcp.resourceLocations" in [
        one.name.rpartition("/")[2] for one in client.list_constraints(parent=parent)
    ]
    project = f"projects/{shell.project}"
    found = client.get_effective_policy(name=f"{project}/policies/gcp.resourceLocations")
    assert found.spec.rules[0].values.allowed_values == [shell.location]
    with pytest.raises((exceptions.Aborted, exceptions.Conflict)):
        client.delete_policy(orgpolicy_v2.DeletePolicyRequest(name=name, etag=made.etag))
    client.delete_policy(name=name)
    with pytest.raises(exceptions.NotFound):
        client.get_policy(name=name)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_library_keeps_parameters_and_custom_constraints(
    shell: Universe, organization: str, transport: str
) -> None:
    client = orgpolicy_v2.OrgPolicyClient(**connection(shell, transport))
    friends = ["user:friend@example.test"]
    rule = orgpolicy_v2.PolicySpec.PolicyRule(
        enforce=True, parameters={"allowedMemberSubjects": friends}
    )
    name = f"{organization}/policies/iam.managed.allowedPolicyMembers"
    policy = orgpolicy_v2.Policy(name=name, spec=orgpolicy_v2.PolicySpec(rules=[rule]))
    kept = client.create_policy(parent=organization, policy=policy)
    assert list(kept.spec.rules[0].parameters["allowedMemberSubjects"]) == friends
    definition = orgpolicy_v2.CustomConstraint(
        name=f"{organization}/customConstraints/custom.c{uuid.uuid4().hex[:8]}",
        resource_types=["storage.googleapis.com/Bucket"],
        method_types=[orgpolicy_v2.CustomConstraint.MethodType.CREATE],
        condition="resource.versioning.enabled",
        action_type=orgpolicy_v2.CustomConstraint.ActionType.ALLOW,
    )
    made = client.create_custom_constraint(parent=organization, custom_constraint=definition)
    made.display_name = "Versions are kept."
    client.update_custom_constraint(custom_constraint=made)
    [found] = client.list_custom_constraints(parent=organization)
    assert found.display_name == "Versions are kept."
    client.delete_custom_constraint(name=made.name)


def test_grpc_is_no_way_around(shell: Universe, admin: httpx.Client) -> None:
    """A key ring that REST may not make cannot be made by gRPC; the reason comes along."""
    top = shell.above["organizations"]
    body = {"name": f"{top}/policies/gcp.resourceLocations", "spec": {"rules": [{"denyAll": True}]}}
    assert admin.post(f"/orgpolicy/v2/{top}/policies", json=body).status_code == 200
    keys = KeyManagementServiceClient(**connection(shell, "grpc"))
    place = f"projects/{shell.project}/locations/{shell.location}"
    with pytest.raises(exceptions.FailedPrecondition) as caught:
        keys.create_key_ring(parent=place, key_ring_id="denied", key_ring=KeyRing())
    assert caught.value.reason == "LOCATION_ORG_POLICY_VIOLATED"
    assert "constraints/gcp.resourceLocations" in str(caught.value)
