"""Cloud Logging over the wire: entries written and found again, routed, kept and shown."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.universe import Universe

RESOURCE = {"type": "global"}
Json = dict[str, Any]


class Logs:
    """The logs of one project, as one caller sees them."""

    def __init__(self, caller: httpx.Client, container: str) -> None:
        self.caller = caller
        self.container = container

    def write(self, *entries: Json, log: str = "app", status: int = 200, **more: Any) -> Json:
        body = {
            "logName": f"{self.container}/logs/{log}",
            "resource": RESOURCE,
            "entries": list(entries),
            **more,
        }
        answer = self.caller.post("/logging/v2/entries:write", json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def search(self, filter_: str = "", *, names: tuple[str, ...] = (), **more: Any) -> Json:
        body = {"resourceNames": list(names) or [self.container], "filter": filter_, **more}
        answer = self.caller.post("/logging/v2/entries:list", json=body)
        assert answer.status_code == more.pop("status", 200), answer.text
        return dict(answer.json())

    def texts(self, filter_: str = "", *, names: tuple[str, ...] = (), **more: Any) -> list[str]:
        found = self.search(filter_, names=names, **more).get("entries", [])
        return [one.get("textPayload", "") for one in found]

    def ask(self, verb: str, path: str, body: Json | None = None, **query: str) -> Json:
        url = f"/logging/v2/{self.container}/{path}"
        answer = self.caller.request(verb, url, json=body, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, verb: str, path: str, body: Json | None = None, **query: str) -> Json:
        url = f"/logging/v2/{self.container}/{path}"
        answer = self.caller.request(verb, url, json=body, params=query)
        assert answer.status_code == 400, answer.text
        return dict(answer.json()["error"])


@pytest.fixture(scope="module")
def logs(admin: httpx.Client, universe: Universe) -> Logs:
    return Logs(admin, f"projects/{universe.project}")


@pytest.fixture
def log() -> str:
    """Return the id of a log that nobody has used."""
    return f"log-{uuid.uuid4().hex[:12]}"


def test_what_was_written_is_read_with_what_is_added(logs: Logs, log: str) -> None:
    logs.write({"textPayload": "hello", "severity": "error", "labels": {"a": "b"}}, log=log)
    [found] = logs.search(f'log_id("{log}")')["entries"]
    assert found["logName"] == f"{logs.container}/logs/{log}"
    assert found["severity"] == "ERROR"
    assert found["labels"] == {"a": "b"}
    assert found["insertId"]
    assert found["timestamp"]
    assert found["receiveTimestamp"]
    assert found["resource"]["labels"]["project_id"] == logs.container.removeprefix("projects/")


def test_pages_follow_each_other_in_the_order_of_time(logs: Logs, log: str) -> None:
    logs.write(
        *({"textPayload": str(at), "timestamp": f"2026-11-0{at}T00:00:00Z"} for at in (3, 1, 2, 5)),
        log=log,
    )
    logs.write({"textPayload": "4", "timestamp": "2026-11-04T00:00:00Z"}, log=log)
    asked: Json = {}
    for order, wanted in (("timestamp desc", "54321"), ("timestamp asc", "12345")):
        asked = {"orderBy": order, "pageSize": 2}
        seen = ""
        while True:
            page = logs.search(f"log_id({log})", **asked)
            seen += "".join(one["textPayload"] for one in page["entries"])
            if "nextPageToken" not in page:
                break
            asked["pageToken"] = page["nextPageToken"]
        assert seen == wanted
    body = {"resourceNames": [logs.container], "filter": "other", "pageToken": asked["pageToken"]}
    refused = logs.caller.post("/logging/v2/entries:list", json=body)
    assert refused.status_code == 400
    assert "another search" in refused.json()["error"]["message"]


def test_the_same_entry_twice_is_one(logs: Logs, log: str) -> None:
    entry = {"textPayload": "x", "insertId": "same", "timestamp": "2026-11-01T00:00:00Z"}
    logs.write(entry, entry, log=log)
    logs.write(entry, log=log)
    assert logs.texts(f"log_id({log})") == ["x"]


def test_a_bad_entry_stops_all_or_with_partial_success_itself(logs: Logs, log: str) -> None:
    good, bad = {"textPayload": "good"}, {"textPayload": "bad", "jsonPayload": {}}
    error = logs.write(good, bad, log=log, status=400)["error"]
    assert error["message"].startswith("Log entry with index 1: ")
    assert logs.texts(f"log_id({log})") == []
    error = logs.write(good, bad, log=log, status=400, partialSuccess=True)["error"]
    [partial] = [one for one in error["details"] if "logEntryErrors" in one]
    assert partial["logEntryErrors"]["1"]["code"] == 3
    assert logs.texts(f"log_id({log})") == ["good"]
    logs.write(good, log=log, dryRun=True)
    assert logs.texts(f"log_id({log})") == ["good"]


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"textPayload": "x" * 263_000}, "262144 bytes"),
        ({"labels": {str(at): "" for at in range(65)}}, "64 labels"),
        ({"labels": {"k" * 513: ""}}, "512 characters"),
        ({"insertId": "i" * 513}, "512 characters"),
        ({"severity": "LOUD"}, "no severity"),
        ({"timestamp": "2126-01-01T00:00:00Z"}, "24 hours in the future"),
        ({"protoPayload": {"a": 1}}, "'@type'"),
        ({"unknown": 1}, "unknown"),
        ({"logName": "projects/x/logs/"}, "no name of a log"),
    ],
)
def test_what_an_entry_may_not_be_is_named(logs: Logs, entry: Json, field: str) -> None:
    assert field in logs.write(entry, status=400)["error"]["message"]


def test_nobody_but_the_universe_writes_audit_logs(logs: Logs) -> None:
    error = logs.write({"textPayload": "forged"}, log="cloudaudit.googleapis.com%2Factivity",
                       status=403)["error"]  # fmt: skip
    assert "Only this universe" in error["message"]
    path = f"/logging/v2/{logs.container}/logs/cloudaudit.googleapis.com%252Factivity"
    assert logs.caller.delete(path).status_code == 403


def test_a_bad_filter_is_refused_with_its_place(logs: Logs) -> None:
    body = {"resourceNames": [logs.container], "filter": "severity>=\nOR"}
    answer = logs.caller.post("/logging/v2/entries:list", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["message"] == ("Unparseable filter: syntax error at line 2, column 1, token 'OR'")


def test_a_deleted_log_is_gone_and_can_begin_anew(logs: Logs, log: str) -> None:
    logs.write({"textPayload": "old"}, log=log)
    name = f"{logs.container}/logs/{log}"
    assert name in logs.ask("GET", "logs", pageSize="1000")["logNames"]
    logs.ask("DELETE", f"logs/{log}")
    assert logs.texts(f"log_id({log})") == []
    logs.write({"textPayload": "new"}, log=log)
    assert logs.texts(f"log_id({log})") == ["new"]


def test_a_sink_leads_into_a_bucket_with_a_view_and_exclusions_leave_out(
    logs: Logs, log: str
) -> None:
    bucket = f"{logs.container}/locations/global/buckets/{log}"
    logs.ask("POST", "locations/global/buckets", {"retentionDays": 3}, bucketId=log)
    target = f"logging.googleapis.com/{bucket}"
    sink: Json = {"name": log, "destination": target, "filter": f"log_id({log}) severity>=ERROR"}
    sink["exclusions"] = [{"name": "quiet", "filter": "quiet"}]
    made = logs.ask("POST", "sinks", sink)
    assert "writerIdentity" not in made
    view = {"filter": "labels.team=red"}
    logs.ask("POST", f"locations/global/buckets/{log}/views", view, viewId="red")
    logs.write(
        {"textPayload": "one", "severity": "ERROR", "labels": {"team": "red"}},
        {"textPayload": "two", "severity": "ERROR"},
        {"textPayload": "quiet three", "severity": "ERROR"},
        {"textPayload": "four"},
        log=log,
    )
    assert logs.texts(names=(f"{bucket}/views/_AllLogs",)) == ["one", "two"]
    assert logs.texts(names=(f"{bucket}/views/red",)) == ["one"]
    assert len(logs.texts(f"log_id({log})")) == 4
    logs.ask("DELETE", f"sinks/{log}")
    logs.ask("DELETE", f"locations/global/buckets/{log}")
    error = logs.refused("PATCH", f"locations/global/buckets/{log}", {}, updateMask="description")
    assert error["status"] == "FAILED_PRECONDITION"


def test_an_exclusion_keeps_entries_out_of_the_default_bucket(logs: Logs, log: str) -> None:
    logs.ask("POST", "exclusions", {"name": log, "filter": f"log_id({log})"})
    logs.write({"textPayload": "x"}, log=log)
    assert logs.texts(f"log_id({log})") == []
    logs.ask("PATCH", f"exclusions/{log}", {"disabled": True}, updateMask="disabled")
    logs.write({"textPayload": "y"}, log=log)
    assert logs.texts(f"log_id({log})") == ["y"]
    logs.ask("DELETE", f"exclusions/{log}")


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ("pubsub.googleapis.com/projects/p/topics/t", "Cloud Pub/Sub"),
        ("bigquery.googleapis.com/projects/p/datasets/d", "BigQuery"),
        ("storage.googleapis.com/../bucket", "is none"),
        ("syslog.rempart.io/siem", "names no syslog server siem"),
        ("https://example.test", "is none"),
    ],
)
def test_a_sink_that_leads_nowhere_is_refused_by_name(
    logs: Logs, destination: str, words: str
) -> None:
    error = logs.refused("POST", "sinks", {"name": "s", "destination": destination})
    assert words in error["message"]


def test_what_must_not_change_does_not(logs: Logs) -> None:
    required = "locations/global/buckets/_Required"
    assert logs.ask("GET", required)["retentionDays"] == 400
    mask = {"updateMask": "retentionDays"}
    logs.refused("PATCH", required, {"retentionDays": 1}, **mask)
    logs.refused("DELETE", required)
    logs.refused("DELETE", "locations/global/buckets/_Default")
    logs.refused("DELETE", "sinks/_Default")
    logs.refused("PUT", "sinks/_Required", {"filter": "x"})
    key = {"cmekSettings": {"kmsKeyName": "k"}}
    logs.refused("POST", "locations/global/buckets", key, bucketId="b")
    logs.refused("POST", "locations/mars/buckets", {}, bucketId="b")


def test_a_locked_bucket_keeps_its_retention(logs: Logs, log: str) -> None:
    at = f"locations/global/buckets/{log}"
    logs.ask("POST", "locations/global/buckets", {"retentionDays": 3}, bucketId=log)
    logs.ask("PATCH", at, {"locked": True}, updateMask="locked")
    logs.refused("PATCH", at, {"retentionDays": 2}, updateMask="retentionDays")
    logs.refused("PATCH", at, {"locked": False}, updateMask="locked")
    logs.refused("DELETE", at)


def audited(logs: Logs, filter_: str) -> list[Json]:
    """Return audit log entries, once there are some: refusals are on record a little later."""
    for _ in range(50):
        found = logs.search(filter_, orderBy="timestamp desc").get("entries", [])
        if found:
            return [dict(one) for one in found]
        time.sleep(0.1)
    raise AssertionError(f"no audit log for {filter_}")


def test_a_change_is_an_entry_of_admin_activity(logs: Logs, log: str) -> None:
    logs.ask("POST", "exclusions", {"name": log, "filter": "severity=DEBUG"})
    logs.ask("DELETE", f"exclusions/{log}")
    filter_ = (
        'log_id("cloudaudit.googleapis.com/activity")'
        ' protoPayload.methodName="google.logging.v2.ConfigServiceV2.CreateExclusion"'
    )
    found = audited(logs, filter_)[0]
    payload = found["protoPayload"]
    assert payload["@type"] == "type.googleapis.com/google.cloud.audit.AuditLog"
    assert payload["serviceName"] == "logging.googleapis.com"
    assert payload["authenticationInfo"]["principalEmail"].endswith("gserviceaccount.com")
    assert payload["authorizationInfo"][0]["permission"] == "logging.exclusions.create"
    assert payload["authorizationInfo"][0]["granted"] is True
    assert payload["requestMetadata"]["callerIp"] == "127.0.0.1"
    assert found["labels"]["rempart.io/log-index"].isdecimal()
    assert found["labels"]["rempart.io/method"] == "logging.projects.exclusions.create"
    assert found["severity"] == "NOTICE"


def test_a_new_bucket_is_found_by_its_name_as_with_google(logs: Logs, bucket: str) -> None:
    named = f'resource.type="gcs_bucket" resource.labels.bucket_name="{bucket}"'
    name = f"projects/_/buckets/{bucket}"
    [found] = audited(logs, f'{named} protoPayload.resourceName="{name}"')
    assert set(found["resource"]["labels"]) == {"project_id", "bucket_name", "location"}
    assert found["protoPayload"]["authorizationInfo"][0]["resource"] == name


@pytest.fixture(scope="module")
def deeds(universe: Universe, admin: httpx.Client) -> str:
    """Do what guides to Google's audit logs look for, all to what has one name; return the name."""
    name, place = f"guided{uuid.uuid4().hex[:8]}", universe.location
    project, bucket = f"projects/{universe.project}", f"/storage/v1/b/{name}"
    rings = f"/cloudkms/v1/{project}/locations/{place}/keyRings"
    keys, policy = f"{rings}/{name}/cryptoKeys", f"/cloudresourcemanager/v1/{project}"
    log_bucket = f"logging.googleapis.com/{project}/locations/global/buckets/_Default"

    def ask(verb: str, path: str, body: Json | None = None) -> Json:
        answer = admin.request(verb, path, json=body)
        assert answer.is_success, (path, answer.text)
        return dict(answer.json()) if "json" in answer.headers.get("content-type", "") else {}

    ask("POST", f"/storage/v1/b?project={universe.project}", {"name": name, "location": place})
    members = [f"serviceAccount:{universe.admin_key['client_email']}"]

    def given(role: str) -> Json:
        return {"bindings": [{"role": role, "members": members}]}

    ask("PUT", f"{bucket}/iam", given("roles/storage.admin"))
    ask("POST", f"/upload{bucket}/o?uploadType=media&name=o", {})
    ask("DELETE", f"{bucket}/o/o")
    ask("DELETE", bucket)
    ask("POST", f"{rings}?keyRingId={name}", {})
    ask("POST", f"{rings}/{name}:setIamPolicy", {"policy": given("roles/cloudkms.viewer")})
    ask("POST", f"{keys}?cryptoKeyId=k", {"purpose": "ENCRYPT_DECRYPT"})
    ask("POST", f"{keys}/k:encrypt", {"plaintext": "eA=="})
    ask("POST", f"{keys}/k/cryptoKeyVersions/1:destroy", {})
    ask("POST", f"/iam/v1/{project}/roles", {"roleId": name, "role": {}})
    account = ask("POST", f"/iam/v1/{project}/serviceAccounts", {"accountId": name})["name"]
    user = {"policy": given("roles/iam.serviceAccountUser")}
    ask("POST", f"/iam/v1/{account}:setIamPolicy", user)
    ask("POST", f"{policy}:setIamPolicy", {"policy": ask("POST", f"{policy}:getIamPolicy", {})})
    ask("POST", f"/logging/v2/{project}/sinks", {"name": name, "destination": log_bucket})
    exclusion = {"name": name, "filter": "severity=DEBUG"}
    ask("POST", f"/logging/v2/{project}/exclusions", exclusion)
    ask("DELETE", f"/logging/v2/{project}/exclusions/{name}")
    return name


