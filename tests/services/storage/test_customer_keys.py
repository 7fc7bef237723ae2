"""Customer-managed keys through the gate: what lies under them, and when it can be read."""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
import msgspec
import pytest

from rempart.core.certification_path import fingerprint
from rempart.core.errors import CloudError, Code
from rempart.services.storage.kinds import CUSTOMER_BUCKET_KEY, LIVE, SESSION
from rempart.trust.custody.pkcs11.mechanism import LEASE_SECONDS
from rempart.trust.policy.apis import APIS_OFF, APIsOff
from rempart.trust.policy.perimeters.documents import ACCESS_POLICIES, AccessLevel, AccessPolicy
from rempart.trust.witness.leaf import FEED, decode
from support.cloud_kms import DAY, RING, Kms, b64
from support.cloud_storage import resource
from support.devices import LAPTOP, STRANGER
from support.softhsm import SoftHSM, softhsm
from support.worlds import START

__all__ = ["softhsm"]

KEYS = "keyRings.cryptoKeys"
VERSIONS = f"{KEYS}.cryptoKeyVersions"
USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
SMALL, BIG = b"a patient's record", bytes(range(256)) * 1024
OWN = bytes(range(32))
CSEK = {
    "x-goog-encryption-algorithm": "AES256",
    "x-goog-encryption-key": b64(OWN),
    "x-goog-encryption-key-sha256": b64(hashlib.sha256(OWN).digest()),
}


async def may_use(kms: Kms, key: str, *, role: str = USER, **more: Any) -> None:
    """Give a role on a key to the service agent, as `gcloud storage service-agent` does."""
    asked = await kms.cloud.ask("projects.serviceAccount.get", path={"projectId": "lab:demo"})
    agent = resource(asked)["email_address"]
    binding = {"role": role, "members": [f"serviceAccount:{agent}"], **more}
    policy = {"version": 3, "bindings": [binding]}
    await kms.ask(f"{KEYS}.setIamPolicy", {"policy": policy}, resource=key)


async def a_key(kms: Kms, id_: str = "bucket-key", **document: Any) -> str:
    key = await kms.key(id_, **document)
    await may_use(kms, key)
    return key


async def under_default_key(kms: Kms, key: str) -> None:
    await kms.cloud.use_new_bucket(encryption={"defaultKmsKeyName": key})


async def refused(kms: Kms, method: str, **asked: Any) -> CloudError:
    with pytest.raises(CloudError) as refusal:
        await kms.cloud.ask(method, **asked)
    return refusal.value


async def refused_read(kms: Kms, name: str = "o") -> CloudError:
    return await refused(kms, "objects.get", path={"object": name}, query={"alt": "media"})


async def rewrite(kms: Kms, name: str, **query: str) -> dict[str, Any]:
    path = {
        "sourceBucket": kms.cloud.bucket,
        "sourceObject": name,
        "destinationBucket": kms.cloud.bucket,
        "destinationObject": name,
    }
    done = await kms.cloud.ask("objects.rewrite", path=path, query=query, verb="POST")
    shown: dict[str, Any] = resource(done)["resource"]
    return shown


@pytest.mark.parametrize("content", [b"", SMALL, BIG], ids=["empty", "small", "large"])
async def test_a_bucket_with_a_default_key_puts_new_objects_under_its_primary_version(
    content: bytes,
) -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    made = await kms.cloud.put("o", content)
    assert made["kmsKeyName"] == f"{key}/cryptoKeyVersions/1"
    assert await kms.cloud.read("o") == content
    listed = await kms.cloud.list()
    assert listed["items"][0]["kmsKeyName"] == f"{key}/cryptoKeyVersions/1"
    bucket = resource(await kms.cloud.ask("buckets.get"))
    assert bucket["encryption"] == {"defaultKmsKeyName": key}


async def test_an_object_may_name_its_own_key_and_a_download_says_which_it_was() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    made = await kms.cloud.put("o", SMALL, kmsKeyName=key)
    assert made["kmsKeyName"] == f"{key}/cryptoKeyVersions/1"
    media = await kms.cloud.ask("objects.get", path={"object": "o"}, query={"alt": "media"})
    assert ("x-goog-encryption-kms-key-name", made["kmsKeyName"]) in media.headers
    assert "kmsKeyName" not in await kms.cloud.put("plain", SMALL)


