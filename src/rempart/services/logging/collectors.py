"""Sends to syslog servers that the operator named: over TLS, or plain TCP where it says so.

Syslog has no answers. A delivery counts once the server has closed its side after ours was closed:
by then it has read everything.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from rempart.core.address import Address
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.syslog import framed

SECONDS_MAX = 30.0
_READ_BYTES = 4096


class Undelivered(Exception):  # noqa: N818 - it is named for what it is
    """Entries that a destination has not taken; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A syslog server: where it is, and whose certificates it may have; None for plain TCP."""

    address: Address
    tls: ssl.SSLContext | None


async def send(server: Server, entries: Sequence[Entry], host: str) -> None:
    """Return once a server has read all entries; raises `Undelivered`."""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await _send(server, entries, host)
    except (OSError, TimeoutError) as problem:
        said = str(problem) or "it took too long"
        raise Undelivered(f"The syslog server {server.address}: {said}") from problem


async def _send(server: Server, entries: Sequence[Entry], host: str) -> None:
    named = server.address.host
    reader, writer = await asyncio.open_connection(
        named,
        server.address.port,
        ssl=server.tls,
        server_hostname=named if server.tls else None,
        ssl_shutdown_timeout=SECONDS_MAX if server.tls else None,
    )
    try:
        for one in entries:
            writer.write(framed(one, host))
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            while await reader.read(_READ_BYTES):
                pass
    finally:
        writer.close()
    await writer.wait_closed()
