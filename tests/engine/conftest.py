"""Stores to test: one embedded, one on a PostgreSQL server that the session starts."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.stores import EmbeddedStore, PostgresStore, Server, Store, find_binaries
from rempart.engine.seam import Engine


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server programs are not installed (apt-get install postgresql)")
    # Not below pytest's directory: a socket's path has at most 107 bytes, and root's is closed.
    directory = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(directory, account.pw_uid, account.pw_gid)
    server = Server(directory, binaries)
    initdb = str(binaries / "initdb")
    server.run(initdb, "-D", str(directory / "data"), "-A", "trust", "-U", "postgres", "-N")
    server.start()
    yield server
    server.control("stop", "-m", "immediate")
    shutil.rmtree(directory)


@pytest.fixture(params=["embedded", "distributed"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    if request.param == "embedded":
        made = EmbeddedStore(tmp_path)
    else:
        made = PostgresStore(request.getfixturevalue("postgres").create(), tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def engine(store: Store) -> Engine:
    return await store.open()
