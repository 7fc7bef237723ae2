"""Takes up the operator's policy while the log goes on, when it or a certificate was written anew.

A policy that cannot be used leaves in force what was, as does one that is gone: a log whose
witnesses contradict it must not go on without them because a file was removed.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from rempart.cosigners.notary import Notary
from rempart.cosigners.quorum import CERTIFICATES, POLICY_FILE, BadPolicy, read_quorum

GONE = f"{POLICY_FILE} is gone; what it said holds until the next start."
_log = logging.getLogger(__name__)

Stamps = dict[str, tuple[int, int, int]]


class Renewal:
    """Looks at the files of one log's policy; a job to be run now and then."""

    def __init__(self, data: Path, notary: Notary) -> None:
        self._data = data
        self._notary = notary
        self._seen: Stamps | None = None

    async def run(self) -> None:
        """Take up what was written since the last look."""
        stamps = await asyncio.to_thread(_stamps, self._data)
        if stamps == self._seen:
            return
        problem = ""
        try:
            quorum = await asyncio.to_thread(read_quorum, self._data, self._notary.key)
            if quorum is not None and not quorum.same(self._notary.quorum):
                self._notary.take_up(quorum)
            elif quorum is None and self._notary.quorum is not None:
                problem = GONE
        except BadPolicy as found:
            problem = str(found)
        if problem:
            _log.error("The policy that was in force stays so: %s", problem)
        self._notary.policy_problem = problem
        self._seen = stamps


def _stamps(data: Path) -> Stamps:
    """Return what tells each of the files from what it was before."""
    certificates = data / CERTIFICATES
    names = [POLICY_FILE]
    if certificates.is_dir():
        names += sorted(f"{CERTIFICATES}/{path.name}" for path in certificates.iterdir())
    stamps = {}
    for name in names:
        try:
            status = (data / name).stat()
        except OSError:
            continue
        stamps[name] = (status.st_mtime_ns, status.st_ino, status.st_size)
    return stamps