@pytest.mark.parametrize(
    "filter_",
    [
        'resource.type="gcs_bucket" AND protoPayload.methodName="storage.buckets.create"',
        'protoPayload.methodName="storage.buckets.delete"',
        'resource.type="gcs_bucket" AND protoPayload.methodName="storage.setIamPermissions"',
        'protoPayload.methodName=("storage.objects.create" OR "storage.objects.update")',
        'protoPayload.methodName="storage.objects.delete"',
        'protoPayload.methodName="CreateKeyRing"',
        'resource.type="cloudkms_cryptokey" protoPayload.methodName="Encrypt"',
        'protoPayload.methodName="DestroyCryptoKeyVersion" resource.type=cloudkms_cryptokeyversion',
        """resource.type="iam_role" AND (protoPayload.methodName="google.iam.admin.v1.CreateRole" OR
        protoPayload.methodName="google.iam.admin.v1.DeleteRole" OR
        protoPayload.methodName="google.iam.admin.v1.UpdateRole")""",
        'protoPayload.methodName="google.iam.admin.v1.CreateServiceAccount"',
        """protoPayload.serviceData.policyDelta.bindingDeltas.action="ADD"
        protoPayload.serviceData.policyDelta.bindingDeltas.role="roles/storage.admin\"""",
        'protoPayload.serviceData.policyDelta.bindingDeltas.role="roles/cloudkms.viewer"',
        'protoPayload.serviceData.policyDelta.bindingDeltas.role="roles/iam.serviceAccountUser"',
        'resource.type="logging_sink" protoPayload.methodName:"ConfigServiceV2.CreateSink"',
    ],
)
def test_filters_of_googles_guides_find_what_was_done(logs: Logs, deeds: str, filter_: str) -> None:
    [found] = audited(logs, f"({filter_}) AND {deeds}")
    assert found["protoPayload"]["@type"] == "type.googleapis.com/google.cloud.audit.AuditLog"


