"""Runs in gcloud's own Python: imports gcloud once, and forks a process for each command.

gcloud's launcher starts this in place of `lib/gcloud.py`, whose path comes first, so that Python,
paths and variables are as the launcher chooses. Each command then runs in a process of its own,
with the words, variables, folder and files that were sent; only its imports were done before it.
What a command had to import, the next one finds done. So does it with a service account's private
key: to check the primes of one takes longer than all else, and each command does it twice.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import socket
import sys
import tempfile
from functools import wraps
from typing import Any, BinaryIO

MESSAGE_BYTES_MAX = 1 << 18
LAUNCHER_SETS = ("CLOUDSDK_", "PYTHONIOENCODING")


def main() -> None:
    if "-S" in sys.argv:  # The launcher wants it, and put it behind this file's name.
        kept = [word for word in sys.argv if word != "-S"]
        os.execv(sys.executable, [sys.executable, "-S", *kept])
    program, asked = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    set_by_launcher = {
        name: value for name, value in os.environ.items() if name.startswith(LAUNCHER_SETS)
    } | {"CLOUDSDK_PYTHON_ARGS": "-S" if sys.flags.no_site else ""}
    gcloud = _imported(program)
    asked.send(b"ready")
    while True:
        content, files, *_ = socket.recv_fds(asked, MESSAGE_BYTES_MAX, 3)
        if not content:
            return
        command = json.loads(content)
        command["words"].insert(0, program)
        command["env"] |= set_by_launcher
        asked.send(str(_run(gcloud, command, files)).encode())


def _imported(program: str) -> Any:
    """Import gcloud as `lib/gcloud.py` does when it is run."""
    sys.path[0] = os.path.dirname(program)  # noqa: PTH120 - what Python itself puts there
    gcloud = importlib.import_module("gcloud")
    sys.path = gcloud.reorder_sys_path(sys.path)
    gcloud._fix_google_module()
    gcloud._import_gcloud_main()
    serialization: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
    serialization.load_pem_private_key = _remembering(serialization.load_pem_private_key)
    return gcloud


_checked: dict[str, Any] = {}
"""Private keys that some command has loaded, by their PEM."""


def _remembering(load: Any) -> Any:
    @wraps(load)
    def loaded(data: bytes, password: bytes | None = None, *rest: Any, **more: Any) -> Any:
        pem = bytes(data).decode()
        if password is not None:
            return load(data, password, *rest, **more)
        if pem not in _checked:
            _checked[pem] = load(data, None, *rest, **more)
        return _checked[pem]

    return loaded


def _learn(learned: BinaryIO) -> None:
    """Do once, here, what the command that ended had to do."""
    learned.seek(0)
    modules, keys = json.load(learned)
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    serialization = sys.modules["cryptography.hazmat.primitives.serialization"]
    for pem in keys:
        serialization.load_pem_private_key(pem.encode(), None)


def _run(gcloud: Any, command: dict[str, Any], files: list[int]) -> int:
    """Run one command in a process of its own and return its exit code."""
    gc.freeze()
    with tempfile.TemporaryFile() as learned:
        child = os.fork()
        if child == 0:
            _become(gcloud, command, files, learned)
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        if learned.tell():
            _learn(learned)
    return os.waitstatus_to_exitcode(status)


def _become(gcloud: Any, command: dict[str, Any], files: list[int], learned: BinaryIO) -> None:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(command["env"])
    os.chdir(command["cwd"])
    sys.argv = command["words"]
    _forget_configuration()
    modules, keys = set(sys.modules), set(_checked)
    try:
        gcloud.main()
    finally:
        new = [*set(sys.modules) - modules], [*set(_checked) - keys]
        learned.write(json.dumps(new).encode())
        learned.flush()
    sys.exit()


def _forget_configuration() -> None:
    """Forget what an import read of another user's configuration."""
    configurations = sys.modules.get("googlecloudsdk.core.configurations.named_configs")
    if configurations is not None:
        configurations.ActivePropertiesFile.Invalidate()


if __name__ == "__main__":
    main()
