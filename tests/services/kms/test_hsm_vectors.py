"""Wycheproof's vectors against keys in a token: each key is imported as a customer imports it."""

from __future__ import annotations

import pytest

from support import published
from support.importer import Importer
from support.softhsm import SoftHSM, softhsm

__all__ = ["softhsm"]


async def test_aes_gcm_opens_what_is_right_and_nothing_else(softhsm: SoftHSM) -> None:
    await published.aes_gcm_opens_what_is_right_and_nothing_else(
        await Importer.start("RAW_ENCRYPT_DECRYPT", softhsm.config)
    )


async def test_oaep_opens_what_is_right_and_nothing_else(softhsm: SoftHSM) -> None:
    importer = await Importer.start("ASYMMETRIC_DECRYPT", softhsm.config)
    await published.oaep_opens_what_is_right_and_nothing_else(importer, 2048, 1)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
async def test_pkcs1_signatures_are_the_published_ones(softhsm: SoftHSM, bits: int) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN", softhsm.config)
    await published.pkcs1_signatures_are_the_published_ones(importer, bits)
