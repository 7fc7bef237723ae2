"""How a command reaches the manager that runs: one line of JSON each way, over a unix socket.

The socket is in the data directory (mode 0700), so that whoever reaches it could read the directory
as well. It is found through a descriptor of the directory, because a socket's path may have 107
bytes only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from rempart.core.errors import CloudError, Code, unavailable
from rempart.core.limits import MIB
from rempart.ekm.admin.actions import Document
from rempart.ekm.door.errors import internal

NAME = "admin.sock"
LINE_BYTES_MAX = 4 * MIB
SECONDS_MAX = 60.0
_CREDENTIALS = struct.Struct("3i")

Perform = Callable[[str, Document, str], Awaitable[Document]]


async def serve(data: Path, perform: Perform) -> asyncio.Server:
    """Listen for commands."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(SECONDS_MAX):
                line = await reader.readuntil(b"\n")
                answer = await _answer(perform, line, _who(writer))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    (data / NAME).unlink(missing_ok=True)
    with _reachable(data) as path:
        server = await asyncio.start_unix_server(on_connection, path, limit=LINE_BYTES_MAX)
    (data / NAME).chmod(0o600)
    return server


def call(data: Path, action: str, arguments: Document) -> Document:
    """Have the running manager do something; raises CloudError."""
    request = json.dumps({"action": action, "arguments": arguments}).encode() + b"\n"
    try:
        with _reachable(data) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(SECONDS_MAX)
            peer.connect(path)
            peer.sendall(request)
            with peer.makefile("rb") as file:
                answer = json.loads(file.readline(LINE_BYTES_MAX))
    except (OSError, ValueError) as problem:
        raise unavailable("The manager runs and does not answer; it may be starting.") from problem
    if "error" in answer:
        error = answer["error"]
        raise CloudError(Code[error["code"]], error["message"], reason="refused")
    result: Document = answer["result"]
    return result


async def _answer(perform: Perform, line: bytes, who: str) -> Document:
    try:
        asked = json.loads(line)
        return {"result": await asyncio.shield(perform(asked["action"], asked["arguments"], who))}
    except CloudError as problem:
        return _error(problem.code, problem.message)
    except Exception as problem:  # noqa: BLE001 - the edge: the manager must not end with it
        told = internal(problem)
        return _error(told.code, told.message)


def _error(code: Code, message: str) -> Document:
    return {"error": {"code": code.name, "message": message}}


def _who(writer: asyncio.StreamWriter) -> str:
    peer: socket.socket = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return f"uid {_CREDENTIALS.unpack(raw)[1]}"


@contextlib.contextmanager
def _reachable(data: Path) -> Iterator[str]:
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