@pytest.mark.parametrize(
    "filter_",
    [
        'logName:"cloudaudit.googleapis.com%2Factivity"',
        'logName:"cloudaudit.googleapis.com"',
        'protoPayload."@type"="type.googleapis.com/google.cloud.audit.AuditLog"',
        'protoPayload.@type="type.googleapis.com/google.cloud.audit.AuditLog"',
        """resource.type="project" protoPayload.serviceName="cloudresourcemanager.googleapis.com"
        protoPayload.methodName="SetIamPolicy\"""",
        """resource.type="audited_resource"
        resource.labels.method="google.logging.v2.ConfigServiceV2.CreateExclusion\"""",
    ],
)
@pytest.mark.usefixtures("deeds")
def test_filters_of_googles_guides_for_whole_logs_find_something(logs: Logs, filter_: str) -> None:
    assert audited(logs, filter_)


@pytest.fixture(scope="module")
def viewer(universe: Universe, admin: httpx.Client) -> Iterator[Logs]:
    """Return the stranger, who may view logs, but not private ones."""
    key = universe.keys["stranger"]
    project = f"/v3/projects/{universe.project}"
    base = "/cloudresourcemanager" + project
    before = admin.post(f"{base}:getIamPolicy").json()
    binding = {
        "role": "roles/logging.viewer",
        "members": [f"serviceAccount:{key['client_email']}"],
    }
    policy = {**before, "bindings": [*before["bindings"], binding]}
    answer = admin.post(f"{base}:setIamPolicy", json={"policy": policy})
    assert answer.status_code == 200, answer.text
    with universe.caller(universe.token(key)) as caller:
        yield Logs(caller, f"projects/{universe.project}")
    now = admin.post(f"{base}:getIamPolicy").json()
    admin.post(f"{base}:setIamPolicy", json={"policy": {**before, "etag": now["etag"]}})


