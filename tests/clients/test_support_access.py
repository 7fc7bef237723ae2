"""Support access end to end: staff, customer and key holder, with Google's clients.

The operator's Ada and Bob are service accounts in the operator's own project. The customer is the
administrator of another project, whose bucket lies under an external key.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.api_core import exceptions
from google.cloud import accessapproval_v1
from google.oauth2 import service_account

from rempart.core.signing.keys import Signatory
from rempart.ekm.approvals.approval import read, sign
from rempart.ekm.approvals.evidence import weigh
from rempart.ekm.model.key_use import KeyUse
from support import staffed
from support.rest import new_account, posted
from support.two_parties import POLICY, SPACE, TwoParties, project_number, two_parties
from support.universe import REMPART, Universe, program

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

KMS, API = "/cloudkms/v1", "/accessapproval/v1"
DESK = f"{API}/supportRequests"
LONG = 48 * 1024 * 1024
RECORD = b"diagnosis: confidential " * 64
SUPPORT = """
[[rule]]
name = "support, with a signature"
issuers = ["{issuer}"]
projects = ["{number}"]
keys = ["v0/cryptospaces/*/keys/*"]
verbs = ["unwrap"]
reasons = ["CUSTOMER_INITIATED_SUPPORT"]
approvers = 1
"""
ENCRYPTER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
SIGNER = "roles/cloudkms.signerVerifier"


@dataclass
class Stage:
    """The three parties, and each of the people as an HTTP client."""

    both: TwoParties
    customer: httpx.Client
    second: httpx.Client
    ada: httpx.Client
    bob: httpx.Client
    own: str
    bucket: str = "files"
    path: str = ""
    key: str = ""
    approver: str = ""
    """The name of that key as the key holder registered it."""

    members: dict[str, str] = field(default_factory=dict)

    @property
    def universe(self) -> Universe:
        return self.both.universe

    @property
    def project(self) -> str:
        return f"projects/{self.universe.project}"

    def ask(self, who: httpx.Client, **changed: Any) -> httpx.Response:
        document = {
            "resource": f"gs://{self.bucket}/logs",
            "reason": {"type": "CUSTOMER_INITIATED_SUPPORT", "detail": "it does not open"},
            "case": f"case-{time.time_ns():x}",
            "minutes": 30,
        }
        return who.post(DESK, json=document | changed)

    def asked(self, who: httpx.Client | None = None, **changed: Any) -> str:
        """Open a request as Ada and return its name."""
        answer = self.ask(who or self.ada, **changed)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["request"]["name"])

    def decide(self, verb: str, name: str, **document: Any) -> httpx.Response:
        return self.customer.post(f"{API}/{name}:{verb}", json=document)

    def approved(self, who: httpx.Client | None = None, **changed: Any) -> str:
        """Open a request and have the customer approve it."""
        name = self.asked(who, **changed)
        answer = self.decide("approve", name)
        assert answer.status_code == 200, answer.text
        return name

    def read(self, who: httpx.Client, name: str = "logs/today") -> httpx.Response:
        path = f"/storage/v1/b/{self.bucket}/o/{name.replace('/', '%2F')}"
        return who.get(path, params={"alt": "media"})

    def details(self, name: str) -> dict[str, Any]:
        answer = self.customer.get(f"{API}/{name}:details")
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def transparency(self, name: str) -> list[Any]:
        """Return what the customer's log of Access Transparency tells of an approval."""
        log = "cloudaudit.googleapis.com/access_transparency"
        filter_ = f'log_id("{log}") jsonPayload.accessApprovals="{name}"'
        body = {"resourceNames": [self.project], "filter": filter_}
        answer = self.customer.post("/logging/v2/entries:list", json=body)
        return [one["jsonPayload"] for one in answer.json().get("entries", [])]

    def unwraps(self) -> list[dict[str, Any]]:
        return [one for one in self.both.holder.entries() if one.get("verb") == "unwrap"]


