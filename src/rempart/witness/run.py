"""Runs an open witness: its port and signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable

from rempart import durable
from rempart.core.address import Address
from rempart.standalone.http import Server
from rempart.witness.door import application
from rempart.witness.opened import Opened, tls
from rempart.witness.settings import SettingsProblem

NOTE_NAME = "run.json"
STOP_SECONDS_MAX = 10.0


async def serve(opened: Opened, on_ready: Callable[[Address], None]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    chosen = opened.settings
    keys = tuple(signer.key for signer in opened.signers)
    server = Server(application(opened.desk, keys), tls(opened.data, chosen))
    try:
        port = await _start(server, chosen.listen)
        ready = Address(chosen.listen.host, port)
        durable.replace(opened.data / NOTE_NAME, json.dumps({"listen": str(ready)}).encode())
        on_ready(ready)
        await stop.wait()
    finally:
        await server.stop(STOP_SECONDS_MAX)


async def _start(server: Server, at: Address) -> int:
    try:
        return await server.start(at.host, at.port)
    except OSError as problem:
        raise SettingsProblem(
            f"listen is {at}, which cannot be had: {os.strerror(problem.errno or 0)}. End what is "
            f"there, or set another in witness.toml."
        ) from None
