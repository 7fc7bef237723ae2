"""Generation numbers: microseconds of the clock, always rising, whatever the clock does."""

from __future__ import annotations

from rempart.core.clock import Clock


class Generations:
    """Hands out generation numbers, each only once in this process."""

    __slots__ = ("_clock", "_last")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self, above: int) -> int:
        """Return a number above every one given so far and above the given one."""
        self._last = max(self._clock(), self._last + 1, above + 1)
        return self._last
