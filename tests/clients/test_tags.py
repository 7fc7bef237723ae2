"""Tags by `gcloud resource-manager tags` and by Google's Python libraries over gRPC."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import resourcemanager_v3
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask

from support.universe import Universe, created, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def settings(universe: Universe) -> dict[str, Any]:
    return {
        "credentials": service_account.Credentials.from_service_account_info(universe.admin_key),  # type: ignore[no-untyped-call]  # Google's is untyped
        "client_options": {
            "api_endpoint": f"localhost:{universe.listen}",
            "universe_domain": universe.domain,
        },
    }


def test_a_tag_by_grpc_from_its_key_to_what_is_in_effect(
    shell: Universe, admin: httpx.Client
) -> None:
    keys = resourcemanager_v3.TagKeysClient(**settings(shell))
    values = resourcemanager_v3.TagValuesClient(**settings(shell))
    bindings = resourcemanager_v3.TagBindingsClient(**settings(shell))
    holds = resourcemanager_v3.TagHoldsClient(**settings(shell))
    organization, short = shell.above["organizations"], f"env-{uuid.uuid4().hex[:8]}"
    namespaced = f"{organization.partition('/')[2]}/{short}"

    wanted = {"parent": organization, "short_name": short, "description": "which stage"}
    key = keys.create_tag_key(tag_key=wanted).result()
    assert key.namespaced_name == namespaced
    with pytest.raises(exceptions.AlreadyExists):
        keys.create_tag_key(tag_key=wanted)
    assert keys.get_namespaced_tag_key(name=namespaced) == key
    assert key in list(keys.list_tag_keys(parent=organization))
    changed = keys.update_tag_key(
        tag_key={"name": key.name, "description": "new", "etag": key.etag},
        update_mask=FieldMask(paths=["description"]),
    ).result()
    assert (changed.description, changed.etag != key.etag) == ("new", True)
    with pytest.raises(exceptions.Aborted):
        keys.update_tag_key(tag_key={"name": key.name, "etag": key.etag})

    test, prod = (
        values.create_tag_value(tag_value={"parent": key.name, "short_name": one}).result()
        for one in ("test", "prod")
    )
    assert values.get_namespaced_tag_value(name=f"{namespaced}/prod") == prod
    assert list(values.list_tag_values(parent=key.name)) == [prod, test]

    project = f"//cloudresourcemanager.googleapis.com/projects/{shell.project}"
    bucket = created(admin, shell, f"tagged-{uuid.uuid4().hex[:12]}")
    full = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    bound = bindings.create_tag_binding(
        tag_binding={"parent": project, "tag_value_namespaced_name": f"{namespaced}/test"}
    ).result()
    assert bound.name.startswith("tagBindings/%2F%2Fcloudresourcemanager.googleapis.com%2F")
    inherited = [one for one in bindings.list_effective_tags(parent=full) if one.inherited]
    assert test.name in [one.tag_value for one in inherited]
    nearer = bindings.create_tag_binding(
        tag_binding={"parent": full, "tag_value": prod.name}
    ).result()
    [mine] = [one for one in bindings.list_effective_tags(parent=full) if one.tag_key == key.name]
    assert (mine.tag_value, mine.inherited) == (prod.name, False)
    assert mine.namespaced_tag_value == f"{namespaced}/prod"
    assert [one.name for one in bindings.list_tag_bindings(parent=full)] == [nearer.name]

    with pytest.raises(exceptions.FailedPrecondition, match="is in use"):
        values.delete_tag_value(name=prod.name)
    bindings.delete_tag_binding(name=nearer.name).result()
    bindings.delete_tag_binding(name=bound.name).result()

    hold_admin = policy_pb2.Binding(
        role="roles/resourcemanager.tagHoldAdmin",
        members=[f"serviceAccount:{shell.admin_key['client_email']}"],
    )
    values.set_iam_policy(
        iam_policy_pb2.SetIamPolicyRequest(
            resource=prod.name, policy=policy_pb2.Policy(bindings=[hold_admin])
        )
    )
    hold = holds.create_tag_hold(parent=prod.name, tag_hold={"holder": "//x/y"}).result()
    assert list(holds.list_tag_holds(parent=prod.name)) == [hold]
    with pytest.raises(exceptions.FailedPrecondition, match="is in use"):
        values.delete_tag_value(name=prod.name)
    holds.delete_tag_hold(name=hold.name).result()
    with pytest.raises(exceptions.FailedPrecondition, match="2 values"):
        keys.delete_tag_key(name=key.name)
    for one in (test, prod):
        values.delete_tag_value(name=one.name).result()
    keys.delete_tag_key(name=key.name).result()
    with pytest.raises(exceptions.PermissionDenied):
        keys.get_tag_key(name=key.name)


def test_gcloud_makes_and_binds_tags(universe: Universe, admin: httpx.Client) -> None:
    gcloud, short = program("gcloud"), f"team-{uuid.uuid4().hex[:8]}"

    def tags(*words: str) -> Any:
        done = universe.run(gcloud, "resource-manager", "tags", *words, "--format=json")
        return json.loads(done.stdout or "null")

    organization = universe.above["organizations"]
    namespaced = f"{organization.partition('/')[2]}/{short}"
    tags("keys", "create", short, f"--parent={organization}")
    value = tags("values", "create", "red", f"--parent={namespaced}")["name"]
    parent = f"--parent=//cloudresourcemanager.googleapis.com/{universe.above['folders']}"
    tags("bindings", "create", parent, f"--tag-value={namespaced}/red")
    listed = tags("bindings", "list", parent)
    assert [one["tagValue"] for one in listed] == [value]
    member = f"serviceAccount:{universe.admin_key['client_email']}"
    tags("values", "add-iam-policy-binding", value, f"--member={member}",
         "--role=roles/resourcemanager.tagHoldAdmin")  # fmt: skip
    tags("holds", "create", value, "--holder=//a/b", "--origin=here")
    [hold] = tags("holds", "list", value, "--holder=//a/b", "--origin=here")
    tags("holds", "delete", hold["name"])
    tags("bindings", "delete", parent, f"--tag-value={value}")
    tags("values", "delete", f"{namespaced}/red")
    tags("keys", "delete", namespaced)
