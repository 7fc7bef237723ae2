"""Audit logs and Access Transparency: each leaf of the log in Google's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rempart.services.logging.audit import INDEX_LABEL, METHOD_LABEL, entry
from rempart.services.logging.service_data import BINDING_DELTAS_MAX
from rempart.services.logging.transparency import entry as transparency
from rempart.trust.policy.support.documents import Request
from rempart.trust.witness.leaf import Leaf

LEAF: dict[str, Any] = {
    "kind": "outcome",
    "time": 1_790_000_000_123_456,
    "request": "r1",
    "service": "storage",
    "method": "storage.objects.insert",
    "permission": "storage.objects.create",
    "access": "DATA_WRITE",
    "principal": "serviceAccount:robot@demo.example",
    "resource": "projects/_/buckets/ledger/objects/o",
    "container": "projects/lab:demo",
    "remote": "192.0.2.7",
    "agent": "gcloud/1",
    "status": 200,
}


def made(**changes: Any) -> dict[str, Any]:
    return dict(entry(77, Leaf(**{**LEAF, **changes})).document)


def test_a_write_of_data_says_who_did_what_from_where() -> None:
    found = made(acting=("serviceAccount:outer@demo.example",), facts={"generation": "9"})
    assert found["logName"] == "projects/lab:demo/logs/cloudaudit.googleapis.com%2Fdata_access"
    assert found["timestamp"] == "2026-09-21T14:13:20.123456Z"
    assert found["labels"] == {INDEX_LABEL: "77", METHOD_LABEL: "storage.objects.insert"}
    assert found["resource"] == {
        "type": "gcs_bucket",
        "labels": {"project_id": "lab:demo", "bucket_name": "ledger"},
    }
    payload = found["protoPayload"]
    assert payload["serviceName"] == "storage.googleapis.com"
    assert payload["methodName"] == "storage.objects.create"
    assert payload["resourceName"] == "projects/_/buckets/ledger/objects/o"
    assert payload["requestMetadata"] == {
        "callerIp": "192.0.2.7",
        "callerSuppliedUserAgent": "gcloud/1",
    }
    who = payload["authenticationInfo"]
    assert who["principalEmail"] == "robot@demo.example"
    assert who["serviceAccountDelegationInfo"] == [
        {"principalSubject": "serviceAccount:outer@demo.example"}
    ]
    [info] = payload["authorizationInfo"]
    assert (info["permission"], info["granted"]) == ("storage.objects.create", True)
    assert payload["metadata"]["generation"] == "9"


def test_a_change_of_a_policy_tells_each_member_and_role() -> None:
    condition = {"expression": "true", "title": "always"}
    told = {
        "bindingDeltas": [
            {
                "action": "ADD",
                "role": "roles/viewer",
                "members": ["user:a@x.test", "user:b@x.test"],
            },
            {"action": "REMOVE", "role": "r", "members": ["user:c@x.test"], "condition": condition},
        ],
        "auditConfigDeltas": [{"action": "ADD", "service": "allServices", "logType": "DATA_READ"}],
    }
    payload = made(facts={"policyDelta": json.dumps(told), "bindings": "2"})["protoPayload"]

    assert payload["serviceData"]["@type"].endswith("/google.iam.v1.logging.AuditData")
    [first, second, third] = payload["serviceData"]["policyDelta"]["bindingDeltas"]
    assert first == {"action": "ADD", "role": "roles/viewer", "member": "user:a@x.test"}
    assert second["member"] == "user:b@x.test"
    assert (third["action"], third["condition"]["title"]) == ("REMOVE", "always")
    audited = payload["serviceData"]["policyDelta"]["auditConfigDeltas"]
    assert audited == told["auditConfigDeltas"]
    assert payload["metadata"] == {"bindings": "2", "requestId": "r1"}


def test_of_a_large_change_of_a_policy_the_metadata_has_all() -> None:
    members = [f"user:u{number}@x.test" for number in range(BINDING_DELTAS_MAX + 1)]
    told = json.dumps({"bindingDeltas": [{"action": "ADD", "role": "r", "members": members}]})
    payload = made(facts={"policyDelta": told})["protoPayload"]

    assert len(payload["serviceData"]["policyDelta"]["bindingDeltas"]) == BINDING_DELTAS_MAX
    assert payload["metadata"]["policyDelta"] == told


@pytest.mark.parametrize(
    ("changes", "log", "severity"),
    [
        ({"access": "ADMIN_WRITE"}, "activity", "NOTICE"),
        ({"access": "ADMIN_READ", "kind": "use"}, "data_access", "INFO"),
        ({"access": "DATA_READ", "kind": "use"}, "data_access", "INFO"),
        ({"kind": "refusal", "status": 403, "message": "no"}, "policy", "ERROR"),
        ({"kind": "event", "access": ""}, "system_event", "NOTICE"),
    ],
)
def test_each_kind_of_leaf_has_its_log(changes: Any, log: str, severity: str) -> None:
    found = made(**changes)
    assert found["logName"].endswith(f"%2F{log}")
    assert found["severity"] == severity


@pytest.mark.parametrize(
    ("service", "resource", "type_", "labels"),
    [
        ("storage", "projects/_/buckets/b/objects/locations/x/keyRings/y", "gcs_bucket",
         {"bucket_name": "b"}),
        ("storage", "projects/_/buckets/b/objects/\n/buckets/other", "gcs_bucket",
         {"bucket_name": "b"}),
        ("cloudkms", "projects/p/locations/l/keyRings/r", "cloudkms_keyring",
         {"location": "l", "key_ring_id": "r"}),
        ("cloudkms", "projects/p/locations/l/keyRings/r/cryptoKeys/k",
         "cloudkms_cryptokey", {"location": "l", "key_ring_id": "r", "crypto_key_id": "k"}),
        ("cloudkms", "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
         "cloudkms_cryptokeyversion", {"location": "l", "key_ring_id": "r", "crypto_key_id": "k",
                                       "crypto_key_version_id": "1"}),
        ("iam", "projects/p/serviceAccounts/a@x", "service_account", {"email_id": "a@x"}),
        ("iam", "projects/p/roles/serviceAccounts/a", "audited_resource",
         {"service": "iam.googleapis.com", "method": "storage.objects.create"}),
        ("cloudresourcemanager", "projects/lab:demo", "project", {}),
        ("cloudresourcemanager", "tagKeys/1", "audited_resource",
         {"service": "cloudresourcemanager.googleapis.com", "method": "storage.objects.create"}),
    ],
)  # fmt: skip
def test_labels_come_from_where_a_name_begins(
    service: str, resource: str, type_: str, labels: dict[str, str]
) -> None:
    found = made(service=service, resource=resource)["resource"]
    assert found == {"type": type_, "labels": {"project_id": "lab:demo", **labels}}


@pytest.mark.parametrize(
    ("method", "facts", "type_", "labels"),
    [
        ("iam.projects.roles.create", {"role": "projects/lab:demo/roles/r"}, "iam_role",
         {"role_name": "projects/lab:demo/roles/r"}),
        ("logging.projects.sinks.update", {"sink": "out"}, "logging_sink", {"name": "out"}),
        ("logging.projects.sinks.update", {}, "audited_resource",
         {"service": "logging.googleapis.com",
          "method": "google.logging.v2.ConfigServiceV2.UpdateSink"}),
        ("iam.projects.roles.get", {"role": "r"}, "audited_resource",
         {"service": "iam.googleapis.com", "method": "google.iam.admin.v1.GetRole"}),
    ],
)  # fmt: skip
def test_what_was_changed_is_known_by_what_the_answer_told(
    method: str, facts: dict[str, str], type_: str, labels: dict[str, str]
) -> None:
    service = method.partition(".")[0]
    found = made(method=method, service=service, resource="projects/lab:demo", facts=facts)
    assert found["resource"] == {"type": type_, "labels": {"project_id": "lab:demo", **labels}}


def test_a_new_bucket_is_what_the_call_was_about() -> None:
    facts = {"bucket": "ledger", "location": "EU-WEST9"}
    asked = {"method": "storage.buckets.insert", "resource": "projects/lab:demo"}
    found = made(**asked, access="ADMIN_WRITE", facts=facts)
    assert found["resource"] == {
        "type": "gcs_bucket",
        "labels": {"project_id": "lab:demo", "bucket_name": "ledger", "location": "eu-west9"},
    }
    payload = found["protoPayload"]
    assert payload["resourceName"] == "projects/_/buckets/ledger"
    assert payload["authorizationInfo"][0]["resource"] == "projects/_/buckets/ledger"
    refused = made(**asked, kind="refusal", status=403)
    assert refused["protoPayload"]["resourceName"] == "projects/lab:demo"
    assert refused["resource"]["type"] == "audited_resource"


def test_a_new_key_is_what_the_call_was_about_and_its_ring_what_was_asked() -> None:
    ring = "projects/p/locations/l/keyRings/r"
    method = "cloudkms.projects.locations.keyRings.cryptoKeys.create"
    key = {"cryptoKey": f"{ring}/cryptoKeys/k"}
    found = made(service="cloudkms", method=method, resource=ring, facts=key)
    assert found["resource"]["type"] == "cloudkms_cryptokey"
    assert found["resource"]["labels"]["crypto_key_id"] == "k"
    assert found["protoPayload"]["resourceName"] == f"{ring}/cryptoKeys/k"
    assert found["protoPayload"]["authorizationInfo"][0]["resource"] == ring


def test_a_new_service_account_has_its_type_and_its_project_as_the_name() -> None:
    method, project = "iam.projects.serviceAccounts.create", "projects/lab:demo"
    account = {"serviceAccount": "robot@demo.example"}
    found = made(service="iam", method=method, resource=project, facts=account)
    assert found["resource"]["type"] == "service_account"
    assert found["resource"]["labels"]["email_id"] == "robot@demo.example"
    assert found["protoPayload"]["resourceName"] == project


def test_a_refusal_says_what_was_told_and_grants_nothing() -> None:
    payload = made(kind="refusal", status=403, message="Denied.")["protoPayload"]
    assert payload["status"] == {"code": 7, "message": "Denied."}
    assert payload["authorizationInfo"][0]["granted"] is False


def test_who_is_no_account_is_named_as_a_subject() -> None:
    who = made(principal="principal://iam.example/subject/x")["protoPayload"]["authenticationInfo"]
    assert who == {"principalSubject": "principal://iam.example/subject/x"}


REQUEST = Request(
    container="projects/lab:demo",
    scope="projects/lab:demo",
    principal="user:ada@op.example",
    person="Ada",
    employer="Operator SA",
    office="FR",
    residence="BE",
    reason="CUSTOMER_INITIATED_SUPPORT",
    detail="objects do not open",
    case="4711",
    services=("storage",),
    requested=1,
    expires=2,
)
SUPPORT: dict[str, Any] = {
    **LEAF,
    "kind": "support",
    "status": 0,
    "reason": "CUSTOMER_INITIATED_SUPPORT",
    "approval": "projects/lab:demo/approvalRequests/r1",
}


def told(request: Request | None) -> dict[str, Any]:
    return dict(transparency(78, Leaf(**SUPPORT), request).document)


def test_an_act_of_the_operators_people_is_told_to_the_customer() -> None:
    found = told(REQUEST)
    assert found["logName"].endswith("cloudaudit.googleapis.com%2Faccess_transparency")
    assert found["severity"] == "NOTICE"
    assert found["labels"] == {INDEX_LABEL: "78", METHOD_LABEL: "storage.objects.insert"}
    assert found["jsonPayload"] == {
        "@type": "type.googleapis.com/google.cloud.audit.TransparencyLog",
        "location": {
            "principalOfficeCountry": "FR",
            "principalEmployingEntity": "Operator SA",
            "principalPhysicalLocationCountry": "BE",
        },
        "product": ["storage.googleapis.com"],
        "reason": [{"type": "CUSTOMER_INITIATED_SUPPORT", "detail": "Case number: 4711"}],
        "permissionDetails": [{"permissionType": "DATA_WRITE", "logAccessed": False}],
        "eventId": "4e",
        "accesses": [
            {
                "methodName": "GoogleInternal.Create",
                "resourceName": "projects/_/buckets/ledger/objects/o",
            }
        ],
        "accessApprovals": ["projects/lab:demo/approvalRequests/r1"],
    }


def test_a_country_that_nobody_told_is_unknown() -> None:
    assert told(None)["jsonPayload"]["location"]["principalOfficeCountry"] == "??"


def test_what_came_of_it_names_the_approval_and_the_keys() -> None:
    metadata = made(approval="a/1", reason="R", key="k/1 k/2")["protoPayload"]["metadata"]
    assert (metadata["accessApproval"], metadata["accessReason"]) == ("a/1", "R")
    assert metadata["cryptoKeyVersions"] == ["k/1", "k/2"]


def test_the_same_leaf_makes_the_same_entry() -> None:
    assert made() == made()
