"""One universe for all clients; each test has buckets of its own."""

from __future__ import annotations

import gc
import os
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.npm import installed
from support.universe import Universe, created, universe

__all__ = ["universe"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="session")
def admin(universe: Universe) -> Iterator[httpx.Client]:
    """Return plain HTTP over TLS, as the administrator."""
    with universe.caller(universe.token()) as caller:
        yield caller


@pytest.fixture
def name() -> str:
    """Return a bucket name that nobody has used."""
    return f"t-{uuid.uuid4().hex[:16]}"


@pytest.fixture
def bucket(admin: httpx.Client, universe: Universe, name: str) -> str:
    """Return a new bucket with uniform access."""
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    return created(admin, universe, name, uniform)


@pytest.fixture
def fine_bucket(admin: httpx.Client, universe: Universe, name: str) -> str:
    """Return a new bucket with access-control lists."""
    return created(admin, universe, name)


@pytest.fixture(scope="module")
def shell(universe: Universe) -> Iterator[Universe]:
    """Give this process the environment of a shell that has evaluated `rempart env`."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(before | universe.env)
    yield universe
    os.environ.clear()
    os.environ.update(before)
    with warnings.catch_warnings():
        # Connections that a library left open must not be found by a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def node_packages(pytestconfig: pytest.Config) -> Path:
    """Return the folder that holds the Node libraries; npm installs them on first use."""
    return installed(HERE / "package.json", pytestconfig)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a small tree of files: sizes around the clients' thresholds, and names that bite."""
    root = tmp_path / "tree"
    files = {
        "a.txt": b"first\n",
        "empty": b"",
        "with space/plus+and%41.txt": b"percent\n",
        "deep/er/est/file.bin": bytes(range(256)) * 1025,
        "deep/sister.txt": b"x" * 70_000,
        "café/naïve-\u6f22\u5b57.txt": "unicode \u2713\n".encode(),
    }
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root
