"""The verifier by itself loads the public formats and nothing of the cloud."""

from __future__ import annotations

import subprocess
import sys

ALLOWED = ("rempart.verifier", "rempart.tlog")
FOUNDATION = {"rempart", "rempart.core", "rempart.core.errors"}
"""Exceptions of the house, which the formats raise where they are called wrongly."""


def test_it_loads_the_formats_alone() -> None:
    program = "import rempart.verifier.__main__, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = {it for it in done.stdout.decode().split() if it.partition(".")[0] == "rempart"}
    assert loaded >= {"rempart.verifier.checks", "rempart.tlog.tree"}
    assert {it for it in loaded if not it.startswith(ALLOWED)} <= FOUNDATION
