"""Which country an address belongs to, by the table that is given: CSV, FIRST,LAST,COUNTRY.

It is the operator's `geography.csv`, or a published table of that form; what it says is its own.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from rempart.tlog.errors import Malformed

_Place = tuple[int, int]
"""The version of an address, and its number."""


class Geography:
    """The table, ready to be asked."""

    def __init__(self, ranges: list[tuple[_Place, _Place, str]]) -> None:
        ordered = sorted(ranges)
        self._starts = [start for start, _, _ in ordered]
        self._ends = [(end, country) for _, end, country in ordered]

    def country(self, address: str) -> str:
        """Return the country of an address, empty where the table does not say."""
        place = _place(address)
        at = bisect_right(self._starts, place) - 1 if place else -1
        if place is None or at < 0 or place > self._ends[at][0]:
            return ""
        return self._ends[at][1]


def read_geography(path: Path) -> Geography:
    """Return the table in a file; raises `Malformed` or `OSError`."""
    ranges = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file, strict=True), 1):
                first, last, country = (cell.strip() for cell in row)
                start, end = _place(first), _place(last)
                if start is None or end is None or start > end or start[0] != end[0]:
                    raise Malformed(f"{path}: line {number} is no range of addresses.")
                ranges.append((start, end, country))
    except (ValueError, csv.Error):
        raise Malformed(f"{path} is not CSV of FIRST,LAST,COUNTRY.") from None
    return Geography(ranges)


def _place(text: str) -> _Place | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)
