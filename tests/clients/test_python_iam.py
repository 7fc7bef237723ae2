"""Google's own Python library for IAM, which speaks gRPC alone."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account
from google.protobuf.field_mask_pb2 import FieldMask

from support.cloud_iam import certificate, rsa_key
from support.universe import Universe

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def connected(universe: Universe, key: dict[str, str]) -> iam_admin_v1.IAMClient:
    return iam_admin_v1.IAMClient(
        credentials=service_account.Credentials.from_service_account_info(key),  # type: ignore[no-untyped-call]  # Google's is untyped
        client_options={
            "api_endpoint": f"localhost:{universe.listen}",
            "universe_domain": universe.domain,
        },
    )


@pytest.fixture(scope="module")
def client(shell: Universe) -> iam_admin_v1.IAMClient:
    return connected(shell, shell.admin_key)


@pytest.fixture
def account(client: iam_admin_v1.IAMClient, shell: Universe) -> iam_admin_v1.ServiceAccount:
    return client.create_service_account(
        request={
            "name": f"projects/{shell.project}",
            "account_id": f"robot-{uuid.uuid4().hex[:8]}",
            "service_account": {"display_name": "Robot"},
        }
    )


def test_an_account_is_made_changed_listed_and_restored(
    client: iam_admin_v1.IAMClient, account: iam_admin_v1.ServiceAccount, shell: Universe
) -> None:
    account.description = "works"
    mask = FieldMask(paths=["description"])
    patched = client.patch_service_account(
        request={"service_account": account, "update_mask": mask}
    )
    assert (patched.display_name, patched.description) == ("Robot", "works")
    patched.display_name = "New"
    assert client.update_service_account(request=patched).display_name == "New"
    listed = client.list_service_accounts(name=f"projects/{shell.project}")
    assert account.email in [one.email for one in listed]
    client.disable_service_account(request={"name": account.name})
    assert client.get_service_account(name=account.name).disabled
    client.delete_service_account(name=account.name)
    with pytest.raises(exceptions.NotFound):
        client.get_service_account(name=account.name)
    by_id = f"projects/{shell.project}/serviceAccounts/{account.unique_id}"
    back = client.undelete_service_account(request={"name": by_id})
    assert back.restored_account.unique_id == account.unique_id


def test_a_key_is_made_and_its_owner_knocks(
    client: iam_admin_v1.IAMClient, account: iam_admin_v1.ServiceAccount, shell: Universe
) -> None:
    binding = policy_pb2.Binding(
        role="roles/iam.serviceAccountViewer", members=[f"serviceAccount:{account.email}"]
    )
    policy = client.get_iam_policy(resource=account.name)
    policy.bindings.append(binding)
    request = iam_policy_pb2.SetIamPolicyRequest(resource=account.name, policy=policy)
    assert client.set_iam_policy(request=request).bindings == [binding]
    made = client.create_service_account_key(name=account.name)
    robot = connected(shell, json.loads(made.private_key_data))
    assert robot.get_service_account(name=account.name).email == account.email
    with pytest.raises(exceptions.PermissionDenied):
        robot.create_service_account_key(name=account.name)
    held = robot.test_iam_permissions(
        resource=account.name,
        permissions=["iam.serviceAccounts.get", "iam.serviceAccounts.delete"],
    )
    assert held.permissions == ["iam.serviceAccounts.get"]
    with pytest.raises(exceptions.InvalidArgument, match=r"iam\.serviceAccounts\.gte is not valid"):
        robot.test_iam_permissions(resource=account.name, permissions=["iam.serviceAccounts.gte"])
    client.disable_service_account_key(name=made.name)
    with pytest.raises(exceptions.Unauthenticated):
        robot.get_service_account(name=account.name)


def test_a_key_is_uploaded_and_read(
    client: iam_admin_v1.IAMClient, account: iam_admin_v1.ServiceAccount
) -> None:
    mine = base64.b64decode(certificate(rsa_key(), datetime.now(UTC)))
    client.upload_service_account_key(request={"name": account.name, "public_key_data": mine})
    types: Any = iam_admin_v1.ListServiceAccountKeysRequest.KeyType
    [listed] = client.list_service_account_keys(
        name=account.name, key_types=[types.USER_MANAGED]
    ).keys
    form: Any = iam_admin_v1.ServiceAccountPublicKeyType.TYPE_X509_PEM_FILE
    assert (
        client.get_service_account_key(name=listed.name, public_key_type=form).public_key_data
        == mine
    )
    client.delete_service_account_key(name=listed.name)
    assert not client.list_service_account_keys(name=account.name).keys


def test_roles_are_made_and_found(client: iam_admin_v1.IAMClient, shell: Universe) -> None:
    above = f"projects/{shell.project}"
    made = client.create_role(
        request={
            "parent": above,
            "role_id": f"role_{uuid.uuid4().hex[:8]}",
            "role": {"title": "Readers", "included_permissions": ["storage.objects.get"]},
        }
    )
    made.title = "New"
    changed = client.update_role(
        request={"name": made.name, "role": made, "update_mask": FieldMask(paths=["title"])}
    )
    assert client.get_role(request={"name": made.name}) == changed
    assert made.name in [one.name for one in client.list_roles(request={"parent": above})]
    assert client.delete_role(request={"name": made.name, "etag": changed.etag}).deleted
    assert not client.undelete_role(request={"name": made.name}).deleted
    assert client.get_role(request={"name": "roles/owner"}).title == "Owner"
    assert "roles/owner" in [one.name for one in client.list_roles(request={"page_size": 5})]


def test_questions_are_answered(client: iam_admin_v1.IAMClient, shell: Universe) -> None:
    resource = f"//cloudresourcemanager.googleapis.com/projects/{shell.project}"
    roles = client.query_grantable_roles(full_resource_name=resource)
    assert "roles/viewer" in [one.name for one in roles]
    request = {"full_resource_name": resource, "page_size": 50}
    testable = client.query_testable_permissions(request=request)
    assert "iam.roles.create" in [one.name for one in testable]
    audited = client.query_auditable_services(request={"full_resource_name": resource})
    assert "iam.googleapis.com" in [one.name for one in audited.services]
    linted = client.lint_policy(request={"condition": {"expression": "request.time <"}})
    assert linted.lint_results[0].field_name == "condition.expression"
