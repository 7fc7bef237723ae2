"""What is left in memory of a customer's key, once it may not be used any more."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator

import pytest

from rempart.trust.custody.envelope import BucketKey
from rempart.trust.custody.software.symmetric import SymmetricKey
from services.kms.test_external_keys import ready
from services.storage.test_customer_keys import VERSIONS, a_key, may_use, under_default_key
from support.cloud_kms import DAY, Kms
from support.fake_ekm import HOST, FakeEkm, fake_ekm


@pytest.fixture
async def holder() -> AsyncIterator[FakeEkm]:
    async with fake_ekm() as made:
        yield made


def in_memory(kind: type[object]) -> int:
    gc.collect()
    return sum(isinstance(one, kind) for one in gc.get_objects())


async def test_a_key_that_was_leased_is_not_in_memory_when_the_lease_is_over(
    holder: FakeEkm,
) -> None:
    kms = await Kms.start(managers={HOST: holder.address})
    holder.lease = "60s"
    key = await ready(kms, holder)
    await may_use(kms, key)
    await under_default_key(kms, key)
    await kms.cloud.put("o", b"a patient's record")
    before = in_memory(BucketKey)
    assert await kms.cloud.read("o") == b"a patient's record"
    assert in_memory(BucketKey) == before + 1
    await kms.pass_time(59)
    assert in_memory(BucketKey) == before + 1
    await kms.pass_time(1)
    assert in_memory(BucketKey) == before
    kms.cloud.parts.managers.close()


async def test_a_key_is_not_in_memory_when_its_version_is_destroyed() -> None:
    kms = await Kms.start()
    key = await a_key(kms)
    before = in_memory(SymmetricKey)
    await under_default_key(kms, key)
    await kms.cloud.put("o", b"a patient's record")
    assert await kms.cloud.read("o") == b"a patient's record"
    assert in_memory(SymmetricKey) == before + 1
    await kms.ask(f"{VERSIONS}.destroy", name=f"{key}/cryptoKeyVersions/1")
    await kms.pass_time(31 * DAY)
    assert in_memory(SymmetricKey) == before
