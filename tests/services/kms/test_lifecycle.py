"""Keys and their versions through the gate: made, enabled, rotated, destroyed, restored."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from support.cloud_kms import DAY, LOCATION, RING, Kms, b64

KEYS = "keyRings.cryptoKeys"
LEVEL = "versionTemplate.protectionLevel"
VERSIONS = f"{KEYS}.cryptoKeyVersions"
MAC, SEALS = {"purpose": "MAC"}, {"purpose": "ENCRYPT_DECRYPT"}
WRAPS = {"purpose": "AES_WRAPPING", "versionTemplate": {"algorithm": "AES_256_KWP"}}
SIGNS_SLH_DSA = {
    "purpose": "ASYMMETRIC_SIGN",
    "versionTemplate": {"algorithm": "PQ_SIGN_SLH_DSA_SHA2_128S"},
}


async def refused(kms: Kms, method: str, *asked: Any, **path: Any) -> CloudError:
    with pytest.raises(CloudError) as refusal:
        await kms.ask(method, *asked, **path)
    return refusal.value


async def state(kms: Kms, version: str) -> str:
    return str((await kms.ask(f"{VERSIONS}.get", name=version))["state"])


async def test_what_is_encrypted_is_decrypted() -> None:
    kms = await Kms.start()
    name = await kms.key()
    sealed = await kms.encrypt(name, b"plain", b"context")
    assert b"plain" not in sealed
    assert await kms.decrypt(name, sealed, b"context") == b"plain"


async def test_other_context_other_key_and_other_bytes_do_not_decrypt() -> None:
    kms = await Kms.start()
    name, other = await kms.key(), await kms.key("other")
    sealed = await kms.encrypt(name, b"plain", b"context")
    flipped = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for key, ciphertext, aad in (
        (name, sealed, b""),
        (other, sealed, b"context"),
        (name, flipped, b"context"),
        (name, sealed[:-1], b"context"),
        (name, b"", b"context"),
    ):
        document = {"ciphertext": b64(ciphertext), "additionalAuthenticatedData": b64(aad)}
        problem = await refused(kms, f"{KEYS}.decrypt", document, name=key)
        assert (problem.code, problem.reason) == (Code.INVALID_ARGUMENT, "DECRYPTION_FAILED")


async def test_no_flipped_bit_of_a_header_decrypts() -> None:
    kms = await Kms.start()
    name = await kms.key()
    sealed = await kms.encrypt(name, b"plain")
    for at in range(min(len(sealed), 96)):
        changed = bytes([*sealed[:at], sealed[at] ^ 0x80, *sealed[at + 1 :]])
        problem = await refused(kms, f"{KEYS}.decrypt", {"ciphertext": b64(changed)}, name=name)
        assert problem.code is Code.INVALID_ARGUMENT


async def test_a_new_version_encrypts_only_once_it_is_primary() -> None:
    kms = await Kms.start()
    name = await kms.key()
    old = await kms.encrypt(name, b"first")
    await kms.ask(f"{VERSIONS}.create", parent=name)
    document = {"plaintext": b64(b"x")}
    assert (await kms.ask(f"{KEYS}.encrypt", document, name=name))["name"].endswith("/1")
    await kms.ask(f"{KEYS}.updatePrimaryVersion", {"cryptoKeyVersionId": "2"}, name=name)
    assert (await kms.ask(f"{KEYS}.encrypt", document, name=name))["name"].endswith("/2")
    assert await kms.decrypt(name, old) == b"first"
    decrypted = await kms.ask(f"{KEYS}.decrypt", {"ciphertext": b64(old)}, name=name)
    assert "usedPrimary" not in decrypted


@pytest.mark.parametrize(
    ("number", "code"),
    [("2", Code.NOT_FOUND), ("0", Code.INVALID_ARGUMENT), ("one", Code.INVALID_ARGUMENT)],
)
async def test_a_version_that_is_not_there_does_not_become_primary(number: str, code: Code) -> None:
    kms = await Kms.start()
    document = {"cryptoKeyVersionId": number}
    problem = await refused(kms, f"{KEYS}.updatePrimaryVersion", document, name=await kms.key())
    assert problem.code is code


async def test_a_disabled_version_refuses_until_it_is_enabled() -> None:
    kms = await Kms.start()
    name = await kms.key()
    sealed, version = await kms.encrypt(name, b"x"), f"{name}/cryptoKeyVersions/1"
    mask = {"updateMask": "state"}
    await kms.ask(f"{VERSIONS}.patch", {"state": "DISABLED"}, query=mask, name=version)
    for method, document in (
        (f"{KEYS}.decrypt", {"ciphertext": b64(sealed)}),
        (f"{KEYS}.encrypt", {"plaintext": b64(b"x")}),
    ):
        problem = await refused(kms, method, document, name=name)
        assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "KEY_DISABLED")
        assert "DISABLED" in problem.message
    await kms.ask(f"{VERSIONS}.patch", {"state": "ENABLED"}, query=mask, name=version)
    assert await kms.decrypt(name, sealed) == b"x"


async def test_destruction_waits_can_be_called_off_and_is_final() -> None:
    kms = await Kms.start()
    name = await kms.key(destroyScheduledDuration=f"{2 * DAY}s")
    sealed, version = await kms.encrypt(name, b"x"), f"{name}/cryptoKeyVersions/1"
    scheduled = await kms.ask(f"{VERSIONS}.destroy", name=version)
    assert scheduled["state"] == "DESTROY_SCHEDULED"
    await kms.pass_time(DAY)
    restored = await kms.ask(f"{VERSIONS}.restore", name=version)
    assert restored["state"] == "DISABLED"
    assert "destroyTime" not in restored
    await kms.pass_time(2 * DAY)
    assert await state(kms, version) == "DISABLED"
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    await kms.pass_time(2 * DAY + 1)
    gone = await kms.ask(f"{VERSIONS}.get", name=version)
    assert gone["state"] == "DESTROYED"
    assert gone["destroyEventTime"] >= gone["destroyTime"]
    for problem in (
        await refused(kms, f"{KEYS}.decrypt", {"ciphertext": b64(sealed)}, name=name),
        await refused(kms, f"{VERSIONS}.restore", name=version),
        await refused(
            kms, f"{VERSIONS}.patch", {"state": "ENABLED"}, query={"updateMask": "state"},
            name=version,
        ),
    ):  # fmt: skip
        assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "KEY_DESTROYED")


async def test_a_destruction_that_is_due_cannot_be_called_off_even_before_it_happened() -> None:
    kms = await Kms.start()
    name = await kms.key(destroyScheduledDuration=f"{DAY}s")
    version = f"{name}/cryptoKeyVersions/1"
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    kms.cloud.clock.advance(DAY)
    problem = await refused(kms, f"{VERSIONS}.restore", name=version)
    assert problem.code is Code.FAILED_PRECONDITION


async def test_rotation_happens_on_time_again_and_again() -> None:
    kms = await Kms.start()
    first = "2026-05-30T00:00:00Z"
    name = await kms.key(rotationPeriod=f"{DAY}s", nextRotationTime=first)
    old = await kms.encrypt(name, b"old")
    await kms.pass_time(3 * DAY)
    key = await kms.ask(f"{KEYS}.get", name=name)
    assert key["primary"]["name"].endswith("/2")
    await kms.pass_time(DAY + 60)
    key = await kms.ask(f"{KEYS}.get", name=name)
    assert key["primary"]["name"].endswith("/3")
    assert await kms.decrypt(name, old) == b"old"
    listed = await kms.ask(f"{VERSIONS}.list", parent=name)
    assert [one["name"][-1] for one in listed["cryptoKeyVersions"]] == ["1", "2", "3"]
    assert listed["totalSize"] == 3


async def test_a_rotation_that_was_put_off_does_not_happen() -> None:
    kms = await Kms.start()
    name = await kms.key(rotationPeriod=f"{DAY}s", nextRotationTime="2026-05-30T00:00:00Z")
    query = {"updateMask": "rotationPeriod,nextRotationTime"}
    await kms.ask(f"{KEYS}.patch", {}, query=query, name=name)
    await kms.pass_time(10 * DAY)
    assert (await kms.ask(f"{KEYS}.get", name=name))["primary"]["name"].endswith("/1")


@pytest.mark.parametrize(
    ("purpose", "algorithm"),
    [
        ("RAW_ENCRYPT_DECRYPT", "AES_256_GCM"),
        ("ASYMMETRIC_SIGN", "EC_SIGN_P256_SHA256"),
        ("ASYMMETRIC_DECRYPT", "RSA_DECRYPT_OAEP_2048_SHA256"),
        ("MAC", "HMAC_SHA256"),
        ("KEY_ENCAPSULATION", "ML_KEM_768"),
    ],
)
async def test_a_key_does_what_it_is_for_and_nothing_else(purpose: str, algorithm: str) -> None:
    kms = await Kms.start()
    name = await kms.key(purpose=purpose, algorithm=algorithm)
    key = await kms.ask(f"{KEYS}.get", name=name)
    assert "primary" not in key
    problem = await refused(kms, f"{KEYS}.encrypt", {"plaintext": b64(b"x")}, name=name)
    assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "WRONG_PURPOSE")
    version = f"{name}/cryptoKeyVersions/1"
    for method, document, wanted in (
        ("macSign", {"data": b64(b"x")}, "MAC"),
        ("rawEncrypt", {"plaintext": b64(b"x")}, "RAW_ENCRYPT_DECRYPT"),
        ("asymmetricSign", {"data": b64(b"x")}, "ASYMMETRIC_SIGN"),
    ):
        if wanted == purpose:
            await kms.ask(f"{VERSIONS}.{method}", document, name=version)
        else:
            problem = await refused(kms, f"{VERSIONS}.{method}", document, name=version)
            assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "WRONG_PURPOSE")


async def test_pages_cover_a_ring_once_and_in_order() -> None:
    kms = await Kms.start()
    for number in range(7):
        await kms.key(f"k{number}")
    seen, token = [], ""
    while True:
        query = {"pageSize": "3", "pageToken": token}
        page = await kms.ask(f"{KEYS}.list", query=query, parent=RING)
        seen += [one["name"].rpartition("/")[2] for one in page["cryptoKeys"]]
        assert page["totalSize"] == 7
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert seen == [f"k{number}" for number in range(7)]


async def test_a_filter_counts_whole_pages() -> None:
    kms = await Kms.start()
    for number in range(6):
        await kms.key(f"k{number}", labels={"odd": str(number % 2)})
    query = {"pageSize": "2", "filter": "labels.odd=1 AND purpose = ENCRYPT_DECRYPT"}
    page = await kms.ask(f"{KEYS}.list", query=query, parent=RING)
    assert [one["name"][-2:] for one in page["cryptoKeys"]] == ["k1", "k3"]
    more = await kms.ask(
        f"{KEYS}.list", query=query | {"pageToken": page["nextPageToken"]}, parent=RING
    )
    assert [one["name"][-2:] for one in more["cryptoKeys"]] == ["k5"]


@pytest.mark.parametrize(
    "text", ["name > 3", "labels.a:*", "name:k", "labels.a=*", "colour=red", "colour!=red"]
)
async def test_a_filter_that_is_not_understood_is_refused_not_ignored(text: str) -> None:
    kms = await Kms.start()
    problem = await refused(kms, f"{KEYS}.list", query={"filter": text}, parent=RING)
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, "filter")


@pytest.mark.parametrize("label", ["cost_center", "env-1", "a"])
async def test_a_filter_takes_a_labels_key_as_it_is(label: str) -> None:
    kms = await Kms.start()
    await kms.key("marked", labels={label: "x"})
    await kms.key("plain")
    page = await kms.ask(f"{KEYS}.list", query={"filter": f"labels.{label}=x"}, parent=RING)
    assert [one["name"].rpartition("/")[2] for one in page["cryptoKeys"]] == ["marked"]


async def test_a_justifications_policy_without_a_reason_stops_every_use() -> None:
    kms = await Kms.start()
    allowed = {"allowedAccessReasons": ["CUSTOMER_INITIATED_ACCESS"]}
    name = await kms.key(keyAccessJustificationsPolicy=allowed)
    sealed = await kms.encrypt(name, b"x")
    mask = {"updateMask": "keyAccessJustificationsPolicy"}
    nothing: dict[str, Any] = {"keyAccessJustificationsPolicy": {}}
    await kms.ask(f"{KEYS}.patch", nothing, query=mask, name=name)
    problem = await refused(kms, f"{KEYS}.decrypt", {"ciphertext": b64(sealed)}, name=name)
    assert problem.code is Code.PERMISSION_DENIED
    await kms.ask(f"{KEYS}.patch", {}, query=mask, name=name)
    assert await kms.decrypt(name, sealed) == b"x"


@pytest.mark.parametrize("checked", ["plaintext", "additionalAuthenticatedData"])
async def test_a_wrong_checksum_is_refused_and_a_right_one_confirmed(checked: str) -> None:
    kms = await Kms.start()
    name = await kms.key()
    document = {"plaintext": b64(b"x"), "additionalAuthenticatedData": b64(b"y")}
    problem = await refused(
        kms, f"{KEYS}.encrypt", {**document, f"{checked}Crc32c": "1"}, name=name
    )
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, f"{checked}Crc32c")
    done = await kms.ask(f"{KEYS}.encrypt", document, name=name)
    assert "verifiedPlaintextCrc32c" not in done


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "purpose"),
        ({"purpose": "HASHING"}, "purpose"),
        ({"purpose": "MAC"}, "versionTemplate.algorithm"),
        (MAC | {"versionTemplate": {"algorithm": "AES_256_GCM"}}, "versionTemplate.algorithm"),
        (MAC | {"versionTemplate": {"algorithm": 5}}, "algorithm"),
        (SEALS | {"labels": {"UPPER": "x"}}, "labels.UPPER"),
        (SEALS | {"rotationPeriod": "60s"}, "rotationPeriod"),
        (SEALS | {"rotationPeriod": "86400s"}, "nextRotationTime"),
        (SEALS | {"destroyScheduledDuration": "1s"}, "destroyScheduledDuration"),
        (SEALS | {"destroyScheduledDuration": "10368001s"}, "destroyScheduledDuration"),
        (SEALS | {"nextRotationTime": "2020-01-01T00:00:00Z"}, "nextRotationTime"),
        (SEALS | {"importOnly": True}, "skipInitialVersionCreation"),
        (SEALS | {"colour": "red"}, "colour"),
        (WRAPS, "versionTemplate.algorithm"),
        (SIGNS_SLH_DSA, "versionTemplate.algorithm"),
        (SEALS | {"versionTemplate": {"protectionLevel": "PAPER"}}, LEVEL),
    ],
)
async def test_a_key_that_cannot_be_is_refused_by_the_field(
    document: dict[str, Any], field: str
) -> None:
    kms = await Kms.start()
    problem = await refused(
        kms, f"{KEYS}.create", document, parent=RING, query={"cryptoKeyId": "new"}
    )
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, field)
    assert "cryptoKeys" not in await kms.ask(f"{KEYS}.list", parent=RING)


@pytest.mark.parametrize(
    ("level", "code"),
    [
        ("HSM", Code.FAILED_PRECONDITION),
        ("HSM_SINGLE_TENANT", Code.INVALID_ARGUMENT),
    ],
)
async def test_protection_levels_that_are_not_there_are_refused_by_name(
    level: str, code: Code
) -> None:
    kms = await Kms.start()
    document = {"purpose": "ENCRYPT_DECRYPT", "versionTemplate": {"protectionLevel": level}}
    problem = await refused(
        kms, f"{KEYS}.create", document, parent=RING, query={"cryptoKeyId": "new"}
    )
    assert (problem.code, problem.field) == (code, LEVEL)
    assert level in problem.message


@pytest.mark.parametrize("id_", ["", "a b", "x" * 64, "ä", "a/b", "a\x00b"])
async def test_an_id_that_breaks_the_rules_is_refused(id_: str) -> None:
    kms = await Kms.start()
    problem = await refused(
        kms, f"{KEYS}.create", {"purpose": "ENCRYPT_DECRYPT"}, parent=RING,
        query={"cryptoKeyId": id_},
    )  # fmt: skip
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, "cryptoKeyId")


async def test_a_name_is_taken_once_and_for_all() -> None:
    kms = await Kms.start()
    await kms.key()
    for problem in (
        await refused(kms, "keyRings.create", parent=LOCATION, query={"keyRingId": "ring"}),
        await refused(
            kms, f"{KEYS}.create", {"purpose": "ENCRYPT_DECRYPT"}, parent=RING,
            query={"cryptoKeyId": "key"},
        ),
    ):  # fmt: skip
        assert problem.code is Code.ALREADY_EXISTS


async def test_a_location_that_is_not_of_this_universe_is_not_found() -> None:
    kms = await Kms.start()
    elsewhere = "projects/lab:demo/locations/us-east1"
    problem = await refused(kms, "keyRings.create", parent=elsewhere, query={"keyRingId": "r"})
    assert problem.code is Code.NOT_FOUND
    assert "u-here1" in problem.message


async def test_too_much_to_encrypt_is_refused() -> None:
    kms = await Kms.start()
    name = await kms.key()
    for field in ("plaintext", "additionalAuthenticatedData"):
        document = {field: b64(bytes(65_537))}
        problem = await refused(kms, f"{KEYS}.encrypt", document, name=name)
        assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, field)
    largest = await kms.encrypt(name, bytes(65_536), bytes(65_536))
    assert await kms.decrypt(name, largest, bytes(65_536)) == bytes(65_536)
