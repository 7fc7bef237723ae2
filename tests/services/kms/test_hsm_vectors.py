"""Published vectors against keys in a token: each key is imported as a customer imports it."""

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


async def test_raw_pkcs1_signatures_are_the_published_ones(softhsm: SoftHSM) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN", softhsm.config)
    await published.raw_pkcs1_signatures_are_the_published_ones(importer, 2048)


@pytest.mark.parametrize("name", ["2048_SHA256", "4096_SHA512"])
async def test_pss_signatures_verify(softhsm: SoftHSM, name: str) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN", softhsm.config)
    await published.pss_signatures_verify(importer, f"RSA_SIGN_PSS_{name}")


@pytest.mark.parametrize("name", published.NIST_ECDSA)
async def test_ecdsa_keys_are_nists_and_their_signatures_verify(
    softhsm: SoftHSM, name: str
) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN", softhsm.config)
    await published.ecdsa_keys_are_nists_and_their_signatures_verify(importer, name, 5)


@pytest.mark.parametrize("bits", [1, 256, 512])
async def test_hmac_codes_are_the_published_ones(softhsm: SoftHSM, bits: int) -> None:
    importer = await Importer.start("MAC", softhsm.config)
    await published.hmac_codes_are_the_published_ones(importer, f"HMAC_SHA{bits}")


@pytest.mark.parametrize(("file", "name"), published.NIST_BLOCKS[1::2])
async def test_cbc_and_ctr_are_the_published_ones(softhsm: SoftHSM, file: str, name: str) -> None:
    importer = await Importer.start("RAW_ENCRYPT_DECRYPT", softhsm.config)
    await published.cbc_and_ctr_are_the_published_ones(importer, file, name)
