"""Keys that a key holder keeps, through the gate, against a manager that behaves or does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rempart.core.errors import CloudError, Code
from rempart.engine.seam import OutOfSpace
from rempart.services.kms.api.use import APPROVAL_CHARS_MAX
from rempart.services.kms.api.use import APPROVAL_HEADER as APPROVAL
from rempart.services.kms.kinds import VERSION
from rempart.services.kms.model.names import version as version_name
from rempart.services.kms.work import PATIENCE_SECONDS
from rempart.tlog.tree import leaf_hash
from rempart.trust.custody.external import endpoint
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.witness.key_uses import METHOD
from rempart.trust.witness.leaf import FEED, REFUSAL, Leaf, decode
from support import fake_ekm as world
from support.cloud_kms import DAY, LOCATION, RING, Kms, b64
from support.fake_ekm import HOST, FakeEkm, fake_ekm

KEYS = "keyRings.cryptoKeys"
VERSIONS = f"{KEYS}.cryptoKeyVersions"
SYMMETRIC = "EXTERNAL_SYMMETRIC_ENCRYPTION"
OPTIONS = "externalProtectionLevelOptions"
CONNECTION = f"{LOCATION}/ekmConnections/c"
SPACE = "v0/cryptospaces/s"
SYSTEM = "GOOGLE_INITIATED_SYSTEM_OPERATION"
CUSTOMER = "CUSTOMER_INITIATED_ACCESS"


@pytest.fixture
async def holder() -> AsyncIterator[FakeEkm]:
    async with fake_ekm() as made:
        yield made


@pytest.fixture
async def kms(holder: FakeEkm) -> AsyncIterator[Kms]:
    made = await Kms.start(managers={HOST: holder.address})
    yield made
    made.cloud.parts.managers.close()


def resolvers(holder: FakeEkm) -> list[dict[str, Any]]:
    certificates = [{"rawDer": b64(holder.certificate.der)}]
    return [{"hostname": HOST, "serverCertificates": certificates}]


async def connect(kms: Kms, holder: FakeEkm, id_: str = "c", *, coordinated: bool = False) -> str:
    """Make a connection to the manager and return its name."""
    document: dict[str, Any] = {"serviceResolvers": resolvers(holder)}
    if coordinated:
        document |= {"keyManagementMode": "CLOUD_KMS", "cryptoSpacePath": SPACE}
    query = {"ekmConnectionId": id_}
    made = await kms.ask("ekmConnections.create", document, parent=LOCATION, query=query)
    return str(made["name"])


async def external_key(
    kms: Kms,
    id_: str = "key",
    algorithm: str = SYMMETRIC,
    *,
    skip: bool = True,
    level: str = "EXTERNAL_VPC",
    **fields: Any,
) -> dict[str, Any]:
    """Make a key on the connection, without a version unless told otherwise."""
    document = {
        "purpose": "ENCRYPT_DECRYPT" if algorithm == SYMMETRIC else "ASYMMETRIC_SIGN",
        "versionTemplate": {"protectionLevel": level, "algorithm": algorithm},
    }
    if level == "EXTERNAL_VPC":
        document["cryptoKeyBackend"] = CONNECTION
    query = {"cryptoKeyId": id_, "skipInitialVersionCreation": "true" if skip else "false"}
    return await kms.ask(f"{KEYS}.create", document | fields, parent=RING, query=query)


async def add_version(kms: Kms, key: str, path: str) -> dict[str, Any]:
    options = {OPTIONS: {"ekmConnectionKeyPath": path}}
    return await kms.ask(f"{VERSIONS}.create", options, parent=key)


async def ready(kms: Kms, holder: FakeEkm, id_: str = "key") -> str:
    """Return a key with a primary version at the manager; no request is remembered."""
    if not (await kms.ask("ekmConnections.list", parent=LOCATION)).get("ekmConnections"):
        await connect(kms, holder)
    name = str((await external_key(kms, id_))["name"])
    await add_version(kms, name, holder.key(f"{SPACE}/keys/{id_}"))
    await kms.ask(f"{KEYS}.updatePrimaryVersion", {"cryptoKeyVersionId": "1"}, name=name)
    holder.requests.clear()
    return name


async def refused(work: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await work
    return caught.value


# Two halves.


async def test_what_a_key_holder_protects_comes_back(kms: Kms, holder: FakeEkm) -> None:
    name = await ready(kms, holder)
    for plaintext in (b"", b"attack at dawn", b"x" * 65536):
        sealed = await kms.encrypt(name, plaintext, b"for your eyes")
        assert await kms.decrypt(name, sealed, b"for your eyes") == plaintext


async def test_every_use_asks_the_manager_and_tells_it_who_and_why(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    for _ in range(2):
        await kms.decrypt(name, sealed)
    assert [one.path.partition(":")[2] for one in holder.requests] == ["wrap", "unwrap", "unwrap"]
    context = holder.requests[-1].document["additionalContext"]
    assert context["relativeResourceName"] == f"{name}/cryptoKeyVersions/1"
    assert context["accessReasonContext"] == {"reason": CUSTOMER}
    assert context["isKeyHealthCheck"] is False
    asked = context["rempartContext"]
    assert asked["principal"].startswith("serviceAccount:administrator@")
    assert asked["operation"] == "cloudkms.projects.locations.keyRings.cryptoKeys.decrypt"
    claims = holder.requests[-1].claims
    assert claims["aud"] == f"https://{HOST}"
    assert claims["iss"] == "https://accounts.apis.example.test"
    number = claims["email"].removeprefix("service-").partition("@")[0]
    assert claims["email"] == (f"service-{number}@gcp-sa-ekms.lab-system.iam.gserviceaccount.com")
    assert number.isdecimal()


async def test_the_manager_sees_nothing_of_the_plaintext_nor_of_its_length(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    for plaintext in (b"attack at dawn", b"attack at dawn" * 1000):
        await kms.encrypt(name, plaintext, b"for your eyes")
    seen = [base64.b64decode(one.document["plaintext"]) for one in holder.requests]
    assert {len(one) for one in seen} == {113}
    assert not any(b"attack" in one or b"eyes" in one for one in seen)


async def test_a_changed_ciphertext_does_not_open(kms: Kms, holder: FakeEkm) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn", b"aad")
    length = int.from_bytes(sealed[9:11], "big")
    for at in [*range(11), 11, 11 + length - 1, *range(11 + length, len(sealed), 7)]:
        changed = bytearray(sealed)
        changed[at] ^= 1
        problem = await refused(kms.decrypt(name, bytes(changed), b"aad"))
        assert (problem.code, problem.reason) == (Code.INVALID_ARGUMENT, "DECRYPTION_FAILED")
    for end in (0, 1, 9, 10, 11, 40, 11 + length, len(sealed) - 1):
        assert (await refused(kms.decrypt(name, sealed[:end], b"aad"))).code is (
            Code.INVALID_ARGUMENT
        )
    assert (await refused(kms.decrypt(name, sealed, b"other"))).reason == "DECRYPTION_FAILED"


async def test_a_blob_does_not_open_under_another_version(kms: Kms, holder: FakeEkm) -> None:
    """Both versions have the same key at the manager, so only the binding tells them apart."""
    name = await ready(kms, holder)
    await add_version(kms, name, f"{SPACE}/keys/key")
    sealed = await kms.encrypt(name, b"attack at dawn")
    replayed = sealed[:1] + (2).to_bytes(8, "big") + sealed[9:]
    assert (await refused(kms.decrypt(name, replayed))).reason == "DECRYPTION_FAILED"


async def test_a_manager_that_unwraps_something_else_is_found_out(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    holder.behave = world.says(200, b'{"plaintext":"' + base64.b64encode(b"x" * 113) + b'"}')
    problem = await refused(kms.decrypt(name, sealed))
    assert problem.reason == "UNEXPECTED_RESPONSE"


async def test_a_lease_comes_along_for_services_that_may_keep_keys(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"a bucket's key")
    holder.lease = "60s"
    parts, at = kms.cloud.parts, version_name(f"{name}/cryptoKeyVersions/1")
    tx = parts.sealed.transaction()
    version = await tx.get(VERSION, *at.parts)
    assert version is not None
    use = UseContext(str(at), name, CUSTOMER, "user:ada@example.test", "storage.objects.get", "o")
    opened = await parts.kms.materials.key(at, version).used_in(use).open(sealed)
    assert (opened.plaintext, opened.lease_seconds) == (b"a bucket's key", 60)
    assert holder.requests[-1].document["additionalContext"]["rempartContext"]["target"] == "o"


# The universe's own log.


async def entries(kms: Kms) -> dict[str, Leaf]:
    """Return what the log has of uses of keys, by the entries' receipts."""
    found = await kms.cloud.parts.sealed.entries(FEED, 0, limit=1000)
    return {
        f"{FEED}/{one.index}/{leaf_hash(one.commitment).hex()}": leaf
        for one in found
        if (leaf := decode(one.content)).method.startswith(METHOD)
    }