@pytest.mark.parametrize("content", [SMALL, BIG], ids=["small", "large"])
async def test_disabling_the_version_stops_reads_at_once_and_enabling_it_brings_them_back(
    content: bytes,
) -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("o", content)
    assert await kms.cloud.read("o") == content
    version = f"{key}/cryptoKeyVersions/1"
    for state in ("DISABLED", "ENABLED", "DISABLED"):
        query = {"updateMask": "state"}
        await kms.ask(f"{VERSIONS}.patch", {"state": state}, name=version, query=query)
        if state == "ENABLED":
            assert await kms.cloud.read("o") == content
            continue
        problem = await refused_read(kms)
        assert (problem.status, problem.reason) == (400, "cloudKmsDisabledKey")
        problem = await refused(
            kms, "objects.insert", query={"uploadType": "media", "name": "new"}, verb="POST",
            body=content, kind="media_upload",
        )  # fmt: skip
        assert problem.reason == "cloudKmsDisabledKey"


async def test_metadata_stays_readable_and_objects_deletable_without_the_key() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("o", SMALL)
    await kms.ask(f"{VERSIONS}.destroy", name=f"{key}/cryptoKeyVersions/1")
    shown = resource(await kms.cloud.ask("objects.get", path={"object": "o"}))
    assert shown["size"] == str(len(SMALL))
    assert len((await kms.cloud.list())["items"]) == 1
    await kms.cloud.ask("objects.delete", path={"object": "o"}, verb="DELETE")
    await kms.cloud.ask("buckets.delete", verb="DELETE")
    sealed = kms.cloud.parts.sealed
    assert await sealed.scan(CUSTOMER_BUCKET_KEY, CUSTOMER_BUCKET_KEY.under(), limit=9) == []


@pytest.mark.parametrize("content", [b"", SMALL, BIG], ids=["empty", "small", "large"])
async def test_checksums_are_shown_where_the_key_opens_them_and_never_in_lists(
    content: bytes,
) -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    wanted = b64(hashlib.md5(content, usedforsecurity=False).digest())
    made = await kms.cloud.put("o", content, kmsKeyName=key)
    assert made["md5Hash"] == wanted
    assert (await rewrite(kms, "o", destinationKmsKeyName=key))["md5Hash"] == wanted
    change = {"metadata": {"a": "b"}}
    for answer in (
        await kms.cloud.ask("objects.patch", path={"object": "o"}, document=change, verb="PATCH"),
        await kms.cloud.ask("objects.get", path={"object": "o"}),
    ):
        shown = resource(answer)
        assert (shown["md5Hash"], shown["crc32c"]) == (wanted, made["crc32c"])
    media = await kms.cloud.ask("objects.get", path={"object": "o"}, query={"alt": "media"})
    assert dict(media.headers)["x-goog-hash"] == f"crc32c={made['crc32c']},md5={wanted}"
    (listed,) = (await kms.cloud.list())["items"]
    assert not {"md5Hash", "crc32c"} & listed.keys()
    assert (await rewrite(kms, "o"))["md5Hash"] == wanted
    assert (await kms.cloud.list())["items"][0]["md5Hash"] == wanted


async def test_without_the_key_nothing_tells_of_the_content_not_even_its_checksums() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    made = await kms.cloud.put("o", SMALL, kmsKeyName=key)
    await kms.ask(f"{VERSIONS}.destroy", name=f"{key}/cryptoKeyVersions/1")
    shown = resource(await kms.cloud.ask("objects.get", path={"object": "o"}))
    assert not {"md5Hash", "crc32c"} & shown.keys()
    sealed = kms.cloud.parts.sealed
    (stored,) = await sealed.scan(LIVE, LIVE.under(), limit=9)
    known = LIVE.encode(stored.value)
    assert hashlib.md5(SMALL, usedforsecurity=False).digest() not in known
    assert (stored.value.content.crc32c, stored.value.content.md5) == (0, None)
    log = b"".join(one.content for one in await sealed.entries(FEED, 0, limit=100))
    assert made["crc32c"].encode() not in log
    assert made["md5Hash"].encode() not in log


