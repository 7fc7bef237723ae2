"""A rekey that is killed at each of its changes: the old way opens, or the new one, never none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import kills
from rempart.core.clock import system_random
from rempart.trust.custody.sealing import files
from sealing.stand import Stand, command, root_in, threshold, words_in

pytestmark = pytest.mark.faults

HERE = Path(__file__).parent
CHANGES_MAX = 60


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = kills.compiled(tmp_path_factory.mktemp("shim"))
    if library is None:
        pytest.skip("a C compiler is needed")
    return library


@pytest.mark.parametrize("before", ["custodians", "file"])
@pytest.mark.parametrize("after", ["custodians:3/4", "file"])
def test_a_rekey_killed_anywhere_leaves_one_way_that_opens(
    tmp_path: Path, shim: Path, before: str, after: str
) -> None:
    if before == after:
        return
    stand = Stand.create(tmp_path)
    root = root_in(stand.data, stand.words)
    if before == "file":
        opened = tuple(stand.words[:2])
        assert command("rekey", "--data", stand.data, "--to", "file", lines=opened).returncode == 0
    ended = []
    for number, data, new in attempts(tmp_path, stand.data):
        ended.append(_rekey(shim, number, data, new, after, stand.words))
        assert _opens(data, stand.words, new) == root, f"killed at change {number}"
        if ended[-1] == 0:
            break
    assert ended[-1] == 0
    assert len(ended) > 4
    assert set(ended[:-1]) == {-signal.SIGKILL}


def attempts(place: Path, template: Path) -> Iterator[tuple[int, Path, Path]]:
    for number in range(1, CHANGES_MAX):
        data = place / f"copy-{number}"
        shutil.copytree(template, data)
        yield number, data, place / f"new-{number}"


def _rekey(shim: Path, number: int, data: Path, new: Path, after: str, words: list[str]) -> int:
    shares_to = ["--shares-to", str(new)] if after != "file" else []
    words_of_rekey = ["rekey", "--data", str(data), "--to", after, *shares_to]
    done = subprocess.run(
        [sys.executable, HERE / "killed.py", data, str(number), *words_of_rekey],
        input="".join(f"{line}\n" for line in words[:2]),
        env=os.environ | {"LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode


def _opens(data: Path, old: list[str], new: Path) -> bytes:
    """Return the root as whoever has the old and the new shares gets it at the next start."""
    files.settle(data, system_random)
    sealed = files.find(data)
    if sealed is None:
        return (data / "root.key").read_bytes()
    assert not (data / "root.key").exists()
    if threshold(sealed) == 2:
        return root_in(data, old)
    return root_in(data, words_in(new))
