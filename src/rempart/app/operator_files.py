"""What the operator changes in files beside the data: each change is an entry of the log.

The files say whom the rules are about, which rights may meet, what the settings are. They are
looked at, not copied: an entry has a digest of each, so that a file that is shown later can be held
against it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from rempart.app.guards import DEVICE_AUTHORITIES, GEOGRAPHY
from rempart.config import FILE_NAME
from rempart.config.duties import FILE_NAME as DUTIES
from rempart.cosigners.quorum import POLICY_FILE
from rempart.cosigners.renewal import Renewal
from rempart.trust.custody.sealing.files import SEALED_ROOT
from rempart.trust.policy.sovereignty.guard import RULES_FILE
from rempart.trust.policy.sovereignty.staff import REGISTER_FILE
from rempart.trust.witness.recorder import Recorder

WATCHED = (
    *(FILE_NAME, DUTIES, RULES_FILE, REGISTER_FILE),
    *(GEOGRAPHY, DEVICE_AUTHORITIES, POLICY_FILE, SEALED_ROOT),
)
CHANGED = "rempart.universe.configure"
NONE = "none"


class OperatorFiles:
    """Looks at the files now and then, and has what changed on record.

    `policy` takes up the log's policy, which counts once it is on record.
    """

    def __init__(self, data: Path, recorder: Recorder, policy: Renewal | None = None) -> None:
        self._data = data
        self._recorder = recorder
        self._policy = policy
        self._seen: dict[str, tuple[tuple[int, ...], str]] = {}
        self._known: dict[str, str] = {}

    async def begin(self, method: str, facts: dict[str, str]) -> None:
        """Record an event with the SHA-256 of every file that is there."""
        self._known = await asyncio.to_thread(self._digests)
        await self._recorder.event(method, facts | self._known)

    async def run(self) -> None:
        """Record the files that changed since the last look; a file that went is `none`."""
        found = await asyncio.to_thread(self._digests)
        changed = {
            name: found.get(name, NONE)
            for name in WATCHED
            if found.get(name) != self._known.get(name)
        }
        if changed:
            await self._recorder.event(CHANGED, changed)
            self._known = found
        if self._policy is not None:
            await self._policy.run()

    def _digests(self) -> dict[str, str]:
        found = {}
        for name in WATCHED:
            try:
                found[name] = self._digest(name)
            except OSError:
                continue
        return found

    def _digest(self, name: str) -> str:
        """Return a file's digest; it is read again only where it was written since."""
        with (self._data / name).open("rb") as file:
            status = os.fstat(file.fileno())
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            seen = self._seen.get(name)
            if seen is None or seen[0] != stamp:
                seen = (stamp, hashlib.file_digest(file, "sha256").hexdigest())
                self._seen[name] = seen
        return seen[1]
