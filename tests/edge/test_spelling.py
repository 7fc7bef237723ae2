"""What callers of proto-described APIs may spell in several ways reaches the service in one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rempart.core.call import Call
from support.exchange import DOMAIN, KMS, STORAGE, Gate, exchange

RING = "/v1/projects/p/locations/l/keyRings/r"
KEY = f"{RING}/cryptoKeys/k"


async def asked(verb: str, target: str, document: Any = None, *, host: str = KMS) -> Call:
    gate = Gate()
    body = b"" if document is None else json.dumps(document).encode()
    got = await exchange(gate, verb, target, host=host, body=body)
    assert got.status == 200, got.body
    return gate.call


@pytest.mark.parametrize(
    ("sent", "name", "value"),
    [
        ("pageSize=5", "pageSize", "5"),
        ("page_size=5", "pageSize", "5"),
        ("order_by=a_b", "orderBy", "a_b"),
        ("versionView=1", "versionView", "FULL"),
        ("version_view=FULL", "versionView", "FULL"),
        ("versionView=99", "versionView", "99"),
        ("key=API_KEY", "key", "API_KEY"),
        ("%24alt=json%3Benum-encoding%3Dint", "$alt", "json;enum-encoding=int"),
        ("$alt=json;enum-encoding=int", "$alt", "json;enum-encoding=int"),
        ("access_token=t", "access_token", "t"),
        ("unheard_of=1", "unheardOf", "1"),
    ],
)
async def test_a_query_parameter_has_one_spelling(sent: str, name: str, value: str) -> None:
    assert (await asked("GET", f"{RING}/cryptoKeys?{sent}")).query == {name: value}


@pytest.mark.parametrize("sent", ["requestedPolicyVersion", "requested_policy_version"])
async def test_so_has_one_within_a_message(sent: str) -> None:
    call = await asked("GET", f"{RING}:getIamPolicy?options.{sent}=3")
    assert call.query == {"options.requestedPolicyVersion": "3"}


@pytest.mark.parametrize("sent", ["updateMask", "update_mask"])
@pytest.mark.parametrize("paths", ["rotationPeriod,labels", "rotation_period,labels"])
async def test_so_has_a_field_mask(sent: str, paths: str) -> None:
    assert (await asked("PATCH", f"{KEY}?{sent}={paths}", {})).query == {
        "updateMask": "rotationPeriod,labels"
    }


@pytest.mark.parametrize(
    "document",
    [
        {"purpose": "ENCRYPT_DECRYPT", "versionTemplate": {"protectionLevel": "SOFTWARE"}},
        {"purpose": 1, "versionTemplate": {"protectionLevel": 1}},
        {"purpose": 1, "version_template": {"protection_level": 1}},
    ],
)
async def test_a_document_has_names_in_camel_case_and_enums_by_name(document: Any) -> None:
    call = await asked("POST", f"{RING}/cryptoKeys?cryptoKeyId=k", document)
    assert call.document == {
        "purpose": "ENCRYPT_DECRYPT",
        "versionTemplate": {"protectionLevel": "SOFTWARE"},
    }


@pytest.mark.parametrize(
    "document",
    [
        {"purpose": 99},
        {"purpose": True},
        {"purpose": 1.0},
        {"purpose": ["x"]},
        {"purpose": {"a_b": 1}},
        {"labels": {"a_b": 1, "c": None}},
        {"labels": 7, "createTime": {"a_b": 1}},
        {"un_known": {"a_b": 1}},
        {"versionTemplate": 1},
    ],
)
async def test_what_is_wrong_is_left_for_the_service_to_refuse(document: Any) -> None:
    call = await asked("POST", f"{RING}/cryptoKeys?cryptoKeyId=k", document)
    assert call.document == document
    assert [type(one) for one in call.document.values()] == [type(one) for one in document.values()]


async def test_a_field_in_both_spellings_is_refused() -> None:
    body = json.dumps({"versionTemplate": {}, "version_template": {}}).encode()
    got = await exchange(Gate(), "POST", f"{RING}/cryptoKeys?cryptoKeyId=k", host=KMS, body=body)
    assert got.status == 400
    assert got.error["details"][1]["fieldViolations"][0]["field"] == "versionTemplate"


async def test_a_policy_is_respelled_within_its_lists() -> None:
    document = {"policy": {"audit_configs": [{"audit_log_configs": [{"log_type": 1}]}]}}
    call = await asked("POST", f"{RING}:setIamPolicy", document)
    assert call.document == {
        "policy": {"auditConfigs": [{"auditLogConfigs": [{"logType": "ADMIN_READ"}]}]}
    }


@pytest.mark.parametrize("name", ["extraLocationTypes", "extra_location_types"])
async def test_repeated_parameters_keep_all_their_values(name: str) -> None:
    call = await asked("GET", f"/v1/projects/p/locations?{name}=a&{name}=b")
    assert call.query == {"extraLocationTypes": "a\nb"}


async def test_an_api_that_no_proto_describes_is_left_as_it_is_spelled() -> None:
    call = await asked("GET", "/storage/v1/b/b/o?page_size=1&maxResults=2", host=STORAGE)
    assert call.query == {"page_size": "1", "maxResults": "2"}
    call = await asked("POST", "/storage/v1/b?project=p", {"storage_class": 1}, host=STORAGE)
    assert call.document == {"storage_class": 1}


@pytest.mark.parametrize("host", ["localhost:8443", "127.0.0.1", "nas.example", DOMAIN])
async def test_a_shared_host_takes_the_api_s_name_before_its_paths(host: str) -> None:
    call = await asked("GET", f"/cloudkms{RING}/cryptoKeys?page_size=5", host=host)
    assert call.method == "cloudkms.projects.locations.keyRings.cryptoKeys.list"
    assert call.query == {"pageSize": "5"}
