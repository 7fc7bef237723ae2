"""FLOE against published known answers of two other implementations, and its key schedule."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import Bug
from rempart.trust.custody import floe
from rempart.trust.custody.errors import Tampered

_FILE = Path(__file__).parents[3] / "docs/spec/vectors/floe.json"
PUBLISHED: dict[str, Any] = json.loads(_FILE.read_text())
KEY, AAD = bytes.fromhex(PUBLISHED["key"]), bytes.fromhex(PUBLISHED["aad"])
each_vector = pytest.mark.parametrize(
    "vector", PUBLISHED["vectors"], ids=lambda vector: str(vector["name"])
)


def _format(vector: dict[str, Any]) -> floe.Parameters:
    return floe.Parameters(vector["segment_length"], vector["rotation_bits"])


def _open(format_: floe.Parameters, sealed: bytes) -> bytes:
    message = floe.resume(format_, KEY, AAD, sealed[: floe.HEADER_BYTES])
    body, step = sealed[floe.HEADER_BYTES :], format_.segment_bytes
    last = (len(body) - 1) // step
    return b"".join(
        message.open(body[index * step : (index + 1) * step], index, final=index == last)
        for index in range(last + 1)
    )


@each_vector
def test_published_messages_open(vector: dict[str, Any]) -> None:
    assert _open(_format(vector), bytes.fromhex(vector["ciphertext"])).hex() == vector["plaintext"]


@each_vector
def test_the_same_randomness_makes_the_published_message(vector: dict[str, Any]) -> None:
    format_, plain = _format(vector), bytes.fromhex(vector["plaintext"])
    published = bytes.fromhex(vector["ciphertext"])
    nonces_at = range(floe.HEADER_BYTES + 4, len(published), format_.segment_bytes)
    drawn = iter([published[10:42], *(published[at : at + 12] for at in nonces_at)])

    message, sealed = floe.start(format_, KEY, AAD, lambda _: next(drawn))
    step = format_.segment_bytes - floe.SEGMENT_OVERHEAD_BYTES
    last = (len(plain) - 1) // step
    for index in range(last + 1):
        part = plain[index * step : (index + 1) * step]
        sealed += b"".join(message.seal(part, index, lambda _: next(drawn), final=index == last))

    assert sealed == published


@each_vector
def test_other_parameters_do_not_open_a_published_message(vector: dict[str, Any]) -> None:
    with pytest.raises(Tampered):
        _open(floe.Parameters(vector["segment_length"] + 1), bytes.fromhex(vector["ciphertext"]))


def test_a_message_opens_under_its_own_parameters_only() -> None:
    message, header = floe.start(floe.Parameters(64), KEY, AAD, os.urandom)
    sealed = header + b"".join(message.seal(b"short", 0, os.urandom, final=True))

    assert _open(floe.Parameters(64), sealed) == b"short"
    with pytest.raises(Tampered):
        _open(floe.Parameters(65), sealed)


@given(key=st.binary(min_size=32, max_size=32), aad=st.binary(max_size=200))
def test_the_key_schedule_is_hkdf_expand(key: bytes, aad: bytes) -> None:
    message, header = floe.start(floe.Parameters(64), key, aad, os.urandom)
    frame, ciphertext = message.seal(b"plain", 7, os.urandom, final=True)

    def expand(secret: bytes, purpose: bytes, length: int) -> bytes:
        return HKDFExpand(SHA384(), length, header[:42] + purpose + aad).derive(secret)

    message_key = expand(key, b"MESSAGE_KEY:", 48)
    cipher = AESGCM(expand(message_key, b"DEK:" + bytes(8), 32))
    assert header[42:] == expand(key, b"HEADER_TAG:", 32)
    assert cipher.decrypt(frame[4:], ciphertext, (7).to_bytes(8, "big") + b"\1") == b"plain"


def test_the_key_changes_after_a_million_segments() -> None:
    format_ = floe.Parameters(48)
    message, header = floe.start(format_, KEY, AAD, os.urandom)
    around = [0, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20, (1 << 40) - 1]
    sealed = {at: b"".join(message.seal(bytes(16), at, os.urandom, final=False)) for at in around}
    reader = floe.resume(format_, KEY, AAD, header)

    for at in reversed(around):
        assert reader.open(sealed[at], at, final=False) == bytes(16)

    message_key = HKDFExpand(SHA384(), 48, header[:42] + b"MESSAGE_KEY:" + AAD).derive(KEY)
    info = header[:42] + b"DEK:" + (1 << 20).to_bytes(8, "big") + AAD
    cipher, second = AESGCM(HKDFExpand(SHA384(), 32, info).derive(message_key)), sealed[1 << 20]
    position = (1 << 20).to_bytes(8, "big") + b"\0"
    assert cipher.decrypt(second[4:16], second[16:], position) == bytes(16)


def test_segments_of_the_wrong_length_are_never_made() -> None:
    message, _ = floe.start(floe.Parameters(48), KEY, AAD, os.urandom)

    for plain, position, final in (
        (bytes(17), 0, True),
        (bytes(15), 0, False),
        (b"", 1 << 40, True),
    ):
        with pytest.raises(Bug):
            message.seal(plain, position, os.urandom, final=final)
    with pytest.raises(Bug):
        floe.start(floe.Parameters(48), bytes(16), AAD, os.urandom)