async def test_a_scheduled_destruction_stops_reads_and_a_restored_version_gives_them_back() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("o", SMALL)
    version = f"{key}/cryptoKeyVersions/1"
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    assert (await refused_read(kms)).reason == "cloudKmsDisabledKey"
    await kms.ask(f"{VERSIONS}.restore", name=version)
    query = {"updateMask": "state"}
    await kms.ask(f"{VERSIONS}.patch", {"state": "ENABLED"}, name=version, query=query)
    assert await kms.cloud.read("o") == SMALL


async def test_a_destroyed_version_takes_its_objects_with_it_and_no_others() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("old", SMALL)
    await kms.ask(f"{VERSIONS}.create", parent=key)
    await kms.ask(f"{KEYS}.updatePrimaryVersion", {"cryptoKeyVersionId": "2"}, name=key)
    made = await kms.cloud.put("new", SMALL)
    assert made["kmsKeyName"] == f"{key}/cryptoKeyVersions/2"
    await kms.ask(f"{VERSIONS}.destroy", name=f"{key}/cryptoKeyVersions/1")
    await kms.pass_time(31 * DAY)
    assert (await refused_read(kms, "old")).reason == "cloudKmsDisabledKey"
    assert await kms.cloud.read("new") == SMALL


@pytest.mark.parametrize("content", [SMALL, BIG], ids=["small", "large"])
async def test_a_rewrite_moves_an_object_to_another_version_key_or_back_to_the_default(
    content: bytes,
) -> None:
    kms = await Kms.start()
    first, second = await a_key(kms), await a_key(kms, "second")
    await kms.cloud.put("o", content, kmsKeyName=first)
    await kms.ask(f"{VERSIONS}.create", parent=first)
    await kms.ask(f"{KEYS}.updatePrimaryVersion", {"cryptoKeyVersionId": "2"}, name=first)
    shown = await rewrite(kms, "o", destinationKmsKeyName=first)
    assert shown["kmsKeyName"] == f"{first}/cryptoKeyVersions/2"
    shown = await rewrite(kms, "o", destinationKmsKeyName=second)
    assert shown["kmsKeyName"] == f"{second}/cryptoKeyVersions/1"
    await kms.ask(f"{VERSIONS}.destroy", name=f"{first}/cryptoKeyVersions/1")
    await kms.ask(f"{VERSIONS}.destroy", name=f"{first}/cryptoKeyVersions/2")
    assert await kms.cloud.read("o") == content
    assert "kmsKeyName" not in await rewrite(kms, "o")
    await kms.ask(f"{VERSIONS}.destroy", name=f"{second}/cryptoKeyVersions/1")
    assert await kms.cloud.read("o") == content


async def test_a_move_keeps_the_key_and_a_composed_object_lies_under_the_one_asked_for() -> None:
    kms = await Kms.start()
    key, other = await a_key(kms), await a_key(kms, "other")
    await kms.cloud.put("a", SMALL, kmsKeyName=key)
    path = {"sourceObject": "a", "destinationObject": "b"}
    moved = resource(await kms.cloud.ask("objects.move", path=path, verb="POST"))
    assert moved["kmsKeyName"].startswith(f"{key}/")
    document = {"sourceObjects": [{"name": "b"}, {"name": "b"}]}
    composed = resource(
        await kms.cloud.ask(
            "objects.compose",
            path={"destinationBucket": kms.cloud.bucket, "destinationObject": "c"},
            query={"kmsKeyName": other},
            document=document,
            verb="POST",
        )
    )
    assert composed["kmsKeyName"].startswith(f"{other}/")
    assert await kms.cloud.read("c") == SMALL * 2


