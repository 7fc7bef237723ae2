"""Time and randomness, passed in so that tests can choose them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NewType

Micros = NewType("Micros", int)
"""Microseconds since the Unix epoch, UTC."""

Random = Callable[[int], bytes]
"""Return that many bytes from a cryptographic source."""

Clock = Callable[[], Micros]
"""Return the time now."""


def system_clock() -> Micros:
    """Return the machine's wall-clock time."""
    return Micros(time.time_ns() // 1000)


system_random: Random = os.urandom


@dataclass(frozen=True, slots=True)
class World:
    """What the outside world supplies: the time and randomness."""

    clock: Clock = system_clock
    random: Random = system_random


def rfc3339(moment: Micros) -> str:
    """Return the time as Google's JSON writes it, in milliseconds: 2026-11-23T13:06:53.179Z."""
    seconds, micros = divmod(moment, 1_000_000)
    return f"{_to_the_second(seconds)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=4096)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
