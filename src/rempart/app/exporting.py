"""How log entries leave: objects through the gate as anybody's, and syslog servers by settings."""

from __future__ import annotations

import ssl

from rempart.config import Config, SyslogServer
from rempart.core.call import Call, MethodId
from rempart.core.clock import World
from rempart.core.errors import CloudError
from rempart.core.principal import Member, Principal
from rempart.edge.body import HeldBody
from rempart.services.logging.collectors import Server
from rempart.services.logging.exporting import Exports, PutObject, Ways
from rempart.services.logging.store import Setup
from rempart.trust.gate import Gate

_INSERT = MethodId("storage.objects.insert")
_THERE = 412
_REQUEST_ID_BYTES = 8
_TYPE = "application/json"


def exports(gate: Gate, logs: Setup, config: Config) -> Exports:
    """Return the job that empties the outboxes of sinks."""
    ways = Ways(
        router=logs.router,
        put=_put(gate, logs.world),
        servers={one.name: _server(one) for one in config.syslog},
        collectors=logs.collectors,
        host=config.domain,
    )
    return Exports(logs.sealed, ways, logs.world)


def _server(one: SyslogServer) -> Server:
    tls = None if one.plain else ssl.create_default_context(cafile=one.authorities or None)
    return Server(one.address, tls)


def _put(gate: Gate, world: World) -> PutObject:
    async def put(writer: str, bucket: str, name: str, content: bytes) -> None:
        email = writer.removeprefix("serviceAccount:")
        agent = Principal(Member(writer), email, email, None)
        call = Call(
            method=_INSERT,
            path={"bucket": bucket},
            query={"uploadType": "media", "name": name, "ifGenerationMatch": "0"},
            headers={"content-type": _TYPE},
            document={},
            body=HeldBody(content),
            kind="media_upload",
            base_url="",
            remote="",
            request_id=world.random(_REQUEST_ID_BYTES).hex(),
            time=world.clock(),
            verb="POST",
        )
        try:
            await gate.serve_agent(agent, call)
        except CloudError as problem:
            if problem.status != _THERE:
                raise

    return put
