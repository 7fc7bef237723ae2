"""Objects through the gate: what is kept, what is refused, what shares bytes."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import Awaitable

import msgspec
import pytest
from typing_extensions import override

from rempart.core.call import Reply
from rempart.core.errors import CloudError
from rempart.core.limits import CONCURRENT_CALLS_PER_PRINCIPAL_MAX
from support.cloud_storage import Bytes, Cloud, resource
from support.entries import last_entry

BIG = bytes(range(256)) * 1024


async def _refused(cloud: Cloud, method: str, **asked: object) -> CloudError:
    with pytest.raises(CloudError) as refusal:
        await cloud.ask(method, **asked)  # type: ignore[arg-type]  # what each test passes on
    return refusal.value


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["empty", "small", "large"])
async def test_what_is_written_is_read(content: bytes) -> None:
    cloud = await Cloud.start()
    made = await cloud.put("o", content)
    assert await cloud.read("o") == content
    assert made["size"] == str(len(content))
    assert made["md5Hash"] == base64.b64encode(hashlib.md5(content).digest()).decode()


async def test_a_body_that_fails_its_checksum_leaves_nothing() -> None:
    cloud = await Cloud.start()
    problem = await _refused(
        cloud, "objects.insert", query={"uploadType": "media", "name": "o"}, body=BIG,
        headers={"x-goog-hash": "crc32c=AAAAAA=="}, kind="media_upload", verb="POST",
    )  # fmt: skip
    assert problem.status == 400
    assert "items" not in await cloud.list()
    assert [blob async for blob in cloud.parts.bodies._blobs.list()] == []


async def test_overwriting_frees_what_the_old_generation_held() -> None:
    cloud = await Cloud.start()
    await cloud.put("o", BIG)
    await cloud.put("o", b"new")
    assert [blob async for blob in cloud.parts.bodies._blobs.list()] == []
    assert await cloud.read("o") == b"new"


async def test_a_copy_outlives_its_source_and_shares_its_bytes() -> None:
    cloud = await Cloud.start()
    await cloud.put("o", BIG)
    to = {
        "sourceBucket": cloud.bucket, "sourceObject": "o",
        "destinationBucket": cloud.bucket, "destinationObject": "copy",
    }  # fmt: skip
    await cloud.ask("objects.rewrite", path=to, verb="POST")
    assert len([blob async for blob in cloud.parts.bodies._blobs.list()]) == 1
    await cloud.ask("objects.delete", path={"object": "o"}, verb="DELETE")
    assert await cloud.read("copy") == BIG


async def test_rewriting_an_object_onto_itself_keeps_its_bytes() -> None:
    cloud = await Cloud.start()
    await cloud.put("o", BIG)
    to = {
        "sourceBucket": cloud.bucket, "sourceObject": "o",
        "destinationBucket": cloud.bucket, "destinationObject": "o",
    }  # fmt: skip
    await cloud.ask("objects.rewrite", path=to, verb="POST")
    assert await cloud.read("o") == BIG


async def test_a_compose_of_small_and_large_reads_as_one_and_repeats_a_source() -> None:
    cloud = await Cloud.start()
    await cloud.put("big", BIG)
    await cloud.put("small", b"small")
    sources = [{"name": name} for name in ("big", "small", "big")]
    reply = await cloud.ask(
        "objects.compose",
        path={"destinationBucket": cloud.bucket, "destinationObject": "all"},
        document={"sourceObjects": sources},
        verb="POST",
    )
    assert await cloud.read("all") == BIG + b"small" + BIG
    assert resource(reply)["componentCount"] == 3
    assert "md5Hash" not in resource(reply)
    for name in ("big", "small"):
        await cloud.ask("objects.delete", path={"object": name}, verb="DELETE")
    assert await cloud.read("all") == BIG + b"small" + BIG
    await cloud.ask("objects.delete", path={"object": "all"}, verb="DELETE")
    assert [blob async for blob in cloud.parts.bodies._blobs.list()] == []


async def test_a_download_goes_on_while_its_object_is_deleted() -> None:
    cloud = await Cloud.start()
    await cloud.put("o", BIG)
    reply = await cloud.ask("objects.get", path={"object": "o"}, query={"alt": "media"})
    assert reply.stream is not None
    await cloud.ask("objects.delete", path={"object": "o"}, verb="DELETE")
    assert b"".join([piece async for piece in reply.stream]) == BIG
    assert [blob async for blob in cloud.parts.bodies._blobs.list()] == []


@pytest.mark.parametrize("hold", ["temporaryHold", "eventBasedHold"])
async def test_a_held_object_can_be_neither_deleted_nor_overwritten(hold: str) -> None:
    cloud = await Cloud.start()
    await cloud.put("o", b"kept")
    await cloud.ask("objects.patch", path={"object": "o"}, document={hold: True}, verb="PATCH")
    problem = await _refused(cloud, "objects.delete", path={"object": "o"}, verb="DELETE")
    assert (problem.status, problem.reason) == (403, "objectUnderActiveHold")
    with pytest.raises(CloudError):
        await cloud.put("o", b"new")
    assert await cloud.read("o") == b"kept"
    await cloud.ask("objects.patch", path={"object": "o"}, document={hold: False}, verb="PATCH")
    await cloud.ask("objects.delete", path={"object": "o"}, verb="DELETE")


async def test_retention_keeps_an_object_until_its_time() -> None:
    cloud = await Cloud.start(retentionPolicy={"retentionPeriod": "100"})
    await cloud.put("o", b"kept")
    problem = await _refused(cloud, "objects.delete", path={"object": "o"}, verb="DELETE")
    assert problem.reason == "retentionPolicyNotMet"
    cloud.clock.advance(101)
    await cloud.ask("objects.delete", path={"object": "o"}, verb="DELETE")


async def test_a_locked_retention_policy_can_only_grow() -> None:
    cloud = await Cloud.start(retentionPolicy={"retentionPeriod": "100"})
    await cloud.ask(
        "buckets.lockRetentionPolicy", query={"ifMetagenerationMatch": "1"}, verb="POST"
    )
    for shorter in ({"retentionPeriod": "99"}, None):
        problem = await _refused(
            cloud, "buckets.patch", document={"retentionPolicy": shorter}, verb="PATCH"
        )
        assert problem.status == 403
    longer = {"retentionPolicy": {"retentionPeriod": "200"}}
    await cloud.ask("buckets.patch", document=longer, verb="PATCH")


async def test_versioning_keeps_what_is_deleted_and_overwritten() -> None:
    cloud = await Cloud.start(versioning={"enabled": True})
    first = await cloud.put("o", b"one")
    second = await cloud.put("o", b"two")
    await cloud.ask("objects.delete", path={"object": "o"}, verb="DELETE")
    assert await cloud.read("o", generation=first["generation"]) == b"one"
    assert await cloud.read("o", generation=second["generation"]) == b"two"
    with pytest.raises(CloudError):
        await cloud.read("o")


async def test_a_customer_supplied_key_is_needed_to_read_and_kept_nowhere() -> None:
    cloud = await Cloud.start()
    key = b"K" * 32
    headers = {
        "x-goog-encryption-algorithm": "AES256",
        "x-goog-encryption-key": base64.b64encode(key).decode(),
        "x-goog-encryption-key-sha256": base64.b64encode(hashlib.sha256(key).digest()).decode(),
    }
    await cloud.ask(
        "objects.insert", query={"uploadType": "media", "name": "o"}, body=BIG, headers=headers,
        kind="media_upload", verb="POST",
    )  # fmt: skip
    media = {"path": {"object": "o"}, "query": {"alt": "media"}}
    problem = await _refused(cloud, "objects.get", **media)
    assert problem.reason == "resourceIsEncryptedWithCustomerEncryptionKey"
    other = headers | {
        "x-goog-encryption-key": base64.b64encode(b"L" * 32).decode(),
        "x-goog-encryption-key-sha256": base64.b64encode(
            hashlib.sha256(b"L" * 32).digest()
        ).decode(),
    }
    assert (await _refused(cloud, "objects.get", **media, headers=other)).status == 400
    reply = await cloud.ask("objects.get", **media, headers=headers)  # type: ignore[arg-type]
    assert reply.stream is not None
    assert b"".join([piece async for piece in reply.stream]) == BIG


async def test_a_bucket_with_objects_cannot_be_deleted() -> None:
    cloud = await Cloud.start()
    await cloud.put("o")
    problem = await _refused(cloud, "buckets.delete", verb="DELETE")
    assert problem.status == 409


async def test_what_is_not_there_yet_answers_501_by_name() -> None:
    cloud = await Cloud.start()
    problem = await _refused(
        cloud, "buckets.patch", document={"lifecycle": {"rule": [{}]}}, verb="PATCH"
    )
    assert problem.status == 501
    assert "lifecycle" in problem.message
    assert (await _refused(cloud, "objects.restore", verb="POST")).status == 501


async def test_media_that_come_encoded_are_stored_and_unpacked_for_whoever_takes_no_gzip() -> None:
    cloud = await Cloud.start()
    packed = gzip.compress(b"plain " * 1000)
    await cloud.ask(
        "objects.insert", query={"uploadType": "media", "name": "o"}, body=packed,
        headers={"content-encoding": "gzip"}, kind="media_upload", verb="POST",
    )  # fmt: skip
    assert await cloud.read("o") == b"plain " * 1000
    media = {"path": {"object": "o"}, "query": {"alt": "media"}}
    reply = await cloud.ask("objects.get", **media, headers={"accept-encoding": "gzip"})  # type: ignore[arg-type]
    assert (reply.content, dict(reply.headers)["content-encoding"]) == (packed, "gzip")


async def test_a_principal_with_too_many_calls_in_progress_is_told_to_wait() -> None:
    cloud = await Cloud.start()
    gate = asyncio.Event()

    class Slow(Bytes):
        @override
        async def read(self, limit: int) -> bytes:
            await gate.wait()
            return b"x"

    def slow(number: int) -> Awaitable[Reply]:
        call = cloud.call("objects.insert", {"uploadType": "media", "name": f"o{number}"})
        return cloud.parts.gate.serve(msgspec.structs.replace(call, body=Slow(b"x")))

    running = [asyncio.ensure_future(slow(n)) for n in range(CONCURRENT_CALLS_PER_PRINCIPAL_MAX)]
    await asyncio.sleep(0.5)
    with pytest.raises(CloudError) as refusal:
        await cloud.list()
    assert (refusal.value.status, refusal.value.reason) == (429, "rateLimitExceeded")
    gate.set()
    await asyncio.gather(*running)
    await cloud.list()


@pytest.mark.parametrize("entity", ["group-team@example.test", "domain-example.test"])
async def test_an_acl_takes_nobody_who_does_not_exist(entity: str) -> None:
    cloud = await Cloud.start()
    await cloud.put("o", b"x")
    acl = {"acl": [{"entity": entity, "role": "READER"}]}
    problem = await _refused(
        cloud, "objects.patch", path={"object": "o"}, document=acl, verb="PATCH"
    )
    assert (problem.status, problem.field) == (400, "entity")
    assert "does not exist" in problem.message


async def test_the_log_tells_who_is_let_in_by_an_acl_or_a_policy() -> None:
    cloud = await Cloud.start()
    made = (await last_entry(cloud.parts.sealed)).facts
    [delta, *_] = json.loads(made["policyDelta"])["bindingDeltas"]
    assert (delta["action"], delta["role"]) == ("ADD", "roles/storage.legacyBucketOwner")

    await cloud.put("private", b"x")
    assert "acl" not in (await last_entry(cloud.parts.sealed)).facts
    await cloud.put("open", b"x", predefinedAcl="publicRead")
    assert json.loads((await last_entry(cloud.parts.sealed)).facts["acl"])["allUsers"] == "READER"

    for name in ("private", "open"):
        acl = {"acl": [{"entity": "allAuthenticatedUsers", "role": "READER"}]}
        await cloud.ask("objects.patch", path={"object": name}, document=acl, verb="PATCH")
        told = json.loads((await last_entry(cloud.parts.sealed)).facts["acl"])
        assert "allAuthenticatedUsers" in told
        assert "allUsers" not in told

    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
    await cloud.ask("buckets.setIamPolicy", document=policy, verb="PUT")
    deltas = json.loads((await last_entry(cloud.parts.sealed)).facts["policyDelta"])
    added = [one for one in deltas["bindingDeltas"] if one["action"] == "ADD"]
    assert added == [
        {"action": "ADD", "role": "roles/storage.objectViewer", "members": ["allUsers"]}
    ]
