"""Runs an open key holder: the HTTPS port, the status page, the administrators' socket, signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from rempart import durable
from rempart.core.address import Address
from rempart.core.errors import CloudError
from rempart.ekm import status
from rempart.ekm.admin import socket
from rempart.ekm.administration import door as officers
from rempart.ekm.door.errors import Reply, internal, not_recorded, rendered
from rempart.ekm.door.http import Handler, server
from rempart.ekm.door.requests import PATH_CHARS_MAX, Incoming
from rempart.ekm.door.status_page import StatusPage
from rempart.ekm.door.strangers import too_many
from rempart.ekm.opened import Opened
from rempart.ekm.record.journal import NotRecorded
from rempart.ekm.settings import SettingsProblem
from rempart.ekm.tree import site
from rempart.standalone import identity
from rempart.standalone.http import Server

NOTE_NAME = "run.json"
STOP_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the manager listens, now that it does."""

    listen: Address
    status: Address | None


async def serve(opened: Opened, on_ready: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP."""
    stop = _signals()
    door = server(_door(opened), identity.context(opened.data, opened.settings.client_authority))
    page = server(
        StatusPage(f"Key holder {opened.settings.host}", lambda: status.sections(opened)).answer,
        None,
    )
    commands: asyncio.Server | None = None
    sequencing: asyncio.Task[None] | None = None
    try:
        await _started(opened)
        await opened.office.resume()
        sequencing = asyncio.create_task(opened.transparency.sequencer.run(), name="log's tree")
        ready = await _listen(opened, door, page)
        commands = await socket.serve(opened.data, opened.command)
        _note(opened, ready)
        on_ready(ready)
        if opened.store.token is not None:
            await opened.store.token.look()
        await stop.wait()
    finally:
        if commands is not None:
            commands.close()
        await door.stop(STOP_SECONDS_MAX)
        await page.stop(0.0)
        if sequencing is not None:
            sequencing.cancel()
        await _stopped(opened)


async def _listen(opened: Opened, door: Server, page: Server) -> Ready:
    chosen = opened.settings
    port = await _start(door, chosen.listen, "listen")
    opened.callers.address(chosen.audience(port))
    if chosen.status is None:
        return Ready(Address(chosen.listen.host, port), None)
    shown = await _start(page, chosen.status, "status")
    return Ready(Address(chosen.listen.host, port), Address(chosen.status.host, shown))


async def _start(server: Server, at: Address, setting: str) -> int:
    try:
        return await server.start(at.host, at.port)
    except OSError as problem:
        raise SettingsProblem(
            f"{setting} is {at}, which cannot be had: {os.strerror(problem.errno or 0)}. End what "
            f"is there, or set another in ekm.toml."
        ) from None


def _door(opened: Opened) -> Handler:
    async def answer(incoming: Incoming) -> Reply:
        if incoming.path == "/healthz" and incoming.method == "GET":
            fenced = opened.journal.fenced
            return Reply(503 if fenced else 200, {"status": "fenced" if fenced else "ok"})
        if incoming.path.startswith(site.PREFIX):
            return await opened.transparency.site.answer(incoming)
        if incoming.path.startswith(officers.PREFIX):
            return await _officers(opened, incoming)
        return await opened.requests.answer(incoming)

    return answer


async def _officers(opened: Opened, incoming: Incoming) -> Reply:
    """Answer officers: what they say is signed, so nothing else says who they are.

    What is heard of them is recorded where it is heard, and what is refused here.
    """
    try:
        return Reply(
            200, await officers.answer(opened.office, incoming.method, incoming.path, incoming.body)
        )
    except CloudError as problem:
        refused = problem
    except Exception as problem:  # noqa: BLE001 - the edge: nothing of it may reach a caller
        refused = internal(problem)
    if not opened.requests.strangers.admit(incoming.remote):
        return rendered(too_many())
    try:
        await opened.record(
            "request",
            verb="officers",
            key=incoming.path[:PATH_CHARS_MAX],
            status=refused.status,
            cause=refused.message,
            remote=incoming.remote,
        )
    except CloudError:
        return rendered(not_recorded())
    return rendered(refused)


def _signals() -> asyncio.Event:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _started(opened: Opened) -> None:
    torn = opened.journal.torn
    detail = {"log": opened.transparency.key.text}
    if torn:
        detail["tornBytes"] = str(torn)
    await opened.record("start", generation=opened.store.holdings.generation, detail=detail)


def _note(opened: Opened, ready: Ready) -> None:
    content = {"listen": str(ready.listen), "status": str(ready.status or "")}
    durable.replace(opened.data / NOTE_NAME, json.dumps(content).encode())


async def _stopped(opened: Opened) -> None:
    try:
        await opened.requests.strangers.close()
        await opened.record("stop")
    except (CloudError, NotRecorded):
        pass  # fenced, which the log's end shows
    finally:
        await opened.close()
