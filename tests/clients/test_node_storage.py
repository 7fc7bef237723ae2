"""Google's own Node library of Cloud Storage."""

from __future__ import annotations

import json
from pathlib import Path

from support.universe import Universe, program

HERE = Path(__file__).parent


def test_a_node_program_does_its_daily_work(
    universe: Universe, node_packages: Path, name: str, tmp_path: Path
) -> None:
    script, env = HERE / "storage.mjs", {"NODE_CLIENTS": str(node_packages)}
    done = universe.run(program("node"), script, name, tmp_path, env=env)
    assert json.loads(done.stdout) == {"done": True}
