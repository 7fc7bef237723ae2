"""Cloud Logging of a universe in memory, asked through the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from rempart.config import SyslogServer
from rempart.core.call import MethodId
from support.cloud_storage import CONFIG, Cloud, resource

CONTAINER = "projects/lab:demo"


@dataclass
class Logs:
    """The logs of the project."""

    cloud: Cloud

    @classmethod
    async def start(cls, *syslog: SyslogServer) -> Logs:
        """Return a universe whose operator names some syslog servers."""
        return cls(await Cloud.start(config=replace(CONFIG, syslog=syslog)))

    async def ask(
        self,
        method: str,
        document: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        **path: str,
    ) -> dict[str, Any]:
        """Call a method and return its answer."""
        call = self.cloud.call("", query, path=path, document=document, verb="POST")
        call = msgspec.structs.replace(call, method=MethodId(f"logging.{method}"))
        return resource(await self.cloud.parts.gate.serve(call))

    async def sink(self, destination: str, filter_: str = "", name: str = "out") -> dict[str, Any]:
        """Make a sink of the project."""
        given = {"name": name, "destination": destination, "filter": filter_}
        return await self.ask("projects.sinks.create", given, parent=CONTAINER)

    async def write(self, *texts: str, log: str = "app") -> None:
        """Write entries with these texts."""
        entries = [{"textPayload": text} for text in texts]
        given = {"logName": f"{CONTAINER}/logs/{log}", "resource": {"type": "global"}}
        await self.ask("entries.write", {**given, "entries": entries})

    async def read(self, filter_: str) -> list[dict[str, Any]]:
        """Return the entries that a filter matches."""
        given = {"resourceNames": [CONTAINER], "filter": filter_, "pageSize": 1000}
        found: list[dict[str, Any]] = (await self.ask("entries.list", given)).get("entries", [])
        return found
