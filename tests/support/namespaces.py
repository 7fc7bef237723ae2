"""Namespaces in which port 443 and /etc/hosts are a test's own, and no name server is asked."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

import pytest

from support.universe import program


@contextlib.contextmanager
def namespaces() -> Iterator[tuple[str, ...]]:
    """Make the namespaces and give the words that lead a command into them."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a network of its own")
    unshare, nsenter, ip = program("unshare"), program("nsenter"), program("ip")
    script = f"{ip} link set lo up && echo ready && exec cat"
    words = [unshare, "--net", "--mount", "/bin/sh", "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != "ready\n":
            pytest.skip(f"this machine makes no network namespace: {holder.stderr.read()}")
        # The holder ends with its standard input, which is closed on the way out.
        yield (nsenter, f"--target={holder.pid}", "--net", "--mount", "--")
