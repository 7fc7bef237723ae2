"""Times and durations as filters and entries write them, in nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?"
    r"(?:([Zz])|([+-])(\d\d):?(\d\d))?"
)
_DURATION = re.compile(r"(-?\d{1,12}(?:\.\d{1,9})?)(ns|us|ms|s|m|h|d)")
_UNIT = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOS = 1_000_000_000
MICROS = 1_000


def nanos(text: str) -> int | None:
    """Return an RFC 3339 time, or a date, or None; without a zone it is in UTC."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(one or 0) for one in found.group(*range(1, 7)))
    zone = timezone(_offset(found)) if found[9] else UTC
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
    since = moment - _EPOCH
    fraction = int((found[7] or "0").ljust(9, "0"))
    return (since.days * 86400 + since.seconds) * NANOS + fraction


def _offset(found: re.Match[str]) -> timedelta:
    away = timedelta(hours=int(found[10]) % 24, minutes=int(found[11]))
    return -away if found[9] == "-" else away


def written(moment: int) -> str:
    """Return a time as Google's JSON has it: with 0, 3, 6 or 9 digits of the second."""
    seconds, fraction = divmod(moment, NANOS)
    if not fraction:
        return f"{_second(seconds)}Z"
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{_second(seconds)}.{digits}Z"


@lru_cache(maxsize=64)  # times are often written of one second's entries after the other
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def duration(text: str) -> float | None:
    """Return a duration in seconds (`3.5s`, `10m`), or None."""
    found = _DURATION.fullmatch(text)
    return float(found[1]) * _UNIT[found[2]] if found else None
