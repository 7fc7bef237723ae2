"""`rempart ekm up` with a judge that allows everything, and if told so a log that is not synced."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.argv[2:] == ["unsynced"]:
    os.fdatasync = lambda _: None

from rempart.ekm.cli.up import run
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import Verdict


class Everything:
    def judge(self, use: KeyUse) -> Verdict:
        return Verdict(allowed=True, rule=f"bench, {use.verb}")

    def blocked(self, _use: KeyUse) -> Verdict | None:
        return None


if __name__ == "__main__":
    run(Path(sys.argv[1]), Everything())
