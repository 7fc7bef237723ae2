"""The door through which a sealed universe gets its root back: a unix socket in `DIR/run`.

Only programs of the same user reach it (directory 0700, socket 0600). One line of JSON each way
(`UnsealAsk`, `SealState`); what one custodian gave is told to nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import msgspec

from rempart.core.clock import Random
from rempart.core.errors import CloudError, unavailable
from rempart.trust.custody.sealing import custodian_key, files
from rempart.trust.custody.sealing.collection import Collection
from rempart.trust.custody.sealing.document import SealedRoot, SealProblem
from rempart.trust.custody.sealing.door import (
    LINE_BYTES_MAX,
    UNSEAL_SOCKET,
    SealState,
    UnsealAsk,
)
from rempart.trust.custody.sealing.shares import ShareRefused

ASK_SECONDS_MAX = 30.0
_SWEEP_SECONDS = 10.0


class Unsealing:
    """Collects what opens a sealed root."""

    def __init__(self, data: Path, sealed: SealedRoot, random: Random) -> None:
        self._data = data
        self._random = random
        self._collection = Collection(sealed, random, time.monotonic)
        self._root: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def state(self) -> SealState:
        """Return how many shares are here and how many it takes."""
        collection = self._collection
        return SealState(
            sealed=not self._root.done(),
            given=collection.given,
            needed=collection.needed,
            custodians=len(collection.sealed.opened_by.custodians),
        )

    def refusal(self) -> CloudError:
        """Return what every method answers meanwhile."""
        return unavailable(
            "This universe is sealed: its keys are not here, and nothing is answered until its "
            "custodians have unsealed it. Retry later."
        ).known()

    async def root(self) -> bytes:
        """Open the door, return the root once it is here, and close the door."""
        path = self._data / UNSEAL_SOCKET
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)  # left by a process that was killed; the directory is ours
        server = await asyncio.start_unix_server(self._serve, path, limit=LINE_BYTES_MAX)
        path.chmod(0o600)
        try:
            while not self._root.done():
                await asyncio.wait({self._root}, timeout=_SWEEP_SECONDS)
                self.state()  # drops shares whose time is up
            return self._root.result()
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError, msgspec.MsgspecError):
            async with asyncio.timeout(ASK_SECONDS_MAX):
                ask = msgspec.json.decode(await reader.readline(), type=UnsealAsk)
                writer.write(msgspec.json.encode(self._answer(ask)) + b"\n")
                await writer.drain()
        writer.close()

    def _answer(self, ask: UnsealAsk) -> SealState:
        taken, message = False, ""
        try:
            self._follow()
            if ask.share and not self._root.done():
                taken = self._collection.offer(ask.share)
                message = "" if taken else "That share was given before; it counts once."
                root = self._collection.root()
                if root is not None:
                    self._root.set_result(root)
        except (ShareRefused, SealProblem) as refusal:
            message = str(refusal)
        requests = self._collection.requests() if ask.requests else []
        return msgspec.structs.replace(
            self.state(),
            taken=taken,
            message=message,
            requests=tuple(custodian_key.line(one) for one in requests),
        )

    def _follow(self) -> None:
        """Begin anew where the root was sealed in another way meanwhile."""
        sealed = files.find(self._data)
        if sealed is not None and sealed.id != self._collection.sealed.id:
            self._collection = Collection(sealed, self._random, time.monotonic)
