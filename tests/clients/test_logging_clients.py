"""Google's own clients for Cloud Logging: gcloud, and the Python library by gRPC."""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import logging as google_logging
from google.cloud.logging_v2.handlers import CloudLoggingHandler
from google.oauth2 import service_account

from support.universe import Universe, program

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def client(shell: Universe) -> Any:
    credentials = service_account.Credentials.from_service_account_info(shell.admin_key)  # type: ignore[no-untyped-call]  # Google's is untyped
    options = {"api_endpoint": f"localhost:{shell.listen}", "universe_domain": shell.domain}
    make: Any = google_logging.Client
    return make(project=shell.project, credentials=credentials, client_options=options)


@pytest.fixture
def log() -> str:
    return f"log-{uuid.uuid4().hex[:12]}"


def test_the_library_writes_and_reads_by_grpc(client: Any, log: str) -> None:
    logger = client.logger(log)
    logger.log_text("hello", severity="WARNING", labels={"a": "b"})
    logger.log_struct({"message": "structured", "count": 3})
    batch = logger.batch()
    for at in range(5):
        batch.log_text(f"number {at}")
    batch.commit()
    # The library writes an entry about itself, once.
    filter_ = f'log_id("{log}") NOT jsonPayload."logging.googleapis.com/diagnostic":*'
    found = list(client.list_entries(filter_=filter_, page_size=3))
    assert found[0].payload == "hello"
    assert found[0].severity == "WARNING"
    assert found[1].payload == {"message": "structured", "count": 3.0}
    assert len(found) == 7
    assert [one.payload for one in found[2:]] == [f"number {at}" for at in range(5)]
    logger.delete()
    assert list(client.list_entries(filter_=f'log_id("{log}")')) == []


def test_new_entries_come_in_a_stream(client: Any, log: str) -> None:
    api = client.logging_api._gapic_api
    request = {
        "resource_names": [f"projects/{client.project}"],
        "filter": f"log_id({log})",
        "buffer_window": {"seconds": 1},
    }
    stream = api.tail_log_entries(iter([request]), timeout=60)
    next(stream)  # it has begun
    client.logger(log).log_text("as it comes")
    [entry] = [one for one in next(stream).entries if one.text_payload]
    assert entry.text_payload == "as it comes"
    stream.cancel()


def test_a_stream_of_what_one_may_not_read_is_refused(client: Any, shell: Universe) -> None:
    key = shell.keys["stranger"]
    credentials = service_account.Credentials.from_service_account_info(key)  # type: ignore[no-untyped-call]  # Google's is untyped
    options = {"api_endpoint": f"localhost:{shell.listen}", "universe_domain": shell.domain}
    make: Any = google_logging.Client
    other = make(project=shell.project, credentials=credentials, client_options=options)
    api = other.logging_api._gapic_api
    with pytest.raises(exceptions.PermissionDenied):
        list(api.tail_log_entries(iter([{"resource_names": [f"projects/{shell.project}"]}])))


def test_the_handler_of_the_library_writes(client: Any, log: str) -> None:
    handler = CloudLoggingHandler(client, name=log)
    writer = logging.getLogger(log)
    writer.setLevel(logging.INFO)
    writer.addHandler(handler)
    writer.error("broken %s", "wheel")
    handler.close()  # type: ignore[no-untyped-call]  # Google's is untyped
    [found] = client.list_entries(filter_=f'log_id("{log}") severity=ERROR')
    assert "broken wheel" in str(found.payload)


def test_audit_logs_come_as_protocol_buffers(client: Any) -> None:
    target = f"logging.googleapis.com/projects/{client.project}/locations/global/buckets/_Default"
    client.sink(f"s-{uuid.uuid4().hex[:8]}", filter_="severity=DEBUG", destination=target).create()
    found = list(client.list_entries(filter_="protoPayload.methodName:CreateSink", page_size=1))
    assert found[0].payload["serviceName"] == "logging.googleapis.com"


def test_a_change_of_a_policy_comes_as_protocol_buffers(client: Any, shell: Universe) -> None:
    ring = f"r-{uuid.uuid4().hex[:8]}"
    member = f"serviceAccount:{shell.keys['stranger']['client_email']}"
    rings = f"/cloudkms/v1/projects/{shell.project}/locations/{shell.location}/keyRings"
    policy = {"bindings": [{"role": "roles/cloudkms.viewer", "members": [member]}]}
    with shell.caller(shell.token()) as caller:
        caller.post(f"{rings}?keyRingId={ring}", json={}).raise_for_status()
        asked = caller.post(f"{rings}/{ring}:setIamPolicy", json={"policy": policy})
        asked.raise_for_status()
    filter_ = f'protoPayload.serviceData.policyDelta.bindingDeltas.member="{member}" {ring}'
    [found] = client.list_entries(filter_=filter_)
    [delta] = found.payload["serviceData"]["policyDelta"]["bindingDeltas"]
    assert delta == {"action": "ADD", "role": "roles/cloudkms.viewer", "member": member}


def test_the_library_keeps_sinks_and_metrics(client: Any, log: str) -> None:
    metric = client.metric(log, filter_="severity>=ERROR", description="errors")
    metric.create()
    assert log in [one.name for one in client.list_metrics()]
    metric.description = "more"
    metric.update()
    again = client.metric(log)
    again.reload()
    assert again.description == "more"
    metric.delete()
    assert not again.exists()
    assert {"_Default", "_Required"} <= {one.name for one in client.list_sinks()}


def test_gcloud_writes_reads_and_configures(shell: Universe, log: str) -> None:
    def gcloud(*words: str) -> Any:
        out = shell.run(program("gcloud"), "logging", *words, "--format=json").stdout
        return json.loads(out) if out.strip() else None

    gcloud("write", log, "from gcloud", "--severity=ERROR")
    found = gcloud("read", f"log_id({log}) AND severity>=ERROR", "--freshness=1h", "--limit=5")
    assert [one["textPayload"] for one in found] == ["from gcloud"]
    assert any(one.endswith(log) for one in gcloud("logs", "list"))
    gcloud("buckets", "create", log, "--location=global", "--retention-days=5")
    target = f"logging.googleapis.com/projects/{shell.project}/locations/global/buckets/{log}"
    gcloud("sinks", "create", log, target, "--log-filter=severity>=ERROR")
    view = ("--bucket", log, "--location=global")
    gcloud("views", "create", "red", *view, "--log-filter=severity=ALERT")
    assert [one["filter"] for one in gcloud("views", "list", *view) if "filter" in one] == [
        "severity=ALERT"
    ]
    assert log in [one["name"] for one in gcloud("sinks", "list")]
    gcloud("metrics", "create", log, "--description=d", "--log-filter=severity>=ERROR")
    assert log in [one["name"] for one in gcloud("metrics", "list")]
    assert [one["retentionDays"] for one in gcloud("buckets", "list") if log in one["name"]] == [5]
    made = gcloud("sinks", "create", f"{log}-out", "storage.googleapis.com/some-bucket")
    assert "@gcp-sa-logging." in made["writerIdentity"]
    gcloud("sinks", "delete", f"{log}-out", "--quiet")
    guided = f"""logName:"cloudaudit.googleapis.com%2Factivity" AND resource.type="logging_sink" AND
        protoPayload.@type="type.googleapis.com/google.cloud.audit.AuditLog" AND
        protoPayload.methodName="google.logging.v2.ConfigServiceV2.DeleteSink" AND "{log}-out\""""
    [found] = gcloud("read", guided, "--freshness=1h")
    assert found["labels"]["rempart.io/method"] == "logging.projects.sinks.delete"
