"""What `rempart verify` says of keys: each record as the log last says, none more, none less."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rempart import app
from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.services.kms.kinds import CRYPTO_KEY, DUE, KEY_RING, RETIRED, VERSION
from rempart.services.kms.model import names
from rempart.services.kms.model.version import State
from rempart.trust.custody.transaction import Transaction
from support.cloud_kms import DAY, LOCATION, RING, Kms
from support.memory_engine import MemoryEngine

KEYS = "keyRings.cryptoKeys"
VERSIONS = f"{KEYS}.cryptoKeyVersions"
KEY = f"{RING}/cryptoKeys/key"
FIRST = names.version(f"{KEY}/cryptoKeyVersions/1")


async def lived() -> tuple[Kms, MemoryEngine]:
    """Return a universe in which keys were made, rotated, disabled, destroyed and deleted."""
    engine = MemoryEngine()
    kms = await Kms.start(None, engine)
    await kms.key(rotationPeriod=f"{9 * DAY}s", nextRotationTime="2026-05-30T00:00:00Z")
    await kms.pass_time(3 * DAY)
    other = await kms.key("other", destroyScheduledDuration=f"{DAY}s")
    gone = await kms.key("gone", destroyScheduledDuration=f"{DAY}s")
    await kms.ask(f"{VERSIONS}.create", parent=other)
    await kms.ask(f"{VERSIONS}.destroy", name=f"{other}/cryptoKeyVersions/2")
    await kms.ask(f"{VERSIONS}.destroy", name=f"{gone}/cryptoKeyVersions/1")
    await kms.pass_time(DAY + 1)
    await kms.ask(f"{VERSIONS}.delete", name=f"{gone}/cryptoKeyVersions/1")
    await kms.ask(f"{KEYS}.delete", name=gone)
    await kms.ask(f"{VERSIONS}.destroy", name=str(FIRST))
    policy = {"bindings": [{"role": "roles/cloudkms.viewer", "members": ["user:a@example.test"]}]}
    await kms.ask(f"{KEYS}.setIamPolicy", {"policy": policy}, resource=KEY)
    await kms.ask("keyRings.create", parent=LOCATION, query={"keyRingId": "second"})
    await kms.ask("keyRings.delete", name=f"{LOCATION}/keyRings/second")
    return kms, engine


async def verdict(kms: Kms, engine: MemoryEngine) -> tuple[bool, str]:
    checks = await app.checks(engine, kms.cloud.parts)
    [keys] = [check for check in checks if check.name == "keys"]
    return keys.ok, keys.detail


async def test_a_universe_that_nobody_touched_verifies() -> None:
    ok, detail = await verdict(*await lived())
    # A ring, two keys with four versions, a retired name, and two certificates of erasure.
    assert (ok, detail) == (True, "10 records of Cloud KMS, each as the log last says")


async def enabled(tx: Transaction) -> None:
    version = await tx.get(VERSION, *FIRST.parts)
    assert version is not None
    tx.put(VERSION, *FIRST.parts, value=replace(version, state=State.ENABLED))


async def another_primary(tx: Transaction) -> None:
    name = names.crypto_key(KEY)
    key = await tx.get(CRYPTO_KEY, *name.parts)
    assert key is not None
    tx.put(CRYPTO_KEY, *name.parts, value=replace(key, primary=1))


async def another_policy(tx: Transaction) -> None:
    name = names.key_ring(RING)
    ring = await tx.get(KEY_RING, *name.parts)
    assert ring is not None
    binding = Binding("roles/cloudkms.admin", (Member("user:mallory@example.test"),))
    policy = Policy((binding,), etag=ring.policy.etag)
    tx.put(KEY_RING, *name.parts, value=replace(ring, policy=policy))


async def other_material(tx: Transaction) -> None:
    version = await tx.get(VERSION, *FIRST.parts)
    assert version is not None
    tx.put(VERSION, *FIRST.parts, value=replace(version, material=bytes(64)))


async def one_more_version(tx: Transaction) -> None:
    version = await tx.get(VERSION, *FIRST.parts)
    assert version is not None
    tx.put(VERSION, *FIRST.parent.version(9).parts, value=replace(version, number=9))


async def a_version_less(tx: Transaction) -> None:
    tx.delete(VERSION, *FIRST.parts)


async def a_name_given_free(tx: Transaction) -> None:
    tx.delete(RETIRED, *names.crypto_key(f"{RING}/cryptoKeys/gone").parts)


async def a_destruction_forgotten(tx: Transaction) -> None:
    version = await tx.get(VERSION, *FIRST.parts)
    assert version is not None
    tx.delete(DUE, version.destroy_at, *FIRST.parts)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (enabled, "cryptoKeyVersions/1 is not as the log last says"),
        (another_primary, "cryptoKeys/key is not as the log last says"),
        (another_policy, "keyRings/ring is not as the log last says"),
        (other_material, "cryptoKeyVersions/1 is not as the log last says"),
        (one_more_version, "cryptoKeyVersions/9 has no entry in the log"),
        (a_version_less, "cryptoKeyVersions/1 is in the log and not in the store"),
        (a_name_given_free, "retiredResources/ring.gone is in the log and not in the store"),
        (a_destruction_forgotten, "cryptoKeyVersions/1 is scheduled for destruction and not due"),
    ],
)
async def test_whoever_has_all_the_keys_and_changes_a_record_is_told_on(
    tamper: Any, said: str
) -> None:
    kms, engine = await lived()
    tx = kms.cloud.parts.sealed.transaction()
    await tamper(tx)
    await tx.commit()
    ok, detail = await verdict(kms, engine)
    assert not ok
    assert said in detail
