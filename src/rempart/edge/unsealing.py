"""The door through which a sealed universe gets its root back: a unix socket in `DIR/run`.

Only programs of the same user reach it (directory 0700, socket 0600). One line of JSON each way
(`UnsealAsk`, `SealState`); what one custodian gave is told to nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path

import msgspec

from rempart.core.clock import Random
from rempart.core.errors import CloudError, unavailable
from rempart.trust.custody.keyring import RootKeyProblem
from rempart.trust.custody.sealing import custodian_key, files
from rempart.trust.custody.sealing.collection import Collection
from rempart.trust.custody.sealing.document import HeldKey, SealedRoot, SealProblem
from rempart.trust.custody.sealing.door import (
    LINE_BYTES_MAX,
    UNSEAL_SOCKET,
    SealState,
    UnsealAsk,
)
from rempart.trust.custody.sealing.elsewhere import holder
from rempart.trust.custody.sealing.seam import Elsewhere
from rempart.trust.custody.sealing.shares import ShareRefused

ASK_SECONDS_MAX = 30.0
RETRY_SECONDS = 0.5
RETRY_SECONDS_MAX = 15.0
"""How often a holder is asked that is away or does not agree: at first, and later on."""

_LOG = logging.getLogger("rempart.edge")


class Unsealing:
    """Collects what opens a sealed root, or asks the holder of the key that does."""

    def __init__(
        self, data: Path, sealed: SealedRoot, elsewhere: Elsewhere, random: Random
    ) -> None:
        self._data = data
        self._random = random
        self._elsewhere = elsewhere
        self._reason = ""
        self._root: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._begin(sealed)

    def _begin(self, sealed: SealedRoot) -> None:
        held = isinstance(sealed.opened_by, HeldKey)
        self._sealed = sealed
        self._collection = None if held else Collection(sealed, self._random, time.monotonic)

    def state(self) -> SealState:
        """Return how many shares are here and how many it takes, or who is asked."""
        collection, by = self._collection, self._sealed.opened_by
        return SealState(
            sealed=not self._root.done(),
            given=collection.given if collection else 0,
            needed=collection.needed if collection else 0,
            custodians=collection.custodians if collection else 0,
            message=self._reason,
            holder=holder(by) if isinstance(by, HeldKey) else "",
        )

    def refusal(self) -> CloudError:
        """Return what every method answers meanwhile."""
        return unavailable(
            "This universe is sealed: its keys are not here, and nothing is answered until who "
            "holds them has unsealed it. Retry later."
        ).known()

    async def root(self) -> bytes:
        """Open the door, return the root once it is here, and close the door."""
        path = self._data / UNSEAL_SOCKET
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)  # left by a process that was killed; the directory is ours
        server = await asyncio.start_unix_server(self._serve, path, limit=LINE_BYTES_MAX)
        path.chmod(0o600)
        try:
            await self._wait()
            return self._root.result()
        finally:
            server.close()
            path.unlink(missing_ok=True)
            await self._elsewhere.close()

    async def _wait(self) -> None:
        pause = RETRY_SECONDS
        while not self._root.done():
            self._follow()
            if self._collection is None:
                await self._ask_holder()
            self.state()  # drops shares whose time is up
            if not self._root.done():
                await asyncio.wait({self._root}, timeout=pause)
            pause = min(2 * pause, RETRY_SECONDS_MAX)

    async def _ask_holder(self) -> None:
        by = self._sealed.opened_by
        if not isinstance(by, HeldKey):
            return
        try:
            root = await self._elsewhere.unseal(self._sealed, by)
        except (CloudError, SealProblem, RootKeyProblem) as problem:
            reason = problem.message if isinstance(problem, CloudError) else str(problem)
            if reason != self._reason:
                _LOG.warning("The universe stays sealed: %s", reason)
            self._reason = reason
        else:
            if not self._root.done():  # shares of a new sealing may have come meanwhile
                self._root.set_result(root)

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
                taken = self._take(ask.share)
                message = "" if taken else "That share was given before; it counts once."
        except (ShareRefused, SealProblem) as refusal:
            message = str(refusal)
        requests = self._collection.requests() if ask.requests and self._collection else []
        state = self.state()
        return msgspec.structs.replace(
            state,
            taken=taken,
            message=message or state.message,
            requests=tuple(custodian_key.line(one) for one in requests),
        )

    def _take(self, text: str) -> bool:
        if self._collection is None:
            raise ShareRefused("This universe is opened by a key elsewhere, not by shares.")
        taken = self._collection.offer(text)
        root = self._collection.root()
        if root is not None:
            self._root.set_result(root)
        return taken

    def _follow(self) -> None:
        """Begin anew where the root was sealed in another way meanwhile."""
        sealed = files.find(self._data)
        if sealed is not None and sealed.id != self._sealed.id:
            self._begin(sealed)
