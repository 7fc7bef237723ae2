"""Commitments: the published vector, and what opens one."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rempart.tlog.commitment import SALT_BYTES, Opening, commitment

SPEC = Path(__file__).parents[2] / "docs/spec/feed.md"
SALTS = st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES)


def test_the_published_commitment_is_what_is_made() -> None:
    [published] = re.findall(r"^`([0-9a-f]{64})`$", SPEC.read_text(), re.MULTILINE)
    assert commitment(bytes(range(SALT_BYTES)), b"{}").hex() == published


@given(SALTS, st.binary(min_size=1, max_size=100))
def test_a_commitment_opens_by_what_it_was_made_of_alone(salt: bytes, content: bytes) -> None:
    entry = commitment(salt, content)
    assert Opening(salt, content).opens(entry)
    assert not Opening(salt, content + b"\x00").opens(entry)
    assert not Opening(bytes([salt[0] ^ 1]) + salt[1:], content).opens(entry)
    assert not Opening(salt + content, b"").opens(entry)
    assert not Opening(salt[:-1], salt[-1:] + content).opens(entry)
