"""The chain of feeds, against the vectors of its specification."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from rempart.engine.seam import GENESIS, chain

SPECIFICATION = Path(__file__).parents[2] / "docs" / "spec" / "feed.md"
ENTRIES = (b"", b"a", b"rempart", bytes(range(256)))


def test_the_specification_s_vectors_hold() -> None:
    found = re.findall(
        r"^\| (\d) \|.*`([0-9a-f]{64})` \| `([0-9a-f]{64})` \|$",
        SPECIFICATION.read_text(),
        re.MULTILINE,
    )
    assert len(found) == len(ENTRIES)
    value = GENESIS
    for index, (entry, (number, leaf, expected)) in enumerate(zip(ENTRIES, found, strict=True)):
        assert int(number) == index
        assert hashlib.sha256(b"\x00" + entry).hexdigest() == leaf
        value = chain(value, entry)
        assert value.hex() == expected


def test_order_and_grouping_matter() -> None:
    one = chain(chain(GENESIS, b"a"), b"b")
    assert one != chain(chain(GENESIS, b"b"), b"a")
    assert one != chain(GENESIS, b"ab")
    assert chain(GENESIS, b"") != GENESIS