def approvers(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return who had signed for an unwrap, as the key holder's log has it."""
    return tuple(read(one).iss for one in entry["approval"].split("~"))


def _keys(stage: Stage, folder: Path) -> None:
    """Give the customer a signing key, an external key, and a bucket under that."""
    admin, universe = stage.customer, stage.universe
    place = f"{KMS}/{stage.project}/locations/{universe.location}/keyRings"
    ring = str(posted(admin, place, {}, keyRingId="ring")["name"])
    template = {"algorithm": "EC_SIGN_P256_SHA256"}
    body: dict[str, Any] = {"purpose": "ASYMMETRIC_SIGN", "versionTemplate": template}
    signing = posted(admin, f"{KMS}/{ring}/cryptoKeys", body, cryptoKeyId="approvals")["name"]
    agent = admin.get(f"{API}/{stage.project}/serviceAccount").json()["accountEmail"]
    policy = {"bindings": [{"role": SIGNER, "members": [f"serviceAccount:{agent}"]}]}
    posted(admin, f"{KMS}/{signing}:setIamPolicy", {"policy": policy})
    stage.key = f"{signing}/cryptoKeyVersions/1"
    settings = f"{API}/{stage.project}/accessApprovalSettings"
    query = {"updateMask": "activeKeyVersion"}
    answer = admin.patch(settings, params=query, json={"activeKeyVersion": stage.key})
    assert answer.status_code == 200, answer.text
    shown = universe.run(REMPART, "support", "approver", stage.project).stdout
    (folder / "approver.json").write_text(shown)
    stage.approver = json.loads(shown)["name"]
    stage.both.officer("propose", "add-approver", str(folder / "approver.json"))
    _bucket(stage, ring)


def _bucket(stage: Stage, ring: str) -> None:
    admin, universe = stage.customer, stage.universe
    stage.path = stage.both.create_key(f"{SPACE}/keys/files")
    template = {"protectionLevel": "EXTERNAL", "algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION"}
    body: dict[str, Any] = {"purpose": "ENCRYPT_DECRYPT", "versionTemplate": template}
    query = {"cryptoKeyId": "files", "skipInitialVersionCreation": "true"}
    key = posted(admin, f"{KMS}/{ring}/cryptoKeys", body, **query)["name"]
    uri = {"externalKeyUri": f"https://{stage.both.host}/{stage.path}"}
    posted(admin, f"{KMS}/{key}/cryptoKeyVersions", {"externalProtectionLevelOptions": uri})
    posted(admin, f"{KMS}/{key}:updatePrimaryVersion", {"cryptoKeyVersionId": "1"})
    email = admin.get(f"/storage/v1/{stage.project}/serviceAccount").json()["email_address"]
    policy = {"bindings": [{"role": ENCRYPTER, "members": [f"serviceAccount:{email}"]}]}
    posted(admin, f"{KMS}/{key}:setIamPolicy", {"policy": policy})
    settings = {
        "name": stage.bucket,
        "location": universe.location,
        "encryption": {"defaultKmsKeyName": key},
    }
    posted(admin, "/storage/v1/b", settings, project=universe.project)
    for name in ("logs/today", "letters/secret"):
        upload = {"uploadType": "media", "name": name}
        path = f"/upload/storage/v1/b/{stage.bucket}/o"
        assert admin.post(path, params=upload, content=RECORD).status_code == 200


def _people(stage: Stage) -> None:
    """Give all roles that the operator could give: none of them opens anything."""
    admin, universe = stage.customer, stage.universe
    second = f"serviceAccount:{universe.keys['stranger']['client_email']}"
    manager = f"/cloudresourcemanager/v3/{stage.project}"
    policy = posted(admin, f"{manager}:getIamPolicy", {})
    bindings = policy.get("bindings", [])
    bindings.append({"role": "roles/accessapproval.approver", "members": [second]})
    staff = [stage.members["ada"], stage.members["bob"]]
    powers = ("roles/owner", "roles/storage.admin", "roles/accessapproval.approver")
    bindings += [{"role": role, "members": staff} for role in powers]
    posted(admin, f"{manager}:setIamPolicy", {"policy": {**policy, "bindings": bindings}})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("parties")
    with two_parties(folder) as both, ExitStack() as stack:
        universe = both.universe
        neighbour = universe.keys["neighbour"]
        own = neighbour["project_id"]
        owner = stack.enter_context(universe.caller(universe.token(neighbour)))
        people = {name: new_account(owner, own, f"{name}-staff") for name in ("ada", "bob")}

        def client(key: dict[str, str]) -> httpx.Client:
            return stack.enter_context(universe.caller(universe.token(key)))

        made = Stage(
            both,
            client(universe.admin_key),
            client(universe.keys["stranger"]),
            client(people["ada"]),
            client(people["bob"]),
            f"projects/{own}",
        )
        made.members = {
            name: f"serviceAccount:{key['client_email']}" for name, key in people.items()
        }
        (folder / "ada.json").write_text(json.dumps(people["ada"]))
        names = {"Ada Martin": made.members["ada"], "Bob Petit": made.members["bob"]}
        staffed.write(universe.data, made.own, names)
        text = (POLICY + SUPPORT).format(
            issuer=f"https://accounts.{universe.domain}", number=project_number(universe)
        )
        (folder / "policy.toml").write_text(text)
        both.officer("propose", "policy", str(folder / "policy.toml"))
        _keys(made, folder)
        _people(made)
        yield made


def test_staff_reach_a_customers_data_by_a_signed_approval_that_the_key_holder_verifies(
    stage: Stage,
) -> None:
    assert stage.read(stage.ada).status_code == 403
    name = stage.asked()
    assert stage.read(stage.ada).status_code == 403, "asked is not approved"
    answer = stage.decide("approve", name)
    shown = answer.json()["approve"]["signatureInfo"]
    assert shown["customerKmsKeyVersion"] == stage.key
    pem = stage.customer.get(f"{KMS}/{stage.key}/publicKey").json()["pem"]
    public = load_pem_public_key(pem.encode())
    assert isinstance(public, EllipticCurvePublicKey)
    signature = base64.b64decode(shown["signature"])
    serialized = base64.b64decode(shown["serializedApprovalRequest"])
    public.verify(signature, serialized, ECDSA(SHA256()))
    said = accessapproval_v1.ApprovalRequest.deserialize(serialized)
    assert (said.name, said.requested_locations.principal_office_country) == (name, "FR")

    before = len(stage.unwraps())
    for _ in range(2):
        answer = stage.read(stage.ada)
        assert (answer.status_code, answer.content) == (200, RECORD), answer.text
    asked = stage.unwraps()[before:]
    assert len(asked) == 2, "every use asks"
    assert {one["reason"] for one in asked} == {"CUSTOMER_INITIATED_SUPPORT"}
    assert {one["principal"] for one in asked} == {stage.members["ada"]}
    assert {approvers(one) for one in asked} == {(stage.approver,)}
    session = stage.details(name)["session"]
    assert (session["calls"], session["reads"], session["writes"]) == (2, 2, 0)

    ended = stage.decide("invalidate", name)
    assert "invalidateTime" in ended.json()["approve"]
    assert stage.read(stage.ada).status_code == 403
    session = stage.details(name)["session"]
    assert (session["calls"], session["cause"]) == (2, "invalidated")
    assert stage.decide("invalidate", name).status_code == 400


def test_each_call_of_staff_is_told_to_the_customer_once(stage: Stage) -> None:
    name = stage.approved()
    for _ in range(2):
        assert stage.read(stage.ada).status_code == 200
    assert stage.decide("invalidate", name).status_code == 200
    told = stage.transparency(name)
    assert len(told) == 2
    assert told[0]["location"]["principalOfficeCountry"] == "FR"
    assert told[0]["reason"][0]["type"] == "CUSTOMER_INITIATED_SUPPORT"
    assert told[0]["accesses"][0]["resourceName"].endswith("objects/logs/today")
    assert told[0]["permissionDetails"][0]["permissionType"] == "DATA_READ"


def test_an_approval_covers_its_person_place_time_and_kind_of_access_alone(stage: Stage) -> None:
    name = stage.approved()
    assert stage.read(stage.ada).status_code == 200
    assert stage.read(stage.ada, "letters/secret").status_code == 403, "another object"
    assert stage.read(stage.bob).status_code == 403, "somebody else's approval"
    path = f"/storage/v1/b/{stage.bucket}/o/logs%2Ftoday"
    assert stage.ada.delete(path).status_code == 403, "read-only unless asked for otherwise"
    begins = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    later = stage.approved(stage.bob, begins=begins)
    assert stage.read(stage.bob).status_code == 403, "its time has not come"
    policy = stage.ada.get(f"/storage/v1/b/{stage.bucket}/iam")
    assert policy.status_code == 403
    granted = stage.approved(resource=stage.project, services=["storage"], writes=True)
    body = {"bindings": [{"role": "roles/storage.admin", "members": [stage.members["ada"]]}]}
    put = stage.ada.put(f"/storage/v1/b/{stage.bucket}/iam", json=body)
    assert put.status_code == 403, "nobody is approved to change who may do what"
    assert stage.read(stage.ada, "letters/secret").status_code == 403, "no signature for this key"
    for one in (name, granted, later):
        assert stage.decide("invalidate", one).status_code == 200


def test_an_approval_runs_out_and_its_end_is_recorded(stage: Stage) -> None:
    name = stage.asked()
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    assert stage.decide("approve", name, expireTime=soon).status_code == 200
    assert stage.read(stage.ada).status_code == 200
    deadline = time.monotonic() + 12
    while "ended" not in (session := stage.details(name)["session"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert (session["calls"], session["cause"]) == (1, "expired")
    assert stage.read(stage.ada).status_code == 403
    expired = stage.customer.get(
        f"{API}/{stage.project}/approvalRequests", params={"filter": "EXPIRED"}
    ).json()["approvalRequests"]
    assert name in [one["name"] for one in expired]


def _read_until_cut(stage: Stage, name: str) -> int:
    """Read an object, have the approval invalidated meanwhile, and return how much came."""
    where, received = f"/storage/v1/b/{stage.bucket}/o/logs%2Flong", 0
    with stage.ada.stream("GET", where, params={"alt": "media"}) as answer:
        pieces = answer.iter_raw()
        received += len(next(pieces))
        assert stage.decide("invalidate", name).status_code == 200
        try:
            for piece in pieces:
                received += len(piece)
        except httpx.RemoteProtocolError:
            return received
    pytest.fail("the answer was sent to its end")


def test_an_answer_that_is_being_sent_is_cut_when_the_approval_is_taken_back(
    stage: Stage,
) -> None:
    upload = {"uploadType": "media", "name": "logs/long"}
    path = f"/upload/storage/v1/b/{stage.bucket}/o"
    assert stage.customer.post(path, params=upload, content=bytes(LONG)).status_code == 200
    name = stage.approved()
    received = _read_until_cut(stage, name)
    assert 0 < received < LONG
    session = stage.details(name)["session"]
    assert (session["calls"], session["cause"], session["answersCut"]) == (1, "invalidated", 1)


def test_what_is_the_operators_own_is_not_asked_for(stage: Stage) -> None:
    answer = stage.ask(stage.ada, resource=stage.own, services=["storage"])
    assert (answer.status_code, "own" in answer.text) == (400, True)
    for who in (stage.customer, stage.second):
        assert stage.ask(who).status_code == 403, "nobody but staff asks"


def test_staff_decide_nothing_and_one_approver_counts_once(stage: Stage) -> None:
    approvers = f"{API}/{stage.project}/supportSettings"
    assert stage.customer.patch(approvers, json={"approversNeeded": 2}).status_code == 200
    try:
        name = stage.asked()
        for who in (stage.ada, stage.bob):
            refused = who.post(f"{API}/{name}:approve", json={})
            assert refused.status_code == 403, refused.text
        assert "approve" not in stage.decide("approve", name).json()
        again = stage.decide("approve", name)
        assert (again.status_code, again.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
        assert stage.read(stage.ada).status_code == 403
        assert "approve" in stage.second.post(f"{API}/{name}:approve", json={}).json()
        assert stage.read(stage.ada).status_code == 200
        signed = stage.details(name)["approvals"]
        assert len({one["approver"] for one in signed}) == 2
        assert len({one["signatureInfo"]["signature"] for one in signed}) == 2
        assert stage.ada.post(f"{DESK}/{name}:close", json={}).status_code == 200
        assert stage.read(stage.ada).status_code == 403
    finally:
        assert stage.customer.patch(approvers, json={"approversNeeded": 0}).status_code == 200


def test_a_dismissal_denies_until_it_is_withdrawn(stage: Stage) -> None:
    name = stage.asked(case="case-77")
    assert "dismissTime" in stage.decide("dismiss", name).json()["dismiss"]
    narrower = stage.ask(stage.bob, case="case-77", resource=f"gs://{stage.bucket}/logs/today")
    assert (narrower.status_code, "dismissed" in narrower.text) == (400, True)
    elsewhere = stage.asked(case="case-77", resource=f"gs://{stage.bucket}/letters")
    assert stage.customer.post(f"{API}/{name}:withdraw", json={}).status_code == 200
    again = stage.asked(case="case-77")
    for one in (elsewhere, again):
        assert stage.ada.post(f"{DESK}/{one}:close", json={}).status_code == 200


def test_an_operator_who_forges_the_approval_still_cannot_open_anything(stage: Stage) -> None:
    """Broken glass passes every check of the cloud: the key holder hears of no approver."""
    case = "case-911"
    scope = f"projects/_/buckets/{stage.bucket}/objects/logs"
    one = staffed.word("Chloe", stage.members["ada"], scope, case)
    alone = stage.ask(stage.ada, case=case, breakGlass=f"{one}~{one}")
    assert alone.status_code == 403, "one officer counts once"
    words = f"{one}~{staffed.word('Denis', stage.members['ada'], scope, case)}"
    alert = {"type": "GOOGLE_RESPONSE_TO_PRODUCTION_ALERT", "detail": "writes are lost"}
    said: dict[str, Any] = {"case": case, "breakGlass": words, "reason": alert}
    assert stage.ask(stage.ada, **said | {"minutes": 31}).status_code == 400
    assert stage.ask(stage.ada, **said | {"case": "case-912"}).status_code == 403
    order = {"type": "THIRD_PARTY_DATA_REQUEST", "detail": "an order"}
    assert stage.ask(stage.ada, **said | {"reason": order}).status_code == 400
    name = stage.asked(**said)
    seen = stage.customer.get(f"{API}/{name}").json()
    assert seen["approve"]["autoApproved"] is True
    metadata = stage.ada.get(f"/storage/v1/b/{stage.bucket}/o/logs%2Ftoday")
    assert (metadata.status_code, "md5Hash" in metadata.json()) == (200, False)
    refused = stage.read(stage.ada)
    assert refused.status_code == 403
    assert RECORD not in refused.content
    assert stage.details(name)["breakGlass"]["officers"] == ["Chloe", "Denis"]
    assert stage.decide("invalidate", name).status_code == 200


def test_the_key_holder_takes_an_approval_for_nothing_but_what_was_approved(
    stage: Stage,
) -> None:
    """The signed word itself, judged by the key holder's own code: replayed, moved and forged."""
    name = stage.approved()
    [signed] = stage.details(name)["approvals"]
    approver = json.loads((stage.both.folder / "approver.json").read_text())
    known = (msgspec.convert(approver, Signatory),)
    use = KeyUse(
        time=time.time_ns() // 1000,
        verb="unwrap",
        key=stage.path,
        issuer=f"https://accounts.{stage.universe.domain}",
        caller="",
        project=project_number(stage.universe),
        resource="",
        reason="CUSTOMER_INITIATED_SUPPORT",
        principal=stage.members["ada"],
        operation="storage.objects.get",
        target=f"projects/_/buckets/{stage.bucket}/objects/logs/today",
        approval=signed["evidence"],
        remote="",
    )
    assert len(weigh(use, known, {}).held) == 1
    later = use.time + 3600 * 1_000_000
    claims = read(signed["evidence"])
    forged = sign(Ed25519PrivateKey.generate(), claims)
    others: tuple[dict[str, Any], ...] = (
        {"key": f"{SPACE}/keys/other"},
        {"principal": stage.members["bob"]},
        {"target": f"projects/_/buckets/{stage.bucket}/objects/letters/secret"},
        {"target": ""},
        {"reason": "CUSTOMER_INITIATED_ACCESS"},
        {"reason": "GOOGLE_INITIATED_SERVICE"},
        {"project": "1"},
        {"time": later},
        {"approval": forged},
        {"approval": ""},
    )
    for other in others:
        assert weigh(msgspec.structs.replace(use, **other), known, {}).held == (), other
    assert stage.decide("invalidate", name).status_code == 200


def test_an_approver_signs_with_a_key_of_their_own(stage: Stage) -> None:
    universe, folder = stage.universe, stage.both.folder
    key = folder / "odile.key"
    passphrase = ("--officer-passphrase-file", folder / "officer.passphrase")
    public = folder / "odile.json"
    public.write_text(universe.run(REMPART, "ekm", "officer", "public", key).stdout)
    stage.both.officer("propose", "add-approver", str(public))
    name = stage.asked()
    universe.run(
        REMPART, "support", "approve", name, "--approver", key, *passphrase,
        "--cloud", f"https://accounts.{universe.domain}", "--project", project_number(universe),
    )  # fmt: skip
    ada = {"GOOGLE_APPLICATION_CREDENTIALS": str(folder / "ada.json")}
    path = f"{universe.url}/storage/v1/b/{stage.bucket}/o/logs%2Ftoday?alt=media"
    token = universe.token(json.loads((folder / "ada.json").read_text()))
    words = (program("curl"), "-sf", "-H", f"authorization: Bearer {token}", path)
    done = universe.run(REMPART, "support", "run", name, "--", *words, env=ada)
    assert done.stdout.encode() == RECORD
    assert "1 calls (1 reads, 0 writes)" in done.stderr
    assert approvers(stage.unwraps()[-1]) == (stage.approver, "odile")
    closed = universe.run(REMPART, "support", "close", name, env=ada).stdout
    assert "1 calls: 1 reads" in closed


def test_gcloud_decides_and_configures(stage: Stage, tmp_path: Path) -> None:
    gcloud = program("gcloud")
    # Its own check of a project's id knows no prefix of a universe: the number it knows.
    project = f"--project={project_number(stage.universe)}"

    def run(*words: str) -> Any:
        done = stage.universe.run(gcloud, "access-approval", *words, "--format=json", cwd=tmp_path)
        return json.loads(done.stdout or "null")

    updated = run("settings", "update", project, "--enrolled_services=all",
                  "--notification_emails=security@customer.test")  # fmt: skip
    assert updated["enrolledServices"] == [{"cloudProduct": "all", "enrollmentLevel": "BLOCK_ALL"}]
    assert run("settings", "get", project)["activeKeyVersion"] == stage.key
    name, other = stage.asked(), stage.asked()
    pending = run("requests", "list", project, "--state=pending")
    assert {name, other} <= {one["name"] for one in pending}
    assert "signatureInfo" in run("requests", "approve", name)["approve"]
    assert "dismissTime" in run("requests", "dismiss", other)["dismiss"]
    assert stage.read(stage.ada).status_code == 200
    assert "invalidateTime" in run("requests", "invalidate", name)["approve"]
    assert stage.read(stage.ada).status_code == 403


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_googles_python_library_decides(stage: Stage, transport: str) -> None:
    universe = stage.universe
    kind = accessapproval_v1.AccessApprovalClient
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # Google's is untyped
        universe.admin_key
    )
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in universe.env.items():
            patch.setenv(variable, value)
        if transport == "grpc":
            roots = Path(universe.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]).read_bytes()
            made: Any = kind.get_transport_class("grpc")(
                host=f"localhost:{universe.listen}",
                credentials=credentials,
                ssl_channel_credentials=grpc.ssl_channel_credentials(roots),
            )
            client = kind(transport=made, client_options={"universe_domain": universe.domain})
        else:
            options = {
                "api_endpoint": f"localhost:{universe.listen}/accessapproval",
                "universe_domain": universe.domain,
            }
            client = kind(credentials=credentials, transport=transport, client_options=options)
        name = stage.asked()
        listed = client.list_approval_requests({"parent": stage.project, "filter": "PENDING"})
        assert name in [one.name for one in listed]
        approved = client.approve_approval_request({"name": name})
        assert approved.approve.signature_info.customer_kms_key_version == stage.key
        assert client.invalidate_approval_request({"name": name}).approve.invalidate_time
        settings = client.get_access_approval_settings(
            name=f"{stage.project}/accessApprovalSettings"
        )
        assert settings.active_key_version == stage.key
        with pytest.raises(exceptions.BadRequest):
            client.dismiss_approval_request({"name": name})


def test_the_universes_log_and_the_key_holders_are_held_against_each_other(
    stage: Stage, tmp_path: Path
) -> None:
    name = stage.approved()
    assert stage.read(stage.ada).status_code == 200
    bundle, log, universe = tmp_path / "p.zip", stage.both.holder.data / "log", stage.universe
    time.sleep(1)
    universe.run(REMPART, "proof", "fetch", "--out", bundle)
    key = stage.customer.get("/.log/key").text.strip()
    verify = (REMPART, "verify", bundle, "--key", key, "--cross")
    said = universe.run(*verify, log).stdout
    assert re.search(r"ok +cross +[0-9]+ uses of keys, each in both logs", said), said
    told = universe.run(*verify[:-1], "--report", "--json").stdout
    [read] = [
        one
        for one in json.loads(told)["bundles"][0]["report"]
        if one.get("approval") == name and one["method"] == "rempart.keys.unwrap"
    ]
    assert read["reason"] == "CUSTOMER_INITIATED_SUPPORT"
    assert read["key"].endswith("/cryptoKeyVersions/1")
    shutil.copytree(log, tmp_path / "log")
    last = max((tmp_path / "log").glob("*.log"))
    lines = last.read_bytes().splitlines(keepends=True)
    at = next(n for n, one in enumerate(lines) if read["resource"].encode() in one)
    last.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
    assert "does not follow" in universe.run(*verify, tmp_path / "log", code=1).stdout