async def test_a_resumable_upload_lies_under_the_key_from_its_first_byte() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    query = {"uploadType": "resumable", "name": "o"}
    begun = await kms.cloud.ask("objects.insert", query=query, verb="POST", kind="resumable_upload")
    upload = {"upload_id": dict(begun.headers)["x-guploader-uploadid"], "uploadType": "resumable"}
    half = len(BIG) * 2
    content = BIG * 4

    async def send(start: int, stop: int) -> Any:
        return await kms.cloud.ask(
            "objects.insert",
            query=upload,
            headers={"content-range": f"bytes {start}-{stop - 1}/{len(content)}"},
            body=content[start:stop],
            kind="resumable_upload",
            verb="PUT",
        )

    assert (await send(0, half)).status == 308
    version = f"{key}/cryptoKeyVersions/1"
    query = {"updateMask": "state"}
    await kms.ask(f"{VERSIONS}.patch", {"state": "DISABLED"}, name=version, query=query)
    with pytest.raises(CloudError) as refusal:
        await send(half, len(content))
    assert refusal.value.reason == "cloudKmsDisabledKey"
    await kms.ask(f"{VERSIONS}.patch", {"state": "ENABLED"}, name=version, query=query)
    assert (await send(half, len(content))).status == 200
    assert await kms.cloud.read("o") == content


@pytest.mark.parametrize("told", [BIG, SMALL], ids=["right", "wrong"])
async def test_what_a_resumable_upload_says_of_its_checksums_is_kept_and_cannot_be_read(
    told: bytes,
) -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    md5 = b64(hashlib.md5(told, usedforsecurity=False).digest())
    query = {"uploadType": "resumable", "name": "o"}
    begun = await kms.cloud.ask(
        "objects.insert", query=query, document={"md5Hash": md5, "cacheControl": "no-cache"},
        verb="POST", kind="resumable_upload",
    )  # fmt: skip
    (session,) = await kms.cloud.parts.sealed.scan(SESSION, SESSION.under(), limit=9)
    assert md5.encode() not in SESSION.encode(session.value)
    upload = {"upload_id": dict(begun.headers)["x-guploader-uploadid"], "uploadType": "resumable"}
    asked: dict[str, Any] = {
        "query": upload, "body": BIG, "kind": "resumable_upload", "verb": "PUT",
        "headers": {"content-range": f"bytes 0-{len(BIG) - 1}/{len(BIG)}"},
    }  # fmt: skip
    if told is not BIG:
        assert "md5" in (await refused(kms, "objects.insert", **asked)).message.lower()
        return
    made = resource(await kms.cloud.ask("objects.insert", **asked))
    assert (made["md5Hash"], made["cacheControl"]) == (md5, "no-cache")


async def test_without_the_service_agent_s_permission_nothing_is_written_or_read() -> None:
    kms = await Kms.start()
    key = await kms.key()
    problem = await refused(
        kms, "buckets.patch", document={"encryption": {"defaultKmsKeyName": key}}, verb="PATCH"
    )
    assert (problem.status, problem.reason) == (403, "forbidden")
    assert "service account" in problem.message
    await may_use(kms, key)
    await kms.cloud.ask(
        "buckets.patch", document={"encryption": {"defaultKmsKeyName": key}}, verb="PATCH"
    )
    await kms.cloud.put("o", SMALL)
    await may_use(kms, key, role="roles/cloudkms.cryptoKeyEncrypter")
    assert (await refused_read(kms)).status == 403
    await may_use(kms, key, role="roles/cloudkms.cryptoKeyDecrypter")
    assert await kms.cloud.read("o") == SMALL
    problem = await refused(
        kms, "objects.insert", query={"uploadType": "media", "name": "new"}, verb="POST",
        body=SMALL, kind="media_upload",
    )  # fmt: skip
    assert problem.status == 403


async def test_a_key_that_allows_no_reason_opens_nothing() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("o", SMALL)
    policy: dict[str, Any] = {"keyAccessJustificationsPolicy": {"allowedAccessReasons": []}}
    query = {"updateMask": "keyAccessJustificationsPolicy"}
    await kms.ask(f"{KEYS}.patch", policy, name=key, query=query)
    assert (await refused_read(kms)).status == 403


