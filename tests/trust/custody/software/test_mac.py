"""MAC against the RFCs' vectors, and what a code must be to verify."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.trust.custody.errors import Unfit
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.key import DATA_BYTES_MAX, DIGESTS
from rempart.trust.custody.software.mac import MACKey
from support.key_material import key
from support.vectors import records

NAMES = [f"HMAC_SHA{bits}" for bits in (1, 224, 256, 384, 512)]


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        ("rfc-2202-sha1.txt", "sha1"),
        *((f"rfc-4231-sha{bits}.txt", f"sha{bits}") for bits in (224, 256, 384, 512)),
    ],
)
def test_codes_are_those_of_the_rfcs(path: str, digest: str) -> None:
    seen = 0
    for record in records(f"HMAC/{path}", "len"):
        theirs = MACKey(bytes.fromhex(record["key"]), DIGESTS[digest])
        seen += 1
        assert theirs.mac_sign(bytes.fromhex(record["msg"])).hex() == record["md"]
    assert seen >= 6


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=200), other=st.binary(max_size=64))
def test_a_code_verifies_and_any_other_does_not(name: str, data: bytes, other: bytes) -> None:
    ours = key(name)
    mac = ours.mac_sign(data)

    assert len(mac) * 8 == ALGORITHMS[name].bits
    assert ours.mac_verify(data, mac)
    for wrong in (mac[:-1], mac[:16], mac + b"\0", b"", other):
        assert ours.mac_verify(data, wrong) is (wrong == mac)
    assert not ours.mac_verify(data + b"\0", mac)


def test_data_ends_at_64_kib() -> None:
    ours = MACKey(bytes(32), DIGESTS["sha256"])

    assert ours.mac_verify(bytes(DATA_BYTES_MAX), ours.mac_sign(bytes(DATA_BYTES_MAX)))
    with pytest.raises(Unfit, match="data has 65537 bytes"):
        ours.mac_sign(bytes(DATA_BYTES_MAX + 1))
