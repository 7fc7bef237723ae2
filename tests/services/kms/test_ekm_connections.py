"""Connections to external key managers, through the gate."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.services.kms.model import ekm_connection
from rempart.services.kms.model.ekm_connection import (
    CERTIFICATE_BYTES_MAX,
    CERTIFICATES_MAX,
    FILTER_CHARS_MAX,
)
from support.cloud_kms import LOCATION, Kms, b64
from support.fake_ekm import HOST, Certificate

CERTIFICATE = Certificate.of()
SERVICE = "projects/p/locations/l/namespaces/n/services/s"


@pytest.fixture
async def kms() -> Kms:
    return await Kms.start()


def resolver(**changes: Any) -> dict[str, Any]:
    """Return a resolver as a request holds it; None removes a member."""
    whole = {
        "serviceDirectoryService": SERVICE,
        "hostname": HOST,
        "serverCertificates": [{"rawDer": b64(CERTIFICATE.der)}],
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def document(**changes: Any) -> dict[str, Any]:
    return {"serviceResolvers": [resolver()]} | changes


async def create(kms: Kms, id_: str = "c", **changes: Any) -> dict[str, Any]:
    return await kms.ask(
        "ekmConnections.create",
        document(**changes),
        parent=LOCATION,
        query={"ekmConnectionId": id_},
    )


async def test_a_connection_comes_back_with_what_its_certificate_says(kms: Kms) -> None:
    made = await create(kms)
    assert made["name"] == f"{LOCATION}/ekmConnections/c"
    assert made["keyManagementMode"] == "MANUAL"
    [shown] = made["serviceResolvers"]
    assert (shown["hostname"], shown["serviceDirectoryService"]) == (HOST, SERVICE)
    [certificate] = shown["serverCertificates"]
    assert base64.b64decode(certificate["rawDer"]) == CERTIFICATE.der
    assert certificate["parsed"] is True
    assert certificate["subject"] == certificate["issuer"] == f"CN={HOST}"
    assert certificate["subjectAlternativeDnsNames"] == [HOST]
    assert certificate["sha256Fingerprint"] == hashlib.sha256(CERTIFICATE.der).hexdigest()
    assert certificate["notBeforeTime"] < certificate["notAfterTime"]
    assert int(certificate["serialNumber"], 16) > 0
    assert await kms.ask("ekmConnections.get", name=made["name"]) == made


async def test_what_was_read_can_be_sent_back(kms: Kms) -> None:
    made = await create(kms)
    changed = await kms.ask(
        "ekmConnections.patch", made, name=made["name"], query={"updateMask": "serviceResolvers"}
    )
    assert changed["serviceResolvers"] == made["serviceResolvers"]
    assert changed["etag"] != made["etag"]


async def test_connections_are_listed_and_counted(kms: Kms) -> None:
    for id_ in ("a", "b", "c"):
        await create(kms, id_)
    page = await kms.ask("ekmConnections.list", parent=LOCATION, query={"pageSize": "2"})
    assert [one["name"].rpartition("/")[2] for one in page["ekmConnections"]] == ["a", "b"]
    assert page["totalSize"] == 3
    rest = await kms.ask(
        "ekmConnections.list", parent=LOCATION, query={"pageToken": page["nextPageToken"]}
    )
    assert [one["name"].rpartition("/")[2] for one in rest["ekmConnections"]] == ["c"]


async def test_a_name_is_given_once(kms: Kms) -> None:
    await create(kms)
    with pytest.raises(CloudError) as caught:
        await create(kms)
    assert caught.value.code is Code.ALREADY_EXISTS


async def test_a_location_holds_so_many_connections(
    kms: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rempart.services.kms.connections.CONNECTIONS_PER_LOCATION_MAX", 2)
    await create(kms, "a")
    await create(kms, "b")
    with pytest.raises(CloudError) as caught:
        await create(kms, "c")
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert ekm_connection.CONNECTIONS_PER_LOCATION_MAX == 100


RESOLVER = "serviceResolvers[0]"
CERTIFICATES = f"{RESOLVER}.serverCertificates"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"serviceResolvers": []}, "serviceResolvers"),
        ({"serviceResolvers": [resolver(), resolver()]}, "serviceResolvers"),
        ({"serviceResolvers": "x"}, "serviceResolvers"),
        ({"serviceResolvers": [resolver(hostname=None)]}, f"{RESOLVER}.hostname"),
        ({"serviceResolvers": [resolver(hostname="a b")]}, f"{RESOLVER}.hostname"),
        ({"serviceResolvers": [resolver(hostname="https://h")]}, f"{RESOLVER}.hostname"),
        ({"serviceResolvers": [resolver(hostname="h:99999")]}, f"{RESOLVER}.hostname"),
        ({"serviceResolvers": [resolver(hostname="user@h")]}, f"{RESOLVER}.hostname"),
        ({"serviceResolvers": [resolver(hostname="h\r\nx: y")]}, f"{RESOLVER}.hostname"),
        ({"serviceResolvers": [resolver(hostname="h" * 64)]}, f"{RESOLVER}.hostname"),
        (
            {"serviceResolvers": [resolver(serviceDirectoryService="services/s")]},
            f"{RESOLVER}.serviceDirectoryService",
        ),
        (
            {"serviceResolvers": [resolver(endpointFilter="f" * (FILTER_CHARS_MAX + 1))]},
            f"{RESOLVER}.endpointFilter",
        ),
        ({"serviceResolvers": [resolver(serverCertificates=None)]}, CERTIFICATES),
        (
            {
                "serviceResolvers": [
                    resolver(
                        serverCertificates=[{"rawDer": b64(CERTIFICATE.der)}]
                        * (CERTIFICATES_MAX + 1)
                    )
                ]
            },
            CERTIFICATES,
        ),
        (
            {"serviceResolvers": [resolver(serverCertificates=[{"rawDer": b64(b"no DER")}])]},
            f"{CERTIFICATES}[0].rawDer",
        ),
        (
            {
                "serviceResolvers": [
                    resolver(
                        serverCertificates=[{"rawDer": b64(CERTIFICATE.der)}, {"parsed": True}]
                    )
                ]
            },
            f"{CERTIFICATES}[1].rawDer",
        ),
        (
            {
                "serviceResolvers": [
                    resolver(
                        serverCertificates=[{"rawDer": b64(b"\x30" * (CERTIFICATE_BYTES_MAX + 1))}]
                    )
                ]
            },
            f"{CERTIFICATES}[0].rawDer",
        ),
        ({"keyManagementMode": "AUTOMATIC"}, "keyManagementMode"),
        ({"keyManagementMode": "CLOUD_KMS"}, "cryptoSpacePath"),
        ({"keyManagementMode": "CLOUD_KMS", "cryptoSpacePath": "/v0/s"}, "cryptoSpacePath"),
        ({"keyManagementMode": "CLOUD_KMS", "cryptoSpacePath": "v0/../s"}, "cryptoSpacePath"),
        ({"cryptoSpacePath": "v0/s?x"}, "cryptoSpacePath"),
        ({"etagg": "x"}, "etagg"),
    ],
)
async def test_what_is_wrong_is_named(kms: Kms, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(CloudError) as caught:
        await create(kms, **changes)
    assert (caught.value.code, caught.value.field) == (Code.INVALID_ARGUMENT, field)


async def test_ten_certificates_are_taken(kms: Kms) -> None:
    many = [{"rawDer": b64(CERTIFICATE.der)}] * 10
    made = await create(kms, serviceResolvers=[resolver(serverCertificates=many)])
    assert len(made["serviceResolvers"][0]["serverCertificates"]) == 10


async def test_a_change_of_an_older_state_is_refused(kms: Kms) -> None:
    made = await create(kms)
    change = {"cryptoSpacePath": "v0/cryptospaces/s", "etag": made["etag"]}
    query = {"updateMask": "cryptoSpacePath"}
    changed = await kms.ask("ekmConnections.patch", change, name=made["name"], query=query)
    assert changed["cryptoSpacePath"] == "v0/cryptospaces/s"
    with pytest.raises(CloudError) as caught:
        await kms.ask("ekmConnections.patch", change, name=made["name"], query=query)
    assert (caught.value.code, caught.value.field) == (Code.ABORTED, "etag")


async def test_only_what_may_change_changes(kms: Kms) -> None:
    made = await create(kms)
    with pytest.raises(CloudError) as caught:
        await kms.ask(
            "ekmConnections.patch", {}, name=made["name"], query={"updateMask": "createTime"}
        )
    assert caught.value.field == "updateMask"


async def test_a_location_has_a_default_connection_once_it_is_set(kms: Kms) -> None:
    name, config = (await create(kms))["name"], f"{LOCATION}/ekmConfig"
    assert await kms.ask("getEkmConfig", name=config) == {"name": config}
    query = {"updateMask": "defaultEkmConnection"}
    set_ = {"name": config, "defaultEkmConnection": name}
    assert await kms.ask("updateEkmConfig", set_, name=config, query=query) == set_
    assert await kms.ask("getEkmConfig", name=config) == set_
    unset = await kms.ask("updateEkmConfig", {"name": config}, name=config, query=query)
    assert unset == {"name": config}


@pytest.mark.parametrize(
    ("default", "code"),
    [
        (f"{LOCATION}/ekmConnections/absent", Code.NOT_FOUND),
        ("projects/lab:demo/locations/global/ekmConnections/c", Code.INVALID_ARGUMENT),
        ("c", Code.INVALID_ARGUMENT),
    ],
)
async def test_a_default_is_a_connection_of_the_location(
    kms: Kms, default: str, code: Code
) -> None:
    await create(kms)
    with pytest.raises(CloudError) as caught:
        await kms.ask(
            "updateEkmConfig",
            {"defaultEkmConnection": default},
            name=f"{LOCATION}/ekmConfig",
            query={"updateMask": "defaultEkmConnection"},
        )
    assert caught.value.code is code


async def test_policies_stand_on_connections_and_on_the_settings(kms: Kms) -> None:
    name = (await create(kms))["name"]
    bindings = [{"role": "roles/cloudkms.admin", "members": ["user:ada@example.test"]}]
    for noun, resource in (("ekmConnections", name), ("ekmConfig", f"{LOCATION}/ekmConfig")):
        body = {"policy": {"bindings": bindings}}
        await kms.ask(f"{noun}.setIamPolicy", body, resource=resource)
        found = await kms.ask(f"{noun}.getIamPolicy", resource=resource)
        assert found["bindings"] == bindings
        permissions = {"permissions": ["cloudkms.ekmConnections.use"]}
        assert await kms.ask(f"{noun}.testIamPermissions", permissions, resource=resource)
