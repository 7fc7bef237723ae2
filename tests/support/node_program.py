"""Programs for Node.js beside the universe: told their settings, and heard when they are ready."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from support.universe import program


def listening(
    script: Path, settings: dict[str, Any], inside: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    """Run a script and return once it listens; `inside` leads into other namespaces."""
    process = subprocess.Popen(
        [*inside, program("node"), str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(settings).encode())
    process.stdin.close()
    for line in process.stdout:
        if line.strip() == b"listening":
            return process
    raise AssertionError(f"{script.name} did not start")


def ended(process: subprocess.Popen[bytes] | None) -> None:
    """End a program, if it runs."""
    if process is not None:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
