"""Runs a command with a PostgreSQL server of its own, named in REMPART_TEST_ENGINE.

python -m support.with_postgresql pytest tests/clients
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.stores import Server, find_binaries


def main() -> int:
    binaries = find_binaries()
    if binaries is None:
        sys.stderr.write("skipped on PostgreSQL: its server programs are not installed\n")
        return 0
    # In /tmp itself: a socket's path has 107 bytes at most, and root's directories are closed.
    directory = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(directory, account.pw_uid, account.pw_gid)
    server = Server(directory, binaries)
    initdb = str(binaries / "initdb")
    server.run(initdb, "-D", str(directory / "data"), "-A", "trust", "-U", "postgres", "-N")
    server.start()
    url = f"postgresql://postgres@/postgres?host={directory}"
    try:
        environment = os.environ | {"REMPART_TEST_ENGINE": url}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    finally:
        server.control("stop", "-m", "immediate")
        shutil.rmtree(directory)


if __name__ == "__main__":
    raise SystemExit(main())