async def test_a_key_of_another_purpose_or_place_or_none_at_all_is_refused_by_its_reason() -> None:
    kms = await Kms.start()
    mac = await kms.key("mac", "MAC", "HMAC_SHA256")
    await may_use(kms, mac)
    key = await a_key(kms)
    for name, status, reason in (
        (mac, 400, "cloudKmsBadKey"),
        (f"{key}/cryptoKeyVersions/1", 400, "cloudKmsBadKey"),
        ("no-key", 400, "cloudKmsBadKey"),
        ("projects/p/locations/u-here1/keyRings/r/cryptoKeys/" + "k" * 1024, 400, "cloudKmsBadKey"),
        (key.replace("u-here1", "u-there2"), 400, "cloudKmsKeyLocationNotAllowed"),
        (f"{RING}/cryptoKeys/absent", 403, "forbidden"),
    ):
        problem = await refused(
            kms, "objects.insert", query={"uploadType": "media", "name": "o", "kmsKeyName": name},
            verb="POST", body=SMALL, kind="media_upload",
        )  # fmt: skip
        assert (problem.status, problem.reason) == (status, reason), name


async def test_an_absent_key_is_told_to_an_agent_who_may_use_all_of_the_ring() -> None:
    kms = await Kms.start()
    asked = await kms.cloud.ask("projects.serviceAccount.get", path={"projectId": "lab:demo"})
    member = f"serviceAccount:{resource(asked)['email_address']}"
    policy = {"bindings": [{"role": USER, "members": [member]}]}
    await kms.ask("keyRings.setIamPolicy", {"policy": policy}, resource=RING)
    problem = await refused(
        kms, "objects.insert", verb="POST", body=SMALL, kind="media_upload",
        query={"uploadType": "media", "name": "o", "kmsKeyName": f"{RING}/cryptoKeys/absent"},
    )  # fmt: skip
    assert (problem.status, problem.reason) == (400, "cloudKmsEncryptionKeyNotFound")


async def test_a_key_that_a_device_opens_is_shut_to_the_next_caller_from_its_address() -> None:
    kms = await Kms.start()
    said = f'origin.clientCertFingerprint() == "{fingerprint(LAPTOP.certificate)}"'
    level = msgspec.convert({"custom": {"expr": {"expression": said}}}, AccessLevel)
    levels = AccessPolicy(
        number="7", parent="organizations/1", title="t", created=START, levels={"laptop": level}
    )
    tx = kms.cloud.parts.sealed.transaction()
    tx.put(ACCESS_POLICIES, "7", value=levels)
    await tx.commit()
    has = "'accessPolicies/7/accessLevels/laptop' in request.auth.access_levels"
    key = await kms.key("bucket-key")
    await may_use(kms, key, condition={"title": "device", "expression": has})
    asked = kms.cloud.call(
        "objects.insert", {"uploadType": "media", "name": "o", "kmsKeyName": key}, verb="POST"
    )
    asked = msgspec.structs.replace(asked, kind="media_upload")
    for _ in range(2):
        device = msgspec.structs.replace(asked, certificate=LAPTOP.pem.encode())
        assert (await kms.cloud.parts.gate.serve(device)).status == 200
        for other in (b"", STRANGER.pem.encode()):
            with pytest.raises(CloudError) as refusal:
                await kms.cloud.parts.gate.serve(msgspec.structs.replace(asked, certificate=other))
            assert refusal.value.status == 403


async def test_a_supplied_key_excludes_a_named_one_and_takes_the_place_of_the_bucket_s() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    asked: dict[str, Any] = {"body": SMALL, "kind": "media_upload", "verb": "POST"}
    query = {"uploadType": "media", "name": "o"}
    both = await refused(
        kms, "objects.insert", query=query | {"kmsKeyName": key}, headers=CSEK, **asked
    )
    assert (both.code, both.field) == (Code.INVALID_ARGUMENT, "kmsKeyName")
    made = resource(await kms.cloud.ask("objects.insert", query=query, headers=CSEK, **asked))
    assert "kmsKeyName" not in made
    assert made["customerEncryption"]["encryptionAlgorithm"] == "AES256"


async def test_an_update_cannot_change_an_object_s_key_but_may_repeat_it() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    made = await kms.cloud.put("o", SMALL, kmsKeyName=key)
    again = {"kmsKeyName": made["kmsKeyName"], "metadata": {"a": "b"}}
    await kms.cloud.ask("objects.patch", path={"object": "o"}, document=again, verb="PATCH")
    problem = await refused(
        kms, "objects.patch", path={"object": "o"}, document={"kmsKeyName": "other"}, verb="PATCH"
    )
    assert (problem.status, problem.reason) == (400, "cloudKmsCannotChangeKeyName")


