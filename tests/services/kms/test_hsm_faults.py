"""A token that hangs, is pulled out, or loses its sessions in the middle of an operation."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.custody.pkcs11.mechanism import THREADS, USE_SECONDS_MAX
from support.cloud_kms import Kms
from support.failing_token import Fault, fault
from support.softhsm import SoftHSM, softhsm

__all__ = ["fault", "softhsm"]

SOON_SECONDS = 1.0


async def started(softhsm: SoftHSM, tmp_path: Path) -> tuple[Kms, str]:
    kms = await Kms.start(replace(softhsm.config, module=tmp_path / "failing.so"))
    template = {"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protectionLevel": "HSM"}
    return kms, await kms.key(versionTemplate=template)


async def unavailable(kms: Kms, name: str) -> float:
    """Return how many seconds it takes to be told that the token is not available."""
    begun = time.monotonic()
    with pytest.raises(CloudError) as refusal:
        await kms.encrypt(name, b"x")
    assert refusal.value.code is Code.UNAVAILABLE
    return time.monotonic() - begun


@pytest.mark.parametrize("kind", ["removed", "error", "session"])
async def test_a_token_that_fails_in_the_middle_is_unavailable_and_comes_back(
    softhsm: SoftHSM, tmp_path: Path, fault: Fault, kind: str
) -> None:
    kms, name = await started(softhsm, tmp_path)
    sealed = await kms.encrypt(name, b"x")
    fault.begin(kind)
    for _ in range(3):
        assert await unavailable(kms, name) < SOON_SECONDS
    fault.end()
    assert await kms.decrypt(name, sealed) == b"x"


async def test_a_token_that_hangs_is_given_up_then_refused_at_once_and_comes_back(
    softhsm: SoftHSM, tmp_path: Path, fault: Fault
) -> None:
    kms, name = await started(softhsm, tmp_path)
    sealed, software = await kms.encrypt(name, b"x"), await kms.key("software")
    fault.begin("hangs")
    held = [asyncio.create_task(unavailable(kms, name)) for _ in range(THREADS)]
    await asyncio.sleep(0.1)
    # Whoever needs no token is not held up.
    assert await kms.decrypt(software, await kms.encrypt(software, b"y")) == b"y"
    assert all(
        USE_SECONDS_MAX - 0.5 < seconds < USE_SECONDS_MAX + SOON_SECONDS
        for seconds in await asyncio.gather(*held)
    )
    assert await unavailable(kms, name) < SOON_SECONDS
    fault.end()
    for _ in range(100):
        await asyncio.sleep(0.05)
        try:
            assert await kms.decrypt(name, sealed) == b"x"
        except CloudError:
            continue
        return
    raise AssertionError("the token did not come back")
