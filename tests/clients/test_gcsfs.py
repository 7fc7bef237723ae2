"""`gcsfs`, under the data libraries that read `gs://` by name."""

from __future__ import annotations

import sys
from pathlib import Path

from support.universe import Universe, contents

PROGRAM = Path(__file__).with_name("gcsfs_program.py")


def test_a_data_program_does_its_daily_work(
    universe: Universe, bucket: str, tree: Path, tmp_path: Path
) -> None:
    universe.run(sys.executable, PROGRAM, bucket, tree, tmp_path / "down")
    assert contents(tmp_path / "down") == contents(tree)