def test_private_logs_are_for_who_may_see_them(logs: Logs, viewer: Logs, log: str) -> None:
    logs.write({"textPayload": "written"}, log=log)
    private = 'log_id("cloudaudit.googleapis.com/data_access")'
    assert audited(logs, private)
    assert viewer.texts(f"log_id({log})") == ["written"]
    assert viewer.search(private) == {}
    names = viewer.ask("GET", "logs", pageSize="1000")["logNames"]
    assert not [one for one in names if "data_access" in one]
    viewer.write({"textPayload": "x"}, status=403)
    view = f"{logs.container}/locations/global/buckets/_Default/views/_AllLogs"
    body = {"resourceNames": [view]}
    assert viewer.caller.post("/logging/v2/entries:list", json=body).status_code == 403


def test_a_refusal_is_an_entry_of_policy_denied(logs: Logs, viewer: Logs) -> None:
    viewer.write({"textPayload": "x"}, status=403)
    found = audited(logs, 'log_id("cloudaudit.googleapis.com/policy") protoPayload.status.code=7')
    payload = found[0]["protoPayload"]
    assert payload["methodName"] == "google.logging.v2.LoggingServiceV2.WriteLogEntries"
    assert payload["authorizationInfo"][0]["granted"] is False
    assert found[0]["severity"] == "ERROR"


def test_a_view_may_be_given_to_somebody(logs: Logs, viewer: Logs, log: str) -> None:
    logs.ask("POST", "locations/global/buckets/_Default/views", {"filter": "log_id(x)"}, viewId=log)
    at = f"locations/global/buckets/_Default/views/{log}"
    name = f"{logs.container}/{at}"
    body = {"resourceNames": [name]}
    assert viewer.caller.post("/logging/v2/entries:list", json=body).status_code == 403
    bindings = [{"role": "roles/logging.viewAccessor", "members": ["allAuthenticatedUsers"]}]
    answer = logs.caller.post(f"/logging/v2/{name}:setIamPolicy",
                              json={"policy": {"bindings": bindings}})  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert viewer.caller.post("/logging/v2/entries:list", json=body).status_code == 200
    logs.ask("DELETE", at)
