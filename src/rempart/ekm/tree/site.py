"""The public face of the log, for anybody: `/log/…` on the manager's port.

Its files are those of C2SP tlog-tiles, where an entry is a salted commitment to a line; a proof is
one of C2SP tlog-proof. Nothing here says what any line holds.
"""

from __future__ import annotations

import asyncio

from rempart.core.errors import CloudError, not_found, unavailable, unimplemented
from rempart.cosigners.notary import Notary
from rempart.ekm.admin.actions import Document
from rempart.ekm.door.errors import Reply, rendered
from rempart.ekm.door.requests import Incoming
from rempart.ekm.tree.files import TreeFiles
from rempart.ekm.tree.sequencer import Sequencer
from rempart.tlog.checking import check_inclusion
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.note import Note
from rempart.tlog.proof import LogProof
from rempart.tlog.proving import plan_inclusion
from rempart.tlog.text import decimal
from rempart.tlog.tiles import parse_path, tile_width
from rempart.tlog.tree import leaf_hash

PREFIX = "/log/"
STATE_PATH = f"{PREFIX}witnesses"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


class LogSite:
    """Answers with files of the log."""

    def __init__(self, files: TreeFiles, notary: Notary, sequencer: Sequencer) -> None:
        self._files = files
        self._notary = notary
        self._sequencer = sequencer

    async def answer(self, incoming: Incoming) -> Reply:
        """Return a file, or the refusal."""
        try:
            if incoming.method != "GET":
                raise unimplemented(f"{incoming.method} {PREFIX}")
            return await self._file(incoming.path.removeprefix(PREFIX))
        except CloudError as problem:
            return rendered(problem)
        except (Malformed, Refuted) as problem:
            return rendered(not_found(str(problem)))

    async def _file(self, path: str) -> Reply:
        match path.partition("/"):
            case "checkpoint", "", "":
                return Reply(200, {}, (), self._published()[0].encode(), TEXT)
            case "key", "", "":
                return Reply(200, {}, (), f"{self._notary.key.text}\n".encode(), TEXT)
            case "policy", "", "":
                return Reply(200, {}, (), self._notary.policy.encode(), TEXT)
            case "witnesses", "", "":
                return Reply(200, self.state())
            case "tile", "/", _:
                return Reply(200, {}, (), await self._tile(path), BYTES)
            case "proof", "/", index:
                return Reply(200, {}, (), await self._proof(decimal(index)), TEXT)
            case _:
                words = "The log has checkpoint, key, policy, witnesses, tile/… and proof/INDEX."
                raise not_found(words)

    def state(self) -> Document:
        """Return how the log stands with its witnesses."""
        quorum, published = self._notary.quorum, self._sequencer.published
        return {
            "log": self._notary.origin,
            "size": self._sequencer.size,
            "publishedSize": published[1].size if published else 0,
            "lacking": self._notary.lacking,
            "alarm": self._sequencer.alarm,
            "witnesses": [
                {
                    "name": one.name,
                    "url": one.url,
                    "fault": one.fault,
                    "message": one.message,
                    "size": one.size,
                }
                for one in (quorum.states if quorum else ())
            ],
        }

    async def _tile(self, path: str) -> bytes:
        tile = parse_path(path)
        _, seen = self._published()
        if tile.width > tile_width(tile.level, tile.index, seen.size):
            raise not_found(self._waiting("The published log is not that long yet."))
        return await asyncio.to_thread(self._files.file, tile)

    async def _proof(self, index: int) -> bytes:
        note, seen = self._published()
        if index >= seen.size:
            raise not_found(self._waiting("No published checkpoint covers that entry yet."))
        plan = plan_inclusion(index, seen.size)
        hashes = await asyncio.to_thread(self._files.proof, plan, seen.size)
        (leaf,) = self._files.entries(index, 1)
        check_inclusion(index, seen.size, leaf_hash(leaf), hashes, seen.root)
        return LogProof(index, hashes, note).encode()

    def _published(self) -> tuple[Note, Checkpoint]:
        if self._sequencer.stopped:
            raise unavailable(self._sequencer.stopped)
        if self._sequencer.published is None:
            raise unavailable(self._waiting("The log has no published checkpoint yet."))
        return self._sequencer.published

    def _waiting(self, message: str) -> str:
        """Return a refusal with what a newer checkpoint waits for."""
        return f"{message} {self._notary.lacking}".rstrip()
