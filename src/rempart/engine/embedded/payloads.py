"""Payloads read lately, as they are stored: sealed, immutable, under ids that are never reused."""

from __future__ import annotations

from collections import OrderedDict

from rempart.engine.seam import PayloadId

PAYLOAD_CACHE_BYTES_MAX = 32 << 20


class PayloadCache:
    """The latest payloads, as many as fit."""

    __slots__ = ("_kept", "_size")

    def __init__(self) -> None:
        self._kept: OrderedDict[PayloadId, bytes] = OrderedDict()
        self._size = 0

    def get(self, payload: PayloadId) -> bytes | None:
        """Return a payload that is at hand."""
        return self._kept.get(payload)

    def keep(self, payload: PayloadId, value: bytes) -> None:
        """Keep a payload; the ones kept longest go where there is no room."""
        self.drop(payload)
        self._kept[payload] = value
        self._size += len(value)
        while self._size > PAYLOAD_CACHE_BYTES_MAX:
            self._size -= len(self._kept.popitem(last=False)[1])

    def drop(self, payload: PayloadId) -> None:
        """Forget a payload."""
        value = self._kept.pop(payload, None)
        if value is not None:
            self._size -= len(value)
