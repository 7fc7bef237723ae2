"""The manager's server: what a request is to its handler, and a reply to the wire."""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from rempart.ekm.door.bodies import BODY_BYTES_MAX
from rempart.ekm.door.errors import Reply
from rempart.ekm.door.requests import Incoming
from rempart.standalone.http import Scope, Server, read_body, send_whole

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

Handler = Callable[[Incoming], Awaitable[Reply]]


def server(handler: Handler, tls: ssl.SSLContext | None) -> Server:
    """Return a server that hands each request to one handler."""
    return Server(functools.partial(_application, handler), tls)


async def _application(
    handler: Handler, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
) -> None:
    names = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
    incoming = Incoming(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        authorization=[value for name, value in names if name == b"authorization"],
        host=next((value for name, value in names if name == b"host"), ""),
        remote=scope["client"][0] if scope["client"] else "",
        body=functools.partial(read_body, receive, BODY_BYTES_MAX),
    )
    reply = await handler(incoming)
    content = reply.page or json.dumps(reply.document, separators=(",", ":")).encode()
    kind = reply.kind if reply.page else "application/json; charset=utf-8"
    await send_whole(send, reply.status, kind, content, *reply.headers)
