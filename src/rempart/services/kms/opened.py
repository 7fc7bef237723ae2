"""What versions opened for other services, remembered as long as the key's holder allows."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from rempart.core.clock import Micros
from rempart.trust.custody.envelope import BucketKey

OPEN_KEYS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Leased:
    """A key that was opened: until when, counted from before its holder was asked.

    `seconds` is None where no key holder has a say: the key's state is looked at for each use.
    """

    key: BucketKey
    since: Micros
    seconds: int | None

    def holds(self, now: Micros) -> bool:
        """Tell whether it may still be used; a clock that was set back ends the lease."""
        return self.seconds is None or 0 <= now - self.since < self.seconds * 1_000_000


class OpenedKeys:
    """Opened keys by the material of the version that opened them and by what was opened."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[bytes, bytes], Leased] = OrderedDict()

    def get(self, material: bytes, wrapped: bytes, now: Micros) -> BucketKey | None:
        """Return a key whose lease holds, or None."""
        found = self._open.get((material, wrapped))
        return found.key if found is not None and found.holds(now) else None

    def keep(self, material: bytes, wrapped: bytes, leased: Leased) -> None:
        """Remember a key for its lease; one without a lease is not remembered at all."""
        self._open.pop((material, wrapped), None)
        if leased.seconds != 0:
            self._open[material, wrapped] = leased
            if len(self._open) > OPEN_KEYS_MAX:
                self._open.popitem(last=False)

    def expire(self, now: Micros) -> None:
        """Drop what may not be used any more: a lease is on memory too."""
        for at in [at for at, leased in self._open.items() if not leased.holds(now)]:
            del self._open[at]

    def forget(self, material: bytes) -> None:
        """Drop all that a version opened: it is destroyed."""
        for at in [at for at in self._open if at[0] == material]:
            del self._open[at]
