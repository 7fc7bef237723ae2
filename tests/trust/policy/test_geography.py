"""The table of addresses: what it answers, and what is no table."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.trust.policy.perimeters.geography import (
    Geography,
    NoTable,
    parse_ip,
    read_geography,
)

TABLE = """192.0.2.0,192.0.2.255,FR
198.51.100.0,198.51.100.127,DE
"198.51.100.128","198.51.100.255","US"
2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,BE
"""


def table(tmp_path: Path, text: str = TABLE) -> Geography:
    file = tmp_path / "geography.csv"
    file.write_text(text)
    return read_geography(file)


def test_an_address_has_the_country_of_its_range_and_none_outside(tmp_path: Path) -> None:
    found = table(tmp_path)
    countries = {
        "192.0.2.7": "FR",
        "192.0.2.255": "FR",
        "192.0.3.0": "",
        "191.255.255.255": "",
        "198.51.100.127": "DE",
        "198.51.100.128": "US",
        "2001:db8:1::9": "BE",
        "2001:db9::": "",
        "::ffff:192.0.2.1": "FR",
        "no address": "",
        "": "",
    }
    assert {text: found.country(parse_ip(text)) for text in countries} == countries


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.0,192.0.2.255",
        "192.0.2.0,192.0.2.255,France",
        "192.0.2.9,192.0.2.1,FR",
        "192.0.2.0,2001:db8::,FR",
        "2001:db8::1,2001:db8::9,FR",
        "ip,ip,FR",
        "192.0.2.0,192.0.2.255,FR\n192.0.2.9,192.0.2.9,DE",
        '"192.0.2.0,192.0.2.255,FR',
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoTable):
        table(tmp_path, text)


BOUNDS = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=12, unique=True)


@given(BOUNDS, st.integers(0, 2**32 - 1))
def test_every_address_is_answered_as_by_reading_line_by_line(
    tmp_path_factory: pytest.TempPathFactory, bounds: list[int], at: int
) -> None:
    ends = sorted(bounds)
    ranges = list(zip(ends[::2], ends[1::2], ("FR", "DE", "US", "BE", "IT", "ES"), strict=False))
    lines = [f"{IPv4Address(a)},{IPv4Address(b)},{country}" for a, b, country in ranges]
    found = table(tmp_path_factory.mktemp("t"), "\n".join(reversed(lines)))
    expected = next((country for a, b, country in ranges if a <= at <= b), "")
    assert found.country(IPv4Address(at)) == expected
