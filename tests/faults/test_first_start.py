"""A first start that is killed anywhere: the next one makes a whole universe, or finds it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from faults.conftest import Scale
from support.universe import REMPART

pytestmark = pytest.mark.faults

CREATION_SECONDS = 0.5
READY_SECONDS_MAX = 30


def test_a_first_start_that_was_killed_is_made_good_by_the_next(
    tmp_path: Path, scale: Scale
) -> None:
    chance = random.Random(scale.seed)
    halves = 0
    for number in range(scale.kills // 2):
        data = tmp_path / f"data-{number}"
        _kill_in_creation(data, chance.uniform(0, CREATION_SECONDS))
        halves += not (data / "rempart.toml").exists()
        _starts_and_stops(data)
        verified = subprocess.run(
            [REMPART, "verify", "--data", str(data)], capture_output=True, check=False
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
    assert halves > 0


def _up(data: Path) -> subprocess.Popen[bytes]:
    ports = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    return subprocess.Popen(
        [REMPART, "up", "--data", str(data), *ports],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(data.parent)},
    )


def _kill_in_creation(data: Path, seconds: float) -> None:
    process = _up(data)
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not data.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(seconds)
    process.kill()
    process.communicate()


def _starts_and_stops(data: Path) -> None:
    (data / "run.json").unlink(missing_ok=True)
    process = _up(data)
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not (data / "run.json").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=READY_SECONDS_MAX)
    assert process.returncode == 0, errors
