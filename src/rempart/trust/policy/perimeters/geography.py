"""Which country an address belongs to, by a table that the operator supplies; none is shipped.

The table is CSV without a heading, a range a line: first address, last address, two letters of ISO
3166-1 (`192.0.2.0,192.0.2.255,FR`). Ranges neither overlap nor mix versions; of IPv6, they are
whole /64 networks. Published tables of this form exist, such as DB-IP's "IP to country lite".
"""

from __future__ import annotations

import csv
import re
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

RANGES_MAX = 4_000_000
_LOW_BITS = 64
_LOW = (1 << _LOW_BITS) - 1
_COUNTRY = re.compile(r"[A-Z]{2}")
Address = IPv4Address | IPv6Address


class NoTable(ValueError):  # noqa: N818 - a verdict on a file, not a fault of ours
    """A file that is no table of ranges; the message names the line."""


@dataclass(slots=True)
class _Ranges:
    starts: array[int]
    ends: array[int]
    countries: list[str]

    def add(self, start: int, end: int, country: str) -> None:
        self.starts.append(start)
        self.ends.append(end)
        self.countries.append(country)

    def country(self, at: int) -> str:
        index = bisect_right(self.starts, at) - 1
        return self.countries[index] if index >= 0 and at <= self.ends[index] else ""

    def checked(self) -> _Ranges:
        """Return the ranges in order; raises where two overlap."""
        order = sorted(range(len(self.starts)), key=self.starts.__getitem__)
        kept = _empty()
        for index in order:
            if kept.ends and self.starts[index] <= kept.ends[-1]:
                raise NoTable("two ranges overlap")
            kept.add(self.starts[index], self.ends[index], self.countries[index])
        return kept


def _empty() -> _Ranges:
    return _Ranges(array("Q"), array("Q"), [])


@dataclass(frozen=True, slots=True)
class Geography:
    """The table, ready to be asked."""

    v4: _Ranges
    v6: _Ranges

    def country(self, address: Address | None) -> str:
        """Return the country of an address, empty where the table does not say."""
        if address is None:
            return ""
        if isinstance(address, IPv4Address):
            return self.v4.country(int(address))
        return self.v6.country(int(address) >> _LOW_BITS)


def read_geography(path: Path) -> Geography:
    """Return the table in a file; raises `NoTable`. A big one takes seconds."""
    v4, v6 = _empty(), _empty()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file, strict=True), 1):
                if number > RANGES_MAX:
                    raise NoTable(f"it has more than {RANGES_MAX} lines")
                _add(row, number, v4, v6)
    except (UnicodeDecodeError, csv.Error) as problem:
        raise NoTable("it is not CSV in UTF-8") from problem
    return Geography(v4.checked(), v6.checked())


def _add(row: list[str], number: int, v4: _Ranges, v6: _Ranges) -> None:
    problem = NoTable(f"line {number} is not FIRST,LAST,COUNTRY")
    try:
        first, last, country = (cell.strip() for cell in row)
        start, end = ip_address(first), ip_address(last)
    except ValueError:
        raise problem from None
    low, high = int(start), int(end)
    if start.version != end.version or low > high or not _COUNTRY.fullmatch(country):
        raise problem
    if isinstance(start, IPv4Address):
        v4.add(low, high, country)
    elif low & _LOW or high & _LOW != _LOW:
        raise NoTable(f"line {number} is not of whole /64 networks")
    else:
        v6.add(low >> _LOW_BITS, high >> _LOW_BITS, country)


def parse_ip(text: str) -> Address | None:
    """Return an address, or None for what is none; one of IPv4 within IPv6 is that of IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
