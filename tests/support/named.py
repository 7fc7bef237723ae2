"""A universe that is reached by its own names alone, as `rempart env --universe` prepares it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from support.namespaces import namespaces
from support.universe import REMPART, Universe, program

HTTPS, HTTP = 443, 8080


@contextlib.contextmanager
def named_universe(home: Path) -> Iterator[Universe]:
    """Give a universe in namespaces of its own."""
    with namespaces() as inside:
        universe = Universe(home / "data", HTTPS, HTTP, inside=inside)
        universe.start()
        try:
            universe.furnish()
            told = universe.run(REMPART, "env", "--universe", "--data", universe.data).stdout
            assert "--listen" not in told, "the port is right and needs no advice"
            hosts = [x.removeprefix("# ") for x in told.splitlines() if x.startswith("# 127.")]
            hosts.append("127.0.0.1 localhost")
            (home / "hosts").write_text("\n".join(hosts) + "\n")
            universe.run(program("mount"), "--bind", home / "hosts", "/etc/hosts")
            yield universe
        finally:
            universe.terminate()
