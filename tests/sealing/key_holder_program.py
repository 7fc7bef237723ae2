"""`rempart ekm up` with a judge that lets a universe unseal itself, until a file says no."""

from __future__ import annotations

import sys
from pathlib import Path

from rempart.ekm.cli.up import run
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import Verdict

REFUSAL = "the key holder said no"


class Unsealing:
    def __init__(self, no: Path) -> None:
        self._no = no

    def judge(self, use: KeyUse) -> Verdict:
        if self._no.exists():
            return Verdict(allowed=False, rule="no", message=REFUSAL)
        asked = (use.issuer, use.project, use.operation, use.reason)
        expected = (
            "https://accounts.seal.apis.rempart.test",
            "1",
            "rempart.universes.unseal",
            "GOOGLE_INITIATED_SYSTEM_OPERATION",
        )
        return Verdict(allowed=asked == expected, rule="unseal", message="not an unsealing")


if __name__ == "__main__":
    data = Path(sys.argv[1])
    run(data, lambda _: Unsealing(data.parent / "no"))
