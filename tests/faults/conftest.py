"""How much of the harness runs: a sample at every test run, all of it with REMPART_FAULTS=full."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults import cloud, kills


@dataclass(frozen=True, slots=True)
class Scale:
    """How many of what, and the seed that a sample is drawn with."""

    full: bool
    seed: int
    operations: int = 30

    @property
    def points(self) -> int:
        return 5_000 if self.full else 90

    @property
    def states(self) -> int:
        return int(os.environ.get("REMPART_FAULT_STATES", "100000")) if self.full else 100

    @property
    def syncs(self) -> int:
        return 1_000 if self.full else 10

    @property
    def kills(self) -> int:
        return 200 if self.full else 10


@pytest.fixture(scope="session")
def scale() -> Scale:
    seed = int(os.environ.get("REMPART_SEED", str(int(time.time()) % 100_000)))
    chosen = Scale(os.environ.get("REMPART_FAULTS", "") in {"full", "all"}, seed)
    print(f"\nREMPART_SEED={seed} repeats this run")  # noqa: T201 - a failure needs it
    return chosen


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a universe as it is after its first start, to be copied."""
    data = tmp_path_factory.mktemp("template") / "data"
    cloud.found(data)
    return data


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = kills.compiled(tmp_path_factory.mktemp("shim"))
    if library is None:
        pytest.skip("no C compiler: apt-get install gcc")
    return library
