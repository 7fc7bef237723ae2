"""Requests of nobody: each is on record while they are few; beyond that they are counted.

Without a limit, whoever reaches the port could fill the disk that the log needs. A request that was
not recorded alone is told 429 and nothing else; how many there were is on record within a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address

from rempart.core.clock import Clock
from rempart.core.errors import CloudError, Code
from rempart.ekm.policy.rate import Rates
from rempart.ekm.record.entry import Entry, encoded
from rempart.ekm.record.journal import NotRecorded

RECORDED_PER_MINUTE_MAX = 1200
RECORDED_PER_ADDRESS_AND_MINUTE_MAX = 240
COUNT_SECONDS = 60.0
VERB = "strangers"
_PREFIX_BITS = 64
Append = Callable[[bytes], Awaitable[int]]


class Strangers:
    """Decides which requests without an acceptable credential get an entry of their own."""

    def __init__(self, append: Append, clock: Clock) -> None:
        self._append = append
        self._clock = clock
        self._rates = Rates()
        self._counted = 0
        self._counting: asyncio.Task[None] | None = None

    def admit(self, remote: str) -> bool:
        """Tell whether a request gets its entry; else it is counted."""
        now = self._clock()
        source, limit = _source(remote), RECORDED_PER_ADDRESS_AND_MINUTE_MAX
        if self._rates.take("address", source, per_minute=limit, time=now) and self._rates.take(
            "all", "", per_minute=RECORDED_PER_MINUTE_MAX, time=now
        ):
            return True
        self._counted += 1
        if self._counting is None:
            self._counting = asyncio.create_task(self._later(), name="strangers")
        return False

    async def close(self) -> None:
        """Record what was counted so far; raises NotRecorded where that cannot be."""
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None
        await self._record()

    async def _later(self) -> None:
        await asyncio.sleep(COUNT_SECONDS)
        self._counting = None
        try:
            await self._record()
        except NotRecorded:
            return  # The log is fenced, or the disk is full: no request is answered now.

    async def _record(self) -> None:
        counted, self._counted = self._counted, 0
        if not counted:
            return
        entry = Entry(
            time=self._clock(),
            kind="request",
            verb=VERB,
            status=Code.RESOURCE_EXHAUSTED.http,
            cause="requests without an acceptable credential, more than are recorded one by one",
            detail={"requests": str(counted)},
        )
        try:
            await self._append(encoded(entry))
        except NotRecorded:
            self._counted += counted
            raise


def too_many() -> CloudError:
    """Return what is told to a request that was counted only."""
    return CloudError(
        Code.RESOURCE_EXHAUSTED,
        "Too many requests without an acceptable credential; try again in a minute.",
        reason="RATE_EXCEEDED",
    )


def _source(remote: str) -> str:
    """Return what counts as one address: of IPv6 the network, which one host commands."""
    try:
        address = ip_address(remote)
    except ValueError:
        return remote
    if not isinstance(address, IPv6Address):
        return remote
    return str(int(address) >> (128 - _PREFIX_BITS))
