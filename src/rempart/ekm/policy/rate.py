"""Token buckets: how often a rule may allow one key within a minute.

Full at first, refilled evenly; time comes from the request, so a replay counts as the past did.
"""

from __future__ import annotations

from collections import OrderedDict

BUCKETS_MAX = 10_000
_MINUTE = 60_000_000


class Rates:
    """The buckets of one policy, one for each rule and key, bounded in number."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def take(self, rule: str, key: str, *, per_minute: int, time: int) -> bool:
        """Take one token if there is one; tell whether there was.

        Levels are counted in tokens times a minute's microseconds, so that nothing is rounded.
        """
        bucket = (rule, key)
        full = per_minute * _MINUTE
        level, since = self._buckets.get(bucket, (full, time))
        # A clock that goes backwards refills nothing.
        level = min(full, level + max(0, time - since) * per_minute)
        if level < _MINUTE or not self._room(bucket, time):
            return False
        self._buckets[bucket] = (level - _MINUTE, max(time, since))
        self._buckets.move_to_end(bucket)
        return True

    def _room(self, bucket: tuple[str, str], time: int) -> bool:
        """Make room for a bucket by forgetting one that is full again; tell whether there is."""
        if bucket in self._buckets or len(self._buckets) < BUCKETS_MAX:
            return True
        oldest = next(iter(self._buckets))
        if time - self._buckets[oldest][1] < _MINUTE:
            return False
        del self._buckets[oldest]
        return True
