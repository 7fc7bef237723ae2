"""Whether a port is free, and who has it if not."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from rempart.config import Address


class PortProblem(Exception):  # noqa: N818 - it is named for what it is
    """An address that cannot be listened on; the message says why and what to do."""


def claim(address: Address, flag: str) -> Address:
    """Return the address with a real port, or raise PortProblem if it is taken.

    The port is closed again: the doors open it themselves, with SO_REUSEPORT, under which a second
    universe on the same port would go unnoticed and get half of the requests.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of a universe that has just stopped linger; they must not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as problem:
            raise PortProblem(_reason(address, flag, problem)) from problem
        return Address(address.host, probe.getsockname()[1])


def claim_both(listen: Address, http: Address) -> tuple[Address, Address]:
    """Return both addresses as `claim` does, on two ports even where the kernel chooses them.

    Each port is closed again, so the kernel may hand out the same one twice.
    """
    first, second = claim(listen, "listen"), claim(http, "http")
    while first.port == second.port and 0 in {listen.port, http.port}:
        first, second = claim(listen, "listen"), claim(http, "http")
    return first, second


def answers(address: Address) -> bool:
    """Return whether something accepts connections there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - compared, not bound
    try:
        with socket.create_connection((host, address.port), timeout=2):
            return True
    except OSError:
        return False


def holder(port: int) -> str | None:
    """Return the process that listens on a TCP port, as `name (pid)`, where the kernel tells us."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        if inodes.intersection(_open_files(process)):
            with contextlib.suppress(OSError):
                name = (process / "comm").read_text(encoding="utf-8").strip()
                return f"{name} (pid {process.name})"
    return None


def _reason(address: Address, flag: str, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        owner = holder(address.port) or "another process"
        return (
            f"Port {address.port} is taken by {owner}. Stop it, or choose another port: "
            f"--{flag} {address.host}:{address.port + 1}"
        )
    if problem.errno == errno.EACCES:
        return (
            f"Port {address.port} is for root only. Choose one above 1023 with --{flag}, or allow "
            f"it: sysctl net.ipv4.ip_unprivileged_port_start={address.port}"
        )
    return f"--{flag} {address}: {problem.strerror}. Give an address of this machine."


def _open_files(process: Path) -> set[str]:
    found = set()
    # Processes end, files close, and those of other users are not ours to see: all is normal here.
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            listening = fields[3] == "0A"
            if listening and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