async def test_the_manager_is_told_the_entry_of_its_request_which_was_there_before_it(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    before = await entries(kms)
    await kms.decrypt(name, await kms.encrypt(name, b"attack at dawn"))
    made = {at: one for at, one in (await entries(kms)).items() if at not in before}
    told = [
        one.document["additionalContext"]["rempartContext"]["entry"] for one in holder.requests[-2:]
    ]
    assert told == list(made)
    wrap, unwrap = made.values()
    assert (wrap.method, unwrap.method) == ("rempart.keys.wrap", "rempart.keys.unwrap")
    assert unwrap.key == unwrap.resource == f"{name}/cryptoKeyVersions/1"
    assert unwrap.container == "/".join(name.split("/")[:2])
    assert (unwrap.reason, unwrap.principal) == (CUSTOMER, wrap.principal)
    assert unwrap.facts["operation"].endswith(".decrypt")
    assert unwrap.facts["uri"] == f"https://{HOST}/{SPACE}/keys/key"
    assert unwrap.request


async def test_what_a_manager_refuses_is_on_record_with_the_entry_that_asked(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    holder.refused = 403, "blocked by an officer"
    await refused(kms.decrypt(name, sealed))
    *_, (asked, _), (_, refusal) = (await entries(kms)).items()
    assert (refusal.kind, refusal.facts["entry"]) == (REFUSAL, asked)
    assert "blocked by an officer" in refusal.message


async def test_nothing_is_asked_that_cannot_be_put_on_record(kms: Kms, holder: FakeEkm) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    count = len(holder.requests)
    recorder = kms.cloud.parts.recorder

    async def full(_leaf: Leaf) -> tuple[str, str]:
        raise OutOfSpace("no space")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "put", full)
        with pytest.raises((CloudError, OutOfSpace)):
            await kms.decrypt(name, sealed)
    assert len(holder.requests) == count


# Reasons.


async def test_a_reason_that_the_key_does_not_allow_never_reaches_the_manager(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    policy = {"keyAccessJustificationsPolicy": {"allowedAccessReasons": [SYSTEM]}}
    query = {"updateMask": "keyAccessJustificationsPolicy"}
    await kms.ask(f"{KEYS}.patch", policy, name=name, query=query)
    problem = await refused(kms.encrypt(name, b"x"))
    assert problem.reason == "KEY_ACCESS_JUSTIFICATION_DENIED"
    assert not holder.requests


# What a manager refuses, and how it fails.


async def test_a_refusal_has_googles_shape_and_leaves_the_version_as_it_is(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    holder.refused = 403, "blocked by an officer"
    problem = await refused(kms.decrypt(name, sealed))
    assert (problem.code, problem.reason) == (
        Code.FAILED_PRECONDITION,
        "EXTERNAL_PERMISSION_DENIED",
    )
    assert "blocked by an officer" in problem.message
    violations: Any = problem.details[0]["violations"]
    assert violations[0]["subject"] == f"https://{HOST}/{SPACE}/keys/key"
    assert violations[1]["type"] == "EXTERNAL_PERMISSION_DENIED"
    holder.refused = None
    assert await kms.decrypt(name, sealed) == b"attack at dawn"


async def test_a_manager_that_hangs_slows_no_other_key(kms: Kms, holder: FakeEkm) -> None:
    name, software = await ready(kms, holder), await kms.key("software")
    sealed = await kms.encrypt(software, b"attack at dawn")
    holder.behave = world.hangs
    crowd = [asyncio.create_task(kms.encrypt(name, b"x")) for _ in range(80)]
    await asyncio.sleep(0.3)
    begun = time.monotonic()
    assert await kms.decrypt(software, sealed) == b"attack at dawn"
    assert time.monotonic() - begun < 1
    for problem in await asyncio.gather(*crowd, return_exceptions=True):
        assert isinstance(problem, CloudError)
        assert problem.reason == "TIMEOUT"
    assert time.monotonic() - begun < endpoint.CALL_SECONDS_MAX + 2


async def test_a_manager_that_comes_back_after_an_hour_is_asked_again(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    first = holder.requests[-1].claims
    await holder.stop()
    assert (await refused(kms.decrypt(name, sealed))).reason == "UNREACHABLE_NETWORK"
    await kms.pass_time(3600)
    await holder.start()
    assert await kms.decrypt(name, sealed) == b"attack at dawn"
    assert holder.requests[-1].claims["iat"] == first["iat"] + 3600


# Versions and the way to their keys.


async def test_a_version_is_tried_before_it_is_made(kms: Kms, holder: FakeEkm) -> None:
    await connect(kms, holder)
    name = str((await external_key(kms))["name"])
    problem = await refused(add_version(kms, name, f"{SPACE}/keys/absent"))
    assert problem.reason == "EXTERNAL_NOT_FOUND"
    assert not (await kms.ask(f"{VERSIONS}.list", parent=name)).get("cryptoKeyVersions")
    made = await add_version(kms, name, holder.key())
    assert made["state"] == "ENABLED"
    assert made[OPTIONS] == {"ekmConnectionKeyPath": f"{SPACE}/keys/k"}
    assert (made["protectionLevel"], made["algorithm"]) == ("EXTERNAL_VPC", SYMMETRIC)
    assert [one.path.partition(":")[2] for one in holder.requests[-2:]] == ["wrap", "unwrap"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, f"{OPTIONS}.ekmConnectionKeyPath"),
        ({"ekmConnectionKeyPath": "/v0/k"}, f"{OPTIONS}.ekmConnectionKeyPath"),
        ({"ekmConnectionKeyPath": "v0/../k"}, f"{OPTIONS}.ekmConnectionKeyPath"),
        ({"ekmConnectionKeyPath": "v0/k HTTP/1.1\r\nx:"}, f"{OPTIONS}.ekmConnectionKeyPath"),
        ({"ekmConnectionKeyPath": "k" * 513}, f"{OPTIONS}.ekmConnectionKeyPath"),
        ({"externalKeyUri": f"https://{HOST}/k"}, f"{OPTIONS}.externalKeyUri"),
        ({"path": "v0/k"}, "path"),
    ],
)
async def test_a_path_that_is_none_is_named(
    kms: Kms, holder: FakeEkm, options: dict[str, str], field: str
) -> None:
    await connect(kms, holder)
    name = str((await external_key(kms))["name"])
    problem = await refused(kms.ask(f"{VERSIONS}.create", {OPTIONS: options}, parent=name))
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, field)


@pytest.mark.parametrize(
    "uri",
    [
        f"http://{HOST}/v0/k",
        f"https://{HOST}",
        f"https://{HOST}/",
        f"https://{HOST}/v0/../k",
        f"https://{HOST}/v0/k?x=y",
        f"https://{HOST}/v0/k#x",
        f"https://user@{HOST}/v0/k",
        "https://[::1]/v0/k",
        "https:///v0/k",
        f"https://{HOST}/v0/k\r\n",
        f"https://{HOST}/" + "k/" * 500,
    ],
)
async def test_a_uri_that_is_none_is_never_asked(kms: Kms, holder: FakeEkm, uri: str) -> None:
    name = str((await external_key(kms, level="EXTERNAL"))["name"])
    options = {OPTIONS: {"externalKeyUri": uri}}
    problem = await refused(kms.ask(f"{VERSIONS}.create", options, parent=name))
    assert problem.reason == "EXTERNAL_KEY_URI_INVALID"
    assert holder.connections == 0


async def test_a_uri_that_the_operator_did_not_allow_is_never_asked(
    kms: Kms, holder: FakeEkm
) -> None:
    name = str((await external_key(kms, level="EXTERNAL"))["name"])
    for host in ("localhost", "169.254.169.254", f"{HOST}:8443", f"127.0.0.1:{holder.port}"):
        options = {OPTIONS: {"externalKeyUri": f"https://{host}/v0/k"}}
        problem = await refused(kms.ask(f"{VERSIONS}.create", options, parent=name))
        assert problem.reason == "EXTERNAL_KEY_HOST_NOT_WHITELISTED"
    assert holder.connections == 0


async def test_a_version_moves_to_another_path_of_the_same_key_only(
    kms: Kms, holder: FakeEkm
) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    version, mask = f"{name}/cryptoKeyVersions/1", f"{OPTIONS}.ekmConnectionKeyPath"

    async def move(path: str) -> dict[str, Any]:
        change = {OPTIONS: {"ekmConnectionKeyPath": path}}
        return await kms.ask(f"{VERSIONS}.patch", change, name=version, query={"updateMask": mask})

    other = holder.key(f"{SPACE}/keys/other")
    assert (await refused(move(other))).reason == "UNEXPECTED_RESPONSE"
    assert (await refused(move(f"{SPACE}/keys/absent"))).reason == "EXTERNAL_NOT_FOUND"
    same = f"{SPACE}/keys/renamed"
    holder.keys[same] = holder.keys.pop(f"{SPACE}/keys/key")
    assert (await move(same))[OPTIONS] == {"ekmConnectionKeyPath": same}
    assert await kms.decrypt(name, sealed) == b"attack at dawn"


async def test_a_connection_that_moves_takes_its_keys_along(kms: Kms, holder: FakeEkm) -> None:
    name = await ready(kms, holder)
    sealed = await kms.encrypt(name, b"attack at dawn")
    other = world.Certificate.of()
    change = {
        "serviceResolvers": [{"hostname": HOST, "serverCertificates": [{"rawDer": b64(other.der)}]}]
    }
    query = {"updateMask": "serviceResolvers"}
    await kms.ask("ekmConnections.patch", change, name=CONNECTION, query=query)
    assert (await refused(kms.decrypt(name, sealed))).reason == "TLS_CERT"
    back = {"serviceResolvers": resolvers(holder)}
    await kms.ask("ekmConnections.patch", back, name=CONNECTION, query=query)
    assert await kms.decrypt(name, sealed) == b"attack at dawn"


# Keys.


async def test_a_key_takes_the_connection_of_its_location_unless_it_names_one(
    kms: Kms, holder: FakeEkm
) -> None:
    problem = await refused(external_key(kms, cryptoKeyBackend=""))
    assert problem.field == "cryptoKeyBackend"
    await connect(kms, holder)
    await kms.ask(
        "updateEkmConfig",
        {"defaultEkmConnection": CONNECTION},
        name=f"{LOCATION}/ekmConfig",
        query={"updateMask": "defaultEkmConnection"},
    )
    assert (await external_key(kms, cryptoKeyBackend=""))["cryptoKeyBackend"] == CONNECTION


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cryptoKeyBackend": f"{LOCATION}/ekmConnections/absent"}, None),
        ({"cryptoKeyBackend": "c"}, "name"),
        ({"level": "EXTERNAL", "cryptoKeyBackend": CONNECTION}, "cryptoKeyBackend"),
        ({"algorithm": "EC_SIGN_ED25519"}, "versionTemplate.algorithm"),
        ({"importOnly": True}, "importOnly"),
        (
            {"rotationPeriod": "2592000s", "nextRotationTime": "2099-01-01T00:00:00Z"},
            "rotationPeriod",
        ),
        (
            {
                "level": "EXTERNAL",
                "rotationPeriod": "2592000s",
                "nextRotationTime": "2099-01-01T00:00:00Z",
            },
            "rotationPeriod",
        ),
        ({"skip": False}, "skipInitialVersionCreation"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_by_field(
    kms: Kms, holder: FakeEkm, changes: dict[str, Any], field: str | None
) -> None:
    await connect(kms, holder)
    problem = await refused(external_key(kms, **changes))
    assert problem.field == field
    assert problem.code is (Code.INVALID_ARGUMENT if field else Code.NOT_FOUND)


# Signatures.


async def test_an_external_key_signs_what_its_public_key_verifies(
    kms: Kms, holder: FakeEkm
) -> None:
    await connect(kms, holder)
    key = await external_key(kms, "signer", "EC_SIGN_P256_SHA256")
    version = (await add_version(kms, key["name"], holder.signer()))["name"]
    shown = await kms.ask(f"{VERSIONS}.getPublicKey", name=version)
    public = serialization.load_pem_public_key(shown["pem"].encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    digest = {"digest": {"sha256": b64(hashlib.sha256(b"I agree").digest())}}
    for document in (digest, {"data": b64(b"I agree")}):
        done = await kms.ask(f"{VERSIONS}.asymmetricSign", document, name=version)
        signature = base64.b64decode(done["signature"])
        public.verify(signature, b"I agree", ec.ECDSA(hashes.SHA256()))
    holder.signers[f"{SPACE}/keys/sign"] = ec.generate_private_key(ec.SECP256R1())
    problem = await refused(kms.ask(f"{VERSIONS}.asymmetricSign", digest, name=version))
    assert problem.reason == "UNEXPECTED_RESPONSE"


async def test_a_public_key_of_another_algorithm_makes_no_version(
    kms: Kms, holder: FakeEkm
) -> None:
    await connect(kms, holder)
    key = await external_key(kms, "signer", "EC_SIGN_P384_SHA384")
    problem = await refused(add_version(kms, key["name"], holder.signer()))
    assert problem.reason == "UNEXPECTED_RESPONSE"


# Keys that the universe has made.


async def test_a_coordinated_key_is_made_rotated_and_destroyed_at_the_manager(
    kms: Kms, holder: FakeEkm
) -> None:
    await connect(kms, holder, coordinated=True)
    key = await external_key(
        kms, skip=False, rotationPeriod=f"{DAY}s", nextRotationTime="2099-01-01T00:00:00Z"
    )
    name, version = key["name"], key["primary"]["name"]
    [path] = holder.keys
    assert key["primary"][OPTIONS] == {"ekmConnectionKeyPath": path}
    sealed = await kms.encrypt(name, b"attack at dawn")
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    await kms.pass_time(31 * DAY)
    assert not holder.keys
    assert (await kms.ask(f"{VERSIONS}.get", name=version))["state"] == "DESTROYED"
    last = holder.requests[-1]
    assert last.path == f"{path}:destroyKey"
    assert last.document["additionalContext"]["accessReasonContext"] == {"reason": SYSTEM}
    assert (await refused(kms.decrypt(name, sealed))).reason == "KEY_DESTROYED"


async def test_a_coordinated_key_rotates(kms: Kms, holder: FakeEkm) -> None:
    await connect(kms, holder, coordinated=True)
    due = "2026-06-01T00:00:00Z"
    key = await external_key(kms, skip=False, rotationPeriod=f"{DAY}s", nextRotationTime=due)
    await kms.pass_time(5 * DAY)
    rotated = await kms.ask(f"{KEYS}.get", name=key["name"])
    assert rotated["primary"]["name"].endswith("/2")
    assert len(holder.keys) == 2
    reasons = [
        one.document["additionalContext"]["accessReasonContext"]["reason"]
        for one in holder.requests
    ]
    assert reasons == [CUSTOMER] * 2 + [SYSTEM] * 2


async def test_a_rotation_that_the_manager_refuses_is_tried_once_a_period(
    kms: Kms, holder: FakeEkm
) -> None:
    await connect(kms, holder, coordinated=True)
    due = "2026-06-01T00:00:00Z"
    key = await external_key(kms, skip=False, rotationPeriod=f"{DAY}s", nextRotationTime=due)
    holder.refused = 403, "not by itself"
    asked = len(holder.requests)
    await kms.pass_time(5 * DAY)
    await kms.pass_time(60)
    assert len(holder.requests) == asked + 1
    shown = await kms.ask(f"{KEYS}.get", name=key["name"])
    assert shown["primary"]["name"].endswith("/1")
    failed = await kms.ask(f"{VERSIONS}.get", name=f"{key['name']}/cryptoKeyVersions/2")
    assert failed["state"] == "GENERATION_FAILED"
    assert "not by itself" in failed["generationFailureReason"]


async def test_a_rotation_waits_for_a_manager_that_is_gone(kms: Kms, holder: FakeEkm) -> None:
    await connect(kms, holder, coordinated=True)
    due = "2026-06-01T00:00:00Z"
    key = await external_key(kms, skip=False, rotationPeriod=f"{DAY}s", nextRotationTime=due)
    await holder.stop()
    await kms.pass_time(5 * DAY)
    await holder.start()
    await kms.pass_time(60)
    shown = await kms.ask(f"{KEYS}.get", name=key["name"])
    assert shown["primary"]["name"].endswith("/2")


async def test_a_manager_that_makes_no_key_leaves_a_version_that_says_why(
    kms: Kms, holder: FakeEkm
) -> None:
    await connect(kms, holder, coordinated=True)
    holder.refused = 403, "not in this space"
    key = await external_key(kms, skip=False)
    assert "primary" not in key
    [version] = (await kms.ask(f"{VERSIONS}.list", parent=key["name"]))["cryptoKeyVersions"]
    assert version["state"] == "GENERATION_FAILED"
    assert "not in this space" in version["generationFailureReason"]
    assert "generateTime" not in version
    for method in ("destroy", "restore"):
        problem = await refused(kms.ask(f"{VERSIONS}.{method}", name=version["name"]))
        assert problem.code is Code.FAILED_PRECONDITION


async def test_a_key_whose_version_is_not_stored_is_destroyed_again(
    kms: Kms, holder: FakeEkm
) -> None:
    await connect(kms, holder, coordinated=True)
    await external_key(kms, skip=False)
    assert (await refused(external_key(kms, skip=False))).code is Code.ALREADY_EXISTS
    assert len(holder.keys) == 1


@pytest.mark.parametrize(
    ("refuse", "state"),
    [
        ((403, "never"), "EXTERNAL_DESTRUCTION_FAILED"),
        ((503, "later"), "PENDING_EXTERNAL_DESTRUCTION"),
    ],
)
async def test_a_version_is_dead_whatever_the_manager_does(
    kms: Kms, holder: FakeEkm, refuse: tuple[int, str], state: str
) -> None:
    await connect(kms, holder, coordinated=True)
    key = await external_key(kms, skip=False)
    name, version = key["name"], key["primary"]["name"]
    sealed = await kms.encrypt(name, b"attack at dawn")
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    holder.refused = refuse
    await kms.pass_time(30 * DAY)
    shown = await kms.ask(f"{VERSIONS}.get", name=version)
    assert shown["state"] == state
    assert (await refused(kms.decrypt(name, sealed))).code is Code.FAILED_PRECONDITION
    assert (await refused(kms.ask(f"{VERSIONS}.restore", name=version))).code is (
        Code.FAILED_PRECONDITION
    )
    if state == "EXTERNAL_DESTRUCTION_FAILED":
        assert "never" in shown["externalDestructionFailureReason"]
        return
    await kms.pass_time(PATIENCE_SECONDS - 60)
    assert (await kms.ask(f"{VERSIONS}.get", name=version))["state"] == state
    holder.refused = None
    await kms.pass_time(30)
    assert (await kms.ask(f"{VERSIONS}.get", name=version))["state"] == "DESTROYED"
    assert not holder.keys


async def test_patience_with_a_manager_that_is_gone_ends(kms: Kms, holder: FakeEkm) -> None:
    await connect(kms, holder, coordinated=True)
    version = (await external_key(kms, skip=False))["primary"]["name"]
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    await holder.stop()
    await kms.pass_time(30 * DAY)
    await kms.pass_time(PATIENCE_SECONDS)
    shown = await kms.ask(f"{VERSIONS}.get", name=version)
    assert shown["state"] == "EXTERNAL_DESTRUCTION_FAILED"
    assert "cannot be reached" in shown["externalDestructionFailureReason"]


async def test_a_manual_key_is_left_at_the_manager(kms: Kms, holder: FakeEkm) -> None:
    name = await ready(kms, holder)
    await kms.ask(f"{VERSIONS}.destroy", name=f"{name}/cryptoKeyVersions/1")
    await kms.pass_time(31 * DAY)
    shown = await kms.ask(f"{VERSIONS}.get", name=f"{name}/cryptoKeyVersions/1")
    assert shown["state"] == "DESTROYED"
    assert list(holder.keys) == [f"{SPACE}/keys/key"]
    assert not holder.requests


# Connectivity.


async def test_connectivity_is_verified_down_to_the_crypto_space(kms: Kms, holder: FakeEkm) -> None:
    await connect(kms, holder, coordinated=True)
    assert await kms.ask("ekmConnections.verifyConnectivity", name=CONNECTION) == {}
    assert [one.path for one in holder.requests] == [
        "v0/info",
        f"{SPACE}:checkCryptoSpacePermissions",
    ]
    context = holder.requests[1].document["additionalContext"]
    assert context["relativeResourceName"] == CONNECTION
    holder.behave = world.says(200, b"{}")
    problem = await refused(kms.ask("ekmConnections.verifyConnectivity", name=CONNECTION))
    assert problem.reason == "UNEXPECTED_RESPONSE"


async def test_an_approval_is_passed_on_unread(kms: Kms, holder: FakeEkm) -> None:
    name = await ready(kms, holder)
    await kms.ask(
        f"{KEYS}.encrypt", {"plaintext": ""}, name=name, headers={APPROVAL: "a.b.c~d.e.f"}
    )
    context = holder.requests[-1].document["additionalContext"]["rempartContext"]
    assert context["approval"] == "a.b.c~d.e.f"
    too_long = {APPROVAL: "x" * (APPROVAL_CHARS_MAX + 1)}
    problem = await refused(
        kms.ask(f"{KEYS}.encrypt", {"plaintext": ""}, name=name, headers=too_long)
    )
    assert problem.field == APPROVAL
