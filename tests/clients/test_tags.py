"""Tags by Google's Python libraries over gRPC."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import resourcemanager_v3
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask

from support.universe import Universe, created

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class Clients:
    """Google's clients for tags, and a fresh key with the values `prod` and `test`."""

    keys: Any
    values: Any
    bindings: Any
    holds: Any

    def __init__(self, universe: Universe) -> None:
        self.keys = resourcemanager_v3.TagKeysClient(**settings(universe))
        self.values = resourcemanager_v3.TagValuesClient(**settings(universe))
        self.bindings = resourcemanager_v3.TagBindingsClient(**settings(universe))
        self.holds = resourcemanager_v3.TagHoldsClient(**settings(universe))
        organization, short = universe.above["organizations"], f"env-{uuid.uuid4().hex[:8]}"
        self.namespaced = f"{organization.partition('/')[2]}/{short}"
        self.wanted = {"parent": organization, "short_name": short, "description": "stage"}
        self.key = self.keys.create_tag_key(tag_key=self.wanted).result()
        self.prod, self.test = (
            self.values.create_tag_value(
                tag_value={"parent": self.key.name, "short_name": one}
            ).result()
            for one in ("prod", "test")
        )


def settings(universe: Universe) -> dict[str, Any]:
    return {
        "credentials": service_account.Credentials.from_service_account_info(universe.admin_key),  # type: ignore[no-untyped-call]  # Google's is untyped
        "client_options": {
            "api_endpoint": f"localhost:{universe.listen}",
            "universe_domain": universe.domain,
        },
    }


@pytest.fixture
def google(shell: Universe) -> Clients:
    return Clients(shell)


def test_keys_and_values_are_made_found_changed_and_deleted(
    google: Clients, admin: httpx.Client
) -> None:
    key, prod, test = google.key, google.prod, google.test
    assert key.namespaced_name == google.namespaced
    made = google.keys.create_tag_key(tag_key=google.wanted | {"short_name": "another"})
    told = admin.get(f"/cloudresourcemanager/v3/{made.operation.name}").json()
    assert (told["name"], told["done"]) == (made.operation.name, True)
    asked = google.keys.transport.operations_client.get_operation(made.operation.name)
    assert (asked.name, asked.done) == (made.operation.name, True)
    google.keys.delete_tag_key(name=made.result().name).result()
    with pytest.raises(exceptions.AlreadyExists):
        google.keys.create_tag_key(tag_key=google.wanted)
    assert google.keys.get_namespaced_tag_key(name=google.namespaced).name == key.name
    listed = google.keys.list_tag_keys(parent=google.wanted["parent"])
    assert key.name in [one.name for one in listed]
    changed = google.keys.update_tag_key(
        tag_key={"name": key.name, "description": "new", "etag": key.etag},
        update_mask=FieldMask(paths=["description"]),
    ).result()
    assert (changed.description, changed.etag != key.etag) == ("new", True)
    with pytest.raises(exceptions.Aborted):
        google.keys.update_tag_key(tag_key={"name": key.name, "etag": key.etag})

    found = google.values.get_namespaced_tag_value(name=f"{google.namespaced}/prod")
    assert found == prod
    assert list(google.values.list_tag_values(parent=key.name)) == [prod, test]
    with pytest.raises(exceptions.FailedPrecondition, match="2 values"):
        google.keys.delete_tag_key(name=key.name)
    for one in (prod, test):
        google.values.delete_tag_value(name=one.name).result()
    google.keys.delete_tag_key(name=key.name).result()
    with pytest.raises(exceptions.PermissionDenied):
        google.keys.get_tag_key(name=key.name)


def test_tags_are_bound_inherited_and_taken_away(
    google: Clients, shell: Universe, admin: httpx.Client
) -> None:
    project = f"//cloudresourcemanager.googleapis.com/projects/{shell.project}"
    bucket = created(admin, shell, f"tagged-{uuid.uuid4().hex[:12]}")
    full = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    bound = google.bindings.create_tag_binding(
        tag_binding={"parent": project, "tag_value_namespaced_name": f"{google.namespaced}/test"}
    ).result()
    assert bound.name.startswith("tagBindings/%2F%2Fcloudresourcemanager.googleapis.com%2F")

    def mine() -> tuple[str, bool, str]:
        every = google.bindings.list_effective_tags(parent=full)
        [one] = [one for one in every if one.tag_key == google.key.name]
        return one.tag_value, one.inherited, one.namespaced_tag_value

    assert mine() == (google.test.name, True, f"{google.namespaced}/test")
    nearer = google.bindings.create_tag_binding(
        tag_binding={"parent": full, "tag_value": google.prod.name}
    ).result()
    assert mine() == (google.prod.name, False, f"{google.namespaced}/prod")
    assert [one.name for one in google.bindings.list_tag_bindings(parent=full)] == [nearer.name]
    with pytest.raises(exceptions.AlreadyExists):
        google.bindings.create_tag_binding(
            tag_binding={"parent": full, "tag_value": google.prod.name}
        )
    with pytest.raises(exceptions.FailedPrecondition, match="another value"):
        google.bindings.create_tag_binding(
            tag_binding={"parent": full, "tag_value": google.test.name}
        )
    with pytest.raises(exceptions.FailedPrecondition, match="is in use"):
        google.values.delete_tag_value(name=google.prod.name)
    for one in (nearer, bound):
        google.bindings.delete_tag_binding(name=one.name).result()


def test_a_value_that_is_held_is_not_deleted(google: Clients, shell: Universe) -> None:
    value = google.prod.name
    hold_admin = policy_pb2.Binding(
        role="roles/resourcemanager.tagHoldAdmin",
        members=[f"serviceAccount:{shell.admin_key['client_email']}"],
    )
    policy = policy_pb2.Policy(bindings=[hold_admin])
    google.values.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=value, policy=policy))
    hold = google.holds.create_tag_hold(parent=value, tag_hold={"holder": "//x/y"}).result()
    assert list(google.holds.list_tag_holds(parent=value)) == [hold]
    with pytest.raises(exceptions.FailedPrecondition, match="is in use"):
        google.values.delete_tag_value(name=value)
    google.holds.delete_tag_hold(name=hold.name).result()
    google.values.delete_tag_value(name=value).result()
