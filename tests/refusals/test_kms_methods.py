"""Every method of Cloud KMS and its inventory, by every caller who must not: refused, in vain.

The list is generated from the table of methods. The same requests, made by the administrator, are
not refused: so it is the caller who is.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from rempart.core.method import Method
from rempart.services.kms import METHODS, OWN
from rempart.services.kmsinventory import METHODS as INVENTORY
from rempart.wire import WireMethod, load
from support.fake_ekm import Certificate
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

APIS = ("cloudkms", "kmsinventory")
WIRE = {
    method.id: method
    for service in (*(load(api, "v1") for api in APIS), OWN)
    for method in service.methods
}
TABLE: tuple[Method[Any], ...] = (*METHODS, *INVENTORY)
ANSWERED = {str(method.id): method for method in TABLE}
AUTOKEY = {"keyProjectResolutionMode": "RESOURCE_PROJECT"}
BUCKET = {"resourceTypeSelector": "storage.googleapis.com/Bucket"}
KAJ: dict[str, Any] = {"defaultKeyAccessJustificationPolicy": {"allowedAccessReasons": []}}
GUARDED = ("keyRings", "cryptoKeys", "importJobs", "ekmConnections", "ekmConfig")
SECRET = base64.b64encode(b"the secret").decode()


@dataclass(frozen=True)
class Victim:
    """A key ring with a key, its version and an import job, and a connection to a manager.

    Beside it: a key handle, the name of a deleted key, and the operation that deleted it.
    """

    project: str
    location: str
    ring: str
    sealed: str
    folder: str
    organization: str
    operation: str = ""

    @property
    def names(self) -> dict[str, str]:
        """Return a name for each kind of resource, by the last noun of its pattern."""
        place = f"projects/{self.project}/locations/{self.location}"
        ring = f"{place}/keyRings/{self.ring}"
        return {
            "organizations": self.organization,
            "folders": self.folder,
            "projects": f"projects/{self.project}",
            "locations": place,
            "keyRings": ring,
            "cryptoKeys": f"{ring}/cryptoKeys/key",
            "cryptoKeyVersions": f"{ring}/cryptoKeys/key/cryptoKeyVersions/1",
            "importJobs": f"{ring}/importJobs/job",
            "ekmConnections": f"{place}/ekmConnections/{self.ring}",
            "ekmConfig": f"{place}/ekmConfig",
            "keyHandles": f"{place}/keyHandles/{self.ring}",
            "retiredResources": f"{place}/retiredResources/{self.ring}.gone",
            "operations": self.operation,
        }


QUERIES = {
    "keyRings.create": "keyRingId",
    "cryptoKeys.create": "cryptoKeyId",
    "importJobs.create": "importJobId",
    "ekmConnections.create": "ekmConnectionId",
    "keyHandles.create": "keyHandleId",
}
MASKS = {
    "cryptoKeyVersions.patch": "state",
    "cryptoKeys.patch": "labels",
    "ekmConnections.patch": "serviceResolvers",
    "updateEkmConfig": "defaultEkmConnection",
    "AutokeyConfig": "keyProjectResolutionMode",
    "KajPolicyConfig": next(iter(KAJ)),
}
CONNECTION = {
    "serviceResolvers": [
        {
            "hostname": "ekm.example.test",
            "serverCertificates": [{"rawDer": base64.b64encode(Certificate.of().der).decode()}],
        }
    ]
}


def ask(caller: httpx.Client, method: str, victim: Victim) -> httpx.Response:
    wire = WIRE[method]
    path = _path(wire, victim)
    short = method.rsplit(".locations.", maxsplit=1)[-1].removeprefix("keyRings.")
    query = {}
    for name, parameter in QUERIES.items():
        if name.endswith(short) or f"keyRings.{short}" == name:
            query[parameter] = f"new-{uuid.uuid4().hex[:8]}"
    if wire.verb == "PATCH":
        query["updateMask"] = next(mask for end, mask in MASKS.items() if method.endswith(end))
    if method.endswith("protectedResources.search"):
        query["cryptoKey"] = victim.names["cryptoKeys"]
    body = _body(method, victim) if wire.verb in {"POST", "PATCH"} else None
    api = method.partition(".")[0]
    return caller.request(wire.verb, f"/{api}/{path}", params=query, json=body)


def _path(wire: WireMethod, victim: Victim) -> str:
    template = wire.path
    start, end = template.index("{"), template.index("}")
    pattern = template[start + 1 : end].partition("=")[2]
    nouns = [noun for noun in pattern.split("/") if "*" not in noun]
    if nouns[-1].endswith("Config"):
        name = f"{victim.names[nouns[-2]]}/{nouns[-1]}"
    else:
        name = victim.names[nouns[-1]]
    return template[:start] + name + template[end + 1 :]


def _body(method: str, victim: Victim) -> dict[str, Any]:
    bodies: dict[str, dict[str, Any]] = {
        "cryptoKeys.create": {"purpose": "ENCRYPT_DECRYPT"},
        "importJobs.create": {
            "importMethod": "RSA_OAEP_3072_SHA256",
            "protectionLevel": "SOFTWARE",
        },
        "cryptoKeys.decrypt": {"ciphertext": victim.sealed},
        "cryptoKeys.encrypt": {"plaintext": SECRET},
        "cryptoKeys.patch": {"labels": {"touched": "yes"}},
        "cryptoKeyVersions.patch": {"state": "DISABLED"},
        "ekmConnections.create": CONNECTION,
        "ekmConnections.patch": CONNECTION,
        "updateEkmConfig": {"defaultEkmConnection": victim.names["ekmConnections"]},
        "updatePrimaryVersion": {"cryptoKeyVersionId": "1"},
        "setIamPolicy": {
            "policy": {
                "bindings": [
                    {"role": "roles/cloudkms.admin", "members": ["user:other@example.test"]}
                ]
            }
        },
        "testIamPermissions": {"permissions": ["cloudkms.cryptoKeys.get"]},
        "generateRandomBytes": {"lengthBytes": 16},
        "updateAutokeyConfig": AUTOKEY,
        "updateKajPolicyConfig": KAJ,
        "keyHandles.create": BUCKET,
    }
    return next((body for end, body in bodies.items() if method.endswith(end)), {})


@pytest.fixture(scope="module")
def victim(admin: httpx.Client, universe: Universe) -> Victim:
    ring = f"r-{uuid.uuid4().hex[:8]}"
    above = universe.above
    made = Victim(
        universe.project, universe.location, ring, "", above["folders"], above["organizations"]
    )
    place, base = made.names["locations"], made.names["keyRings"]
    job = {"importMethod": "RSA_OAEP_3072_SHA256", "protectionLevel": "SOFTWARE"}
    project, mask = made.names["projects"], {"updateMask": "keyProjectResolutionMode"}
    answer = admin.patch(f"/cloudkms/v1/{project}/autokeyConfig", params=mask, json=AUTOKEY)
    assert answer.status_code == 200, answer.text
    empty = {"cryptoKeyId": "gone", "skipInitialVersionCreation": "true"}
    for path, query, body in (
        (f"{place}/keyRings", {"keyRingId": ring}, {}),
        (f"{base}/cryptoKeys", {"cryptoKeyId": "key"}, {"purpose": "ENCRYPT_DECRYPT"}),
        (f"{base}/cryptoKeys", empty, {"purpose": "ENCRYPT_DECRYPT"}),
        (f"{base}/importJobs", {"importJobId": "job"}, job),
        (f"{place}/ekmConnections", {"ekmConnectionId": ring}, CONNECTION),
        (f"{place}/keyHandles", {"keyHandleId": ring}, BUCKET),
    ):
        answer = admin.post(f"/cloudkms/v1/{path}", params=query, json=body)
        assert answer.status_code == 200, answer.text
    sealed = admin.post(f"/cloudkms/v1/{base}/cryptoKeys/key:encrypt", json={"plaintext": SECRET})
    deleted = admin.delete(f"/cloudkms/v1/{base}/cryptoKeys/gone").json()["name"]
    return replace(made, sealed=sealed.json()["ciphertext"], operation=deleted)


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def state(admin: httpx.Client, victim: Victim) -> list[Any]:
    """Return everything that a request could have changed."""
    names = victim.names
    above = [names[noun] for noun in ("projects", "folders", "organizations")]
    paths = [
        f"{names['locations']}/keyHandles",
        f"{names['locations']}/retiredResources",
        *(f"{one}/kajPolicyConfig" for one in above),
        *(f"{one}/autokeyConfig" for one in above[:2]),
        f"{names['keyRings']}/cryptoKeys",
        f"{names['cryptoKeys']}/cryptoKeyVersions",
        f"{names['keyRings']}/importJobs",
        f"{names['locations']}/ekmConnections",
        names["ekmConfig"],
        *(f"{names[noun]}:getIamPolicy" for noun in GUARDED),
    ]
    rings = admin.get(f"/cloudkms/v1/{names['locations']}/keyRings", params={"pageSize": 1000})
    return [rings.json()["totalSize"], *(admin.get(f"/cloudkms/v1/{one}").json() for one in paths)]


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_callers_are_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], victim: Victim, method: str
) -> None:
    before = state(admin, victim)
    for who in REFUSED:
        answer = ask(callers[who], method, victim)
        assert SECRET not in answer.text, who
        if ANSWERED[method].public and who not in {"expired", "wrong audience"}:
            assert answer.status_code == 200, (who, answer.text)
            assert not answer.json().get("permissions"), who
        else:
            assert answer.status_code == REFUSED[who], (who, answer.text)
            error = answer.json()["error"]
            assert error["code"] == REFUSED[who], who
            assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}, who
            assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo"), who
    # To read it all takes longer than to be refused: once for all of them.
    assert state(admin, victim) == before


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_administrator_is_not_refused(admin: httpx.Client, victim: Victim, method: str) -> None:
    answer = ask(admin, method, victim)
    assert answer.status_code not in {401, 403, 404, 500, 501}, answer.text


@pytest.mark.parametrize("method", sorted(WIRE.keys() - ANSWERED.keys()))
def test_what_is_not_answered_says_so_by_name(
    admin: httpx.Client, victim: Victim, method: str
) -> None:
    path = WIRE[method].path
    start, end = path.index("{"), path.index("}")
    pattern = path[start + 1 : end].partition("=")[2].replace("**", "x/y")
    filled = pattern.replace("projects/*", f"projects/{victim.project}").replace("*", "x")
    api = method.partition(".")[0]
    answer = admin.request(WIRE[method].verb, f"/{api}/{path[:start]}{filled}{path[end + 1 :]}")
    assert answer.status_code == 501, answer.text
    assert method in answer.json()["error"]["message"]
