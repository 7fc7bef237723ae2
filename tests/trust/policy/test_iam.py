"""The IAM methods of google.iam.v1: whose policy is replaced, what is shown, what is tested."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rempart.core.call import Call
from rempart.core.errors import CloudError, Code
from rempart.core.policy import Policy
from rempart.trust.policy.around import Around
from rempart.trust.policy.iam import (
    permissions_asked,
    permissions_held,
    replaced,
    shown,
)
from rempart.trust.policy.roles import Level
from rempart.trust.policy.testable import PERMISSIONS_PER_TEST_MAX
from rempart.trust.policy.validate import Place, policy_from_json
from support import worlds

PLACE = Place(Level.PROJECT, Around())
VIEWER = {"role": "roles/storage.objectViewer", "members": ["user:a@x.com"]}
GUARDED = VIEWER | {"condition": {"title": "t", "expression": "true"}}
ADMIN = {"role": "roles/storage.admin", "members": ["user:b@x.com"]}


def call(document: Any = None, **query: str) -> Call:
    asked = {name.replace("_", "."): value for name, value in query.items()}
    return msgspec.structs.replace(worlds.call(query=asked), document=document or {})


def policy(*bindings: Any) -> Policy:
    return policy_from_json({"version": 3, "bindings": list(bindings)}, PLACE, etag="b+/=")


def put(old: Policy, wanted: Any, **more: Any) -> Policy:
    return replaced(old, call({"policy": wanted, **more}), PLACE, etag="new")


def error(old: Policy, wanted: Any, **more: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        put(old, wanted, **more)
    return caught.value


def roles(found: dict[str, Any]) -> list[str]:
    return [binding["role"] for binding in found["bindings"]]


def test_version_3_shows_conditions_whether_asked_in_the_query_or_in_the_body() -> None:
    asked_in_query = call(options_requestedPolicyVersion="3")
    asked_in_body = call({"options": {"requestedPolicyVersion": 3}})
    for asked in (asked_in_query, asked_in_body):
        assert shown(policy(GUARDED), asked)["bindings"] == [GUARDED]


@pytest.mark.parametrize("options", [None, {}, {"requestedPolicyVersion": 1}])
def test_a_lower_version_shows_that_a_binding_is_conditional_and_no_more(options: Any) -> None:
    found = shown(policy(VIEWER, GUARDED), call({"options": options}))
    plain, guarded = roles(found)
    assert plain == VIEWER["role"]
    assert guarded.startswith(f"{VIEWER['role']}_withcond_")
    assert found["version"] == 1


@pytest.mark.parametrize("version", [2, 4, -1, "03", "x", True, 3.0, [], {}])
def test_a_version_that_is_none_of_googles_is_refused(version: Any) -> None:
    with pytest.raises(CloudError) as caught:
        shown(policy(), call({"options": {"requestedPolicyVersion": version}}))
    assert caught.value.field == "options.requestedPolicyVersion"


@pytest.mark.parametrize("etag", [None, "", "b+/=", "b-_="])
def test_a_policy_is_replaced_by_whoever_read_it_or_does_not_care(etag: str | None) -> None:
    made = put(policy(VIEWER), {"etag": etag, "bindings": [ADMIN]})
    assert [binding.role for binding in made.bindings] == [ADMIN["role"]]
    assert made.etag == "new"


def test_a_policy_that_changed_since_it_was_read_stays() -> None:
    problem = error(policy(VIEWER), {"etag": "old", "bindings": [ADMIN]})
    assert (problem.code, problem.status) == (Code.ABORTED, 409)


@pytest.mark.parametrize("version", [{}, {"version": 0}, {"version": 1}])
def test_conditions_are_not_lost_to_a_caller_who_could_not_see_them(version: Any) -> None:
    old = policy(GUARDED)
    problem = error(old, {"etag": old.etag, "bindings": [ADMIN], **version})
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, "version")
    assert "cannot be less than the existing policy version (3)" in problem.message


def test_a_version_1_policy_that_was_read_is_not_written_back_even_unchanged() -> None:
    old = policy(GUARDED)
    assert error(old, shown(old, call())).field == "version"


def test_conditions_go_when_version_3_says_so_or_when_no_etag_is_given() -> None:
    old = policy(GUARDED)
    for how in ({"etag": old.etag, "version": 3}, {}):
        assert put(old, {"bindings": [VIEWER], **how}).version == 1


def test_a_request_without_a_policy_is_refused() -> None:
    with pytest.raises(CloudError) as caught:
        replaced(policy(VIEWER), call({}), PLACE, etag="new")
    assert caught.value.field == "policy"


def test_an_update_mask_without_bindings_leaves_them() -> None:
    made = put(policy(VIEWER), {"bindings": [ADMIN]}, updateMask="etag")
    assert [binding.role for binding in made.bindings] == [VIEWER["role"]]
    assert made.etag == "new"


@pytest.mark.parametrize("mask", ["bindings,etag", "bindings, etag,version", "", None])
def test_an_update_mask_with_bindings_replaces_them(mask: str | None) -> None:
    made = put(policy(VIEWER), {"bindings": [ADMIN]}, updateMask=mask)
    assert [binding.role for binding in made.bindings] == [ADMIN["role"]]


@pytest.mark.parametrize("mask", ["members", "bindings,,etag", ["bindings"], 7])
def test_an_update_mask_names_fields_of_a_policy(mask: Any) -> None:
    assert error(policy(), {}, updateMask=mask).field == "updateMask"


AUDIT = {
    "service": "allServices",
    "auditLogConfigs": [
        {"logType": "ADMIN_READ"},
        {"logType": "DATA_READ", "exemptedMembers": ["user:a@x.com"]},
    ],
}


@pytest.mark.parametrize("name", ["auditConfigs", "audit_configs"])
def test_audit_configurations_are_kept_and_shown(name: str) -> None:
    made = put(policy(VIEWER), {"auditConfigs": [AUDIT]}, updateMask=f"{name},etag")
    assert [binding.role for binding in made.bindings] == [VIEWER["role"]]
    assert shown(made, call())["auditConfigs"] == [AUDIT]


def test_audit_configurations_stay_unless_the_mask_names_them() -> None:
    made = put(policy(), {"auditConfigs": [AUDIT]}, updateMask="auditConfigs")
    kept = put(made, {"bindings": [ADMIN], "auditConfigs": []})
    assert shown(kept, call())["auditConfigs"] == [AUDIT]
    gone = put(kept, {"bindings": [ADMIN]}, updateMask="bindings,etag,auditConfigs")
    assert "auditConfigs" not in shown(gone, call())


def test_audit_configurations_of_one_service_and_log_type_are_one() -> None:
    more = {"logType": "DATA_READ", "exemptedMembers": ["user:B@x.com", "user:a@x.com"]}
    wanted = [AUDIT, {"service": "allServices", "auditLogConfigs": [more]}]
    made = put(policy(), {"auditConfigs": wanted}, updateMask="auditConfigs")
    log = made.audit[1]
    assert (log.log, log.exempted) == ("DATA_READ", ("user:a@x.com", "user:b@x.com"))


@pytest.mark.parametrize(
    "config",
    [
        7,
        {},
        {"service": "allServices"},
        {"service": "", "auditLogConfigs": [{"logType": "DATA_READ"}]},
        {"service": "allServices", "auditLogConfigs": [{}]},
        {"service": "allServices", "auditLogConfigs": [{"logType": "LOG_TYPE_UNSPECIFIED"}]},
        {
            "service": "allServices",
            "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["a@x.com"]}],
        },
    ],
)
def test_a_malformed_audit_configuration_is_refused(config: Any) -> None:
    problem = error(policy(), {"auditConfigs": [config]}, updateMask="auditConfigs")
    assert problem.code is Code.INVALID_ARGUMENT
    assert "auditConfigs" in (problem.field or "")


def test_audit_configurations_count_to_the_size_of_a_policy() -> None:
    members = [f"user:{'x' * 200}{index}@example.com" for index in range(400)]
    config = {
        "service": "allServices",
        "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": members}],
    }
    assert "bytes" in error(policy(), {"auditConfigs": [config]}, updateMask="auditConfigs").message


def asked(level: Level, *names: object) -> list[str]:
    return permissions_asked(call({"permissions": list(names)}), level)


def test_permissions_are_asked_in_their_order() -> None:
    names = ["storage.objects.list", "iam.roles.get"]
    assert asked(Level.PROJECT, *names) == names
    assert permissions_asked(call(), Level.PROJECT) == []


@pytest.mark.parametrize("item", ["*", "storage.*", "", "storage", "a.b.c\n", None, 7])
def test_a_wildcard_is_no_permission(item: object) -> None:
    with pytest.raises(CloudError, match="wildcards") as caught:
        asked(Level.PROJECT, "iam.roles.get", item)
    assert caught.value.field == "permissions"


@pytest.mark.parametrize(
    ("level", "valid", "not_valid"),
    [
        (Level.ORGANIZATION, "resourcemanager.projects.create", "resourcemanager.projects.make"),
        (Level.FOLDER, "resourcemanager.projects.list", "iam.role.get"),
        (Level.PROJECT, "resourcemanager.projects.get", "resourcemanager.projects.create"),
        (Level.PROJECT, "storage.buckets.list", "resourcemanager.organizations.get"),
        (Level.PROJECT, "compute.instances.get", "storage.buckets.got"),
        (Level.BUCKET, "storage.buckets.get", "storage.buckets.list"),
        (Level.BUCKET, "storage.objects.create", "storage.hmacKeys.list"),
        (Level.BUCKET, "storage.managedFolders.get", "compute.instances.get"),
        (Level.MANAGED_FOLDER, "storage.objects.get", "storage.buckets.get"),
        (Level.CRYPTO_KEY, "cloudkms.cryptoKeys.get", "storage.objects.get"),
        (Level.KEY_RING, "cloudkms.keyRings.get", "cloudkms.keyRing.get"),
        (Level.SERVICE_ACCOUNT, "iam.serviceAccounts.actAs", "iam.serviceAccounts.act"),
        (Level.TAG_KEY, "resourcemanager.tagKeys.get", "storage.buckets.get"),
    ],
)
def test_a_permission_is_asked_about_on_what_it_is_about(
    level: Level, valid: str, not_valid: str
) -> None:
    assert asked(level, valid) == [valid]
    with pytest.raises(CloudError) as caught:
        asked(level, valid, not_valid)
    assert caught.value.message == f"Permission {not_valid} is not valid for this resource."
    assert (caught.value.code, caught.value.field) == (Code.INVALID_ARGUMENT, "permissions")


def test_only_so_many_permissions_are_tested_at_once() -> None:
    many = ["iam.roles.get"] * PERMISSIONS_PER_TEST_MAX
    assert asked(Level.PROJECT, *many) == many
    with pytest.raises(CloudError, match="101"):
        asked(Level.PROJECT, *many, "iam.roles.get")


def test_no_permission_is_an_empty_answer() -> None:
    assert permissions_held([]) == {}
    assert permissions_held(["a.b.c"]) == {"permissions": ["a.b.c"]}
