"""A syslog server in the test's own loop, which reads messages by their length."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_HEAD = re.compile(rb"(\d+) ")


@dataclass
class SyslogServer:
    """What came, message by message; `dies_after` bytes of a connection it drops it, once."""

    messages: list[str] = field(default_factory=list)
    dies_after: int = 0
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dies_after:
            await reader.readexactly(self.dies_after)
            self.dies_after = 0
            writer.transport.abort()
            return
        content = await reader.read()
        while found := _HEAD.match(content):
            end = found.end() + int(found[1])
            assert end <= len(content), "a message is whole"
            self.messages.append(content[found.end() : end].decode("ascii"))
            content = content[end:]
        assert not content, "nothing is between messages"
        writer.close()


@asynccontextmanager
async def syslog_server(
    server: SyslogServer, tls: ssl.SSLContext | None = None
) -> AsyncIterator[SyslogServer]:
    """Listen, at the port of before if there was one."""
    listening = await asyncio.start_server(server.answer, "127.0.0.1", server.port, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