async def test_a_bucket_s_default_key_goes_by_an_update_and_its_objects_stay_under_it() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("old", SMALL)
    await kms.cloud.ask("buckets.patch", document={"encryption": None}, verb="PATCH")
    assert "encryption" not in resource(await kms.cloud.ask("buckets.get"))
    assert "kmsKeyName" not in await kms.cloud.put("new", SMALL)
    await kms.ask(f"{VERSIONS}.destroy", name=f"{key}/cryptoKeyVersions/1")
    assert (await refused_read(kms, "old")).reason == "cloudKmsDisabledKey"
    assert await kms.cloud.read("new") == SMALL


async def test_a_destroyed_version_has_a_certificate_that_counts_what_died_with_it() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("small", SMALL)
    await kms.cloud.put("large", BIG)
    await kms.cloud.put("elsewhere", SMALL, kmsKeyName=await a_key(kms, "other"))
    version = f"{key}/cryptoKeyVersions/1"
    ask = f"{VERSIONS}.getErasureCertificate"
    with pytest.raises(CloudError) as refusal:
        await kms.ask(ask, name=version)
    assert refusal.value.reason == "KEY_NOT_DESTROYED"
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    await kms.pass_time(31 * DAY)

    given = await kms.ask(ask, name=version)
    keys = jwt.PyJWKSet.from_dict(kms.cloud.parts.issuer.keys())
    token = jwt.decode_complete(given["certificate"], keys.keys[0], algorithms=["EdDSA"])
    assert token["header"]["typ"] == "erasure-certificate+jwt"
    claims = token["payload"]
    assert claims["cryptoKeyVersion"] == version
    assert (claims["objects"], claims["buckets"]) == ("2", "1")
    assert claims["bytes"] == str(len(SMALL) + len(BIG))
    assert "root key" in claims["scope"]
    assert given["claims"].items() <= claims.items()

    entries = await kms.cloud.parts.sealed.entries(FEED, claims["log"]["index"], limit=1)
    leaf = decode(entries[0].content)
    assert (leaf.method, leaf.resource) == (
        "cloudkms.cryptoKeyVersions.destroyMaterial",
        version,
    )
    assert entries[0].chain.hex() == claims["log"]["chain"]
    assert leaf.facts["objects"] == "2"


async def test_the_inventory_of_keys_tells_which_buckets_a_key_protects() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await kms.cloud.use_new_bucket()
    await under_default_key(kms, key)
    default = kms.cloud.bucket
    await kms.cloud.use_new_bucket()
    await kms.cloud.put("o", SMALL, kmsKeyName=key)
    method = "kmsinventory.projects.protectedResources.search"
    found = await kms.ask(method, query={"cryptoKey": key}, scope="projects/lab:demo")
    assert {one["name"] for one in found["protectedResources"]} == {
        f"//storage.googleapis.com/{default}",
        f"//storage.googleapis.com/{kms.cloud.bucket}",
    }


async def test_a_token_that_is_pulled_out_stops_a_bucket_s_reads_within_the_lease(
    softhsm: SoftHSM,
) -> None:
    kms = await Kms.start(softhsm.config)
    key = await a_key(
        kms, versionTemplate={"protectionLevel": "HSM", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}
    )
    await under_default_key(kms, key)
    await kms.cloud.put("o", SMALL)
    assert await kms.cloud.read("o") == SMALL
    with softhsm.away():
        kms.cloud.clock.advance(LEASE_SECONDS - 1)
        assert await kms.cloud.read("o") == SMALL
        kms.cloud.clock.advance(1)
        problem = await refused_read(kms)
        assert (problem.status, problem.reason) == (503, "backendError")


async def test_what_a_guard_refuses_is_refused_at_once_however_lately_the_key_was_used() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    await under_default_key(kms, key)
    await kms.cloud.put("o", SMALL)
    assert await kms.cloud.read("o") == SMALL
    write = kms.cloud.parts.sealed.transaction()
    write.put(APIS_OFF, "lab:demo", value=APIsOff(frozenset(("cloudkms",))))
    await write.commit()
    assert (await refused_read(kms)).status == 403
