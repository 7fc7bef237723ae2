"""A server killed while entries are written, audit logs are made and a syslog server is told."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from faults.conftest import Scale
from support.syslog_server import SyslogServer, syslog_server
from support.universe import Universe

pytestmark = pytest.mark.faults

LOG = "killed"
AUDIT = 'log_id("cloudaudit.googleapis.com/data_access")'
BATCH = 20
WAIT_SECONDS_MAX = 60


class Writer:
    """Writes entries, one after the other, and remembers those that were acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self._next = 0

    async def run(self, http: httpx.AsyncClient, container: str) -> None:
        """Write and read until the server is gone."""
        try:
            while True:
                texts = [f"entry {self._next + at}" for at in range(BATCH)]
                self._next += BATCH
                given = {"logName": f"{container}/logs/{LOG}", "resource": {"type": "global"}}
                entries = [{"textPayload": text, "insertId": text} for text in texts]
                answer = await http.post(
                    "/logging/v2/entries:write", json={**given, "entries": entries}
                )
                if answer.status_code == 200:
                    self.acknowledged += texts
                await found(http, container, "protoPayload.methodName:write", pageSize=1)
        except httpx.TransportError:
            return


async def found(
    http: httpx.AsyncClient, container: str, filter_: str, **more: Any
) -> list[dict[str, Any]]:
    """Return the entries of all pages."""
    asked = {"resourceNames": [container], "filter": filter_, "pageSize": 1000, **more}
    entries: list[dict[str, Any]] = []
    while True:
        answer = (await http.post("/logging/v2/entries:list", json=asked)).json()
        entries += answer.get("entries", [])
        if "nextPageToken" not in answer or more:
            return entries
        asked["pageToken"] = answer["nextPageToken"]


def client(universe: Universe) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {universe.token()}"}
    return httpx.AsyncClient(
        base_url=universe.plain_url, headers=headers, trust_env=False, timeout=20
    )


async def test_a_server_killed_while_it_logs_loses_and_repeats_nothing(
    tmp_path: Path, scale: Scale
) -> None:
    universe = await asyncio.to_thread(Universe.create, tmp_path / "data")
    container, chance, writer = f"projects/{universe.project}", random.Random(scale.seed), Writer()
    async with syslog_server(SyslogServer()) as server:
        try:
            await lead_to(universe, server)
            for _ in range(max(3, scale.kills // 4)):
                async with client(universe) as http:
                    writing = asyncio.create_task(writer.run(http, container))
                    await asyncio.sleep(chance.uniform(0.2, 0.8))
                    await asyncio.to_thread(universe.kill)
                    await writing
                await asyncio.to_thread(universe.start)
            async with client(universe) as http:
                kept = await found(http, container, f'log_id("{LOG}")')
                audit = await found(
                    http, container, 'log_id("cloudaudit.googleapis.com/data_access")'
                )
            await arrived(server, len(kept))
        finally:
            universe.terminate()
    texts = Counter(one["textPayload"] for one in kept)
    assert writer.acknowledged
    assert set(writer.acknowledged) <= texts.keys()
    assert set(texts.values()) == {1}
    assert told(server) == texts.keys()
    assert set(Counter(one["labels"]["rempart.io/log-index"] for one in audit).values()) == {1}


def told(server: SyslogServer) -> set[str]:
    """Return the texts of what a syslog server was told, once or more often."""
    return {json.loads("{" + one.partition("{")[2])["textPayload"] for one in server.messages}


async def arrived(server: SyslogServer, count: int) -> None:
    for _ in range(WAIT_SECONDS_MAX * 10):
        if len(told(server)) >= count:
            return
        await asyncio.sleep(0.1)


async def lead_to(universe: Universe, server: SyslogServer) -> None:
    """Let the operator name a syslog server, and make a sink that leads there."""
    await asyncio.to_thread(universe.terminate)
    named = (
        f'\n[syslog.siem]\naddress = "127.0.0.1:{server.port}"\nplain = true\n'
        f'from = ["projects/{universe.project}"]\n'
    )
    with (universe.data / "rempart.toml").open("a") as settings:
        settings.write(named)
    await asyncio.to_thread(universe.start)
    async with client(universe) as http:
        sink = {"name": "siem", "destination": "syslog.rempart.io/siem"}
        answer = await http.post(
            f"/logging/v2/projects/{universe.project}/sinks",
            json={**sink, "filter": f'log_id("{LOG}")'},
        )
        assert answer.status_code == 200, answer.text
