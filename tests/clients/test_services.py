"""`gcloud services` and Google's Python library: which APIs a project may use."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import kms_v1, service_usage_v1, storage
from google.oauth2 import service_account

from support.universe import Universe, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

KMS = "cloudkms.googleapis.com"


@pytest.fixture(autouse=True)
def everything_on(admin: httpx.Client, universe: Universe) -> Iterator[None]:
    yield
    on = {"serviceIds": [KMS, "kmsinventory.googleapis.com", "storage.googleapis.com"]}
    path = f"/serviceusage/v1/projects/{universe.project}/services:batchEnable"
    assert admin.post(path, json=on).status_code == 200


def test_gcloud_disables_lists_and_enables(universe: Universe, admin: httpx.Client) -> None:
    gcloud = program("gcloud")
    place = f"projects/{universe.project}/locations/{universe.location}"
    assert admin.get(f"/cloudkms/v1/{place}/keyRings").status_code == 200
    refused = universe.run(gcloud, "services", "disable", KMS, code=1).stderr
    assert "depended on by the following active service(s): kmsinventory" in refused
    universe.run(gcloud, "services", "disable", KMS, "--force")
    told = universe.run(gcloud, "services", "list", "--format=json").stdout
    on = {one["config"]["name"]: one["config"]["title"] for one in json.loads(told)}
    assert KMS not in on
    assert on["storage.googleapis.com"] == "Cloud Storage API"

    refused = universe.run(
        gcloud, "kms", "keyrings", "list", f"--location={universe.location}", code=1
    ).stderr
    assert "SERVICE_DISABLED" in refused
    assert "Cloud Key Management Service (KMS) API has not been used in project" in refused
    universe.run(gcloud, "services", "enable", KMS, "kmsinventory.googleapis.com")
    assert admin.get(f"/cloudkms/v1/{place}/keyRings").status_code == 200


def test_gcloud_tells_a_service_agent(universe: Universe) -> None:
    told = universe.run(
        program("gcloud"), "beta", "services", "identity", "create", f"--service={KMS}"
    )
    assert "@gcp-sa-ekms." in told.stderr + told.stdout


def client(universe: Universe) -> Any:
    return service_usage_v1.ServiceUsageClient(
        credentials=service_account.Credentials.from_service_account_info(universe.admin_key),  # type: ignore[no-untyped-call]  # Google's is untyped
        client_options={
            "api_endpoint": f"localhost:{universe.listen}",
            "universe_domain": universe.domain,
        },
    )


def test_the_python_library_disables_and_others_are_refused(shell: Universe) -> None:
    services, parent = client(shell), f"projects/{shell.project}"
    name = f"{parent}/services/storage.googleapis.com"
    assert services.get_service(request={"name": name}).state.name == "ENABLED"
    done = services.disable_service(request={"name": name})
    assert done.operation.name.startswith("operations/acat.p2-")
    asked = services.transport.operations_client.get_operation(done.operation.name)
    assert (asked.name, asked.done) == (done.operation.name, True)
    assert done.result().service.state.name == "DISABLED"
    off = services.list_services(request={"parent": parent, "filter": "state:DISABLED"})
    assert [one.config.title for one in off] == ["Cloud Storage API"]

    buckets = storage.Client(client_options={"universe_domain": shell.domain})
    with pytest.raises(exceptions.Forbidden, match="has not been used in project"):
        list(buckets.list_buckets())
    names = [name, f"{parent}/services/{KMS}"]
    several = services.batch_get_services(request={"parent": parent, "names": names})
    assert [one.state.name for one in several.services] == ["DISABLED", "ENABLED"]
    on = services.batch_enable_services(
        request={"parent": parent, "service_ids": ["storage.googleapis.com"]}
    )
    assert on.result().services[0].state.name == "ENABLED"
    list(buckets.list_buckets())
    buckets.close()


def test_a_refusal_by_grpc_tells_what_is_disabled_for_whom(shell: Universe) -> None:
    parent = f"projects/{shell.project}"
    request = {"name": f"{parent}/services/{KMS}", "disable_dependent_services": True}
    client(shell).disable_service(request=request)
    keys = kms_v1.KeyManagementServiceClient(
        credentials=service_account.Credentials.from_service_account_info(shell.admin_key),  # type: ignore[no-untyped-call]  # Google's is untyped
        client_options={
            "api_endpoint": f"localhost:{shell.listen}",
            "universe_domain": shell.domain,
        },
    )
    with pytest.raises(exceptions.PermissionDenied) as refused:
        list(keys.list_key_rings(parent=f"{parent}/locations/{shell.location}"))
    assert refused.value.reason == "SERVICE_DISABLED"
    assert refused.value.domain == "googleapis.com"
    told = refused.value.metadata
    assert told["service"] == KMS
    assert told["consumer"] == f"projects/{told['containerInfo']}"
    assert told["activationUrl"].endswith(f"/services/{KMS}:enable")


def test_an_api_that_is_off_in_the_quota_project_is_used_for_no_other_project(
    shell: Universe, admin: httpx.Client
) -> None:
    id_ = f"quota-{uuid.uuid4().hex[:10]}"
    body = {"projectId": id_, "parent": shell.above["folders"]}
    made = admin.post("/cloudresourcemanager/v3/projects", json=body).json()
    other = made["response"]["projectId"]

    def listed(**options: str) -> list[Any]:
        keys = kms_v1.KeyManagementServiceClient(
            credentials=service_account.Credentials.from_service_account_info(shell.admin_key),  # type: ignore[no-untyped-call]  # Google's is untyped
            client_options={
                "api_endpoint": f"localhost:{shell.listen}",
                "universe_domain": shell.domain,
                **options,
            },
        )
        return list(keys.list_key_rings(parent=f"projects/{other}/locations/{shell.location}"))

    assert listed(quota_project_id=shell.project) == []
    request = {
        "name": f"projects/{shell.project}/services/{KMS}",
        "disable_dependent_services": True,
    }
    client(shell).disable_service(request=request)
    assert listed() == []
    with pytest.raises(exceptions.PermissionDenied, match="has not been used in project") as told:
        listed(quota_project_id=shell.project)
    assert told.value.reason == "SERVICE_DISABLED"
    with pytest.raises(exceptions.PermissionDenied, match="does not have required permission"):
        listed(quota_project_id="rempart:none")
    admin.delete(f"/cloudresourcemanager/v3/projects/{other}")
