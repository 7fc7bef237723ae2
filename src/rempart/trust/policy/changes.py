"""What was concluded from documents, remembered for as long as none of their kinds is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from rempart.engine.seam import Span
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.custody.sealed import SealedEngine, scanned

K = TypeVar("K")
T = TypeVar("T")
V = TypeVar("V")

CONCLUSIONS_MAX = 4096


async def everything(sealed: SealedEngine, kind: Kind[T], span: Span) -> list[Found[T]]:
    """Return all documents of a span, however many: what is left out here would not be obeyed."""
    return [one async for one in scanned(sealed, kind, span)]


class Concluded(Generic[K, V]):
    """Conclusions by key; one that was drawn while a document changed is used once, never kept."""

    __slots__ = ("_at", "_conclude", "_kept", "_watch")

    def __init__(
        self,
        sealed: SealedEngine,
        kinds: tuple[Kind[Any], ...],
        conclude: Callable[[K], Awaitable[V]],
    ) -> None:
        self._watch = sealed.watch(kinds)
        self._conclude = conclude
        self._at = -1
        self._kept: OrderedDict[K, V] = OrderedDict()

    def known(self, key: K) -> V | None:
        """Return what holds for a key now where that was concluded already."""
        return self._kept.get(key) if self._watch.changes == self._at else None

    async def of(self, key: K) -> V:
        """Return what holds for a key now."""
        now = self._watch.changes
        if now != self._at:
            self._at = now
            self._kept.clear()
        elif key in self._kept:
            return self._kept[key]
        value = await self._conclude(key)
        if self._watch.changes == now == self._at:
            self._kept[key] = value
            if len(self._kept) > CONCLUSIONS_MAX:
                self._kept.popitem(last=False)
        return value
