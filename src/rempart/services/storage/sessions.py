"""Running checksums of resumable uploads: in memory between chunks, rebuilt after a restart."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator

from rempart.trust.custody.digest import Digest

DIGESTS_KEPT_MAX = 4096


class SessionDigests:
    """The digest of what each upload session has stored, for as many sessions as fit."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Digest] = OrderedDict()

    async def take(self, session: str, stored: int, plaintext: AsyncIterator[bytes]) -> Digest:
        """Return the digest of the first `stored` bytes, reading them where it is not at hand.

        The digest is taken out: whoever extends it keeps it again once its part is committed.
        """
        digest = self._kept.pop(session, None)
        if digest is not None and digest.size == stored:
            return digest
        digest = Digest()
        if stored:
            async for piece in plaintext:
                digest.update(piece)
        return digest

    def keep(self, session: str, digest: Digest) -> None:
        """Keep the digest for the next chunk."""
        self._kept[session] = digest
        while len(self._kept) > DIGESTS_KEPT_MAX:
            self._kept.popitem(last=False)

    def forget(self, session: str) -> None:
        """Drop the digest of a session that is over."""
        self._kept.pop(session, None)
