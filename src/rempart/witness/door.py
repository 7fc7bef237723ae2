"""The witness's door: `add-checkpoint` of C2SP tlog-witness, and what auditors may read."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rempart.core.errors import CloudError, Code
from rempart.core.limits import KIB
from rempart.standalone.http import Application, Scope, read_body, send_whole
from rempart.tlog.keys import VerifierKey
from rempart.tlog.submission import PATH, SIZE_TYPE
from rempart.witness.desk import ClockBack, Desk
from rempart.witness.judge import Refusal
from rempart.witness.logs import LogsProblem
from rempart.witness.record import RecordProblem, file_name

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

BODY_BYTES_MAX = 128 * KIB
"""A proof of 63 hashes, and a checkpoint with more than the sixteen signatures of which even the
largest of today's kinds have room."""

TEXT = "text/plain; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_LOG = logging.getLogger("rempart.witness")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, body, media type, further headers."""

    status: int
    content: str
    kind: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


def application(desk: Desk, keys: tuple[VerifierKey, ...]) -> Application:
    """Return what answers each request."""
    readable: dict[str, Callable[[], Answer]] = {
        "/healthz": lambda: _health(desk),
        "/keys": lambda: Answer(200, "".join(f"{key.text}\n" for key in keys)),
        "/logs": lambda: _logs(desk),
    }

    async def answer(scope: Scope, receive: ASGIReceiveCallable) -> Answer:
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        allowed = "POST" if path == PATH else "GET"
        if method != allowed:
            return Answer(405, f"Only {allowed}.\n", headers=(("allow", allowed),))
        if path == PATH:
            return await _submitted(desk, receive)
        if path.startswith("/latest/"):
            return _latest(desk, path.removeprefix("/latest/"))
        return readable[path]() if path in readable else Answer(404, "There is nothing here.\n")

    async def serve(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        found = await _safely(answer(scope, receive))
        await send_whole(send, found.status, found.kind, found.content.encode(), *found.headers)

    return serve


async def _safely(answering: Awaitable[Answer]) -> Answer:
    try:
        return await answering
    except CloudError as problem:  # a body that is too long, too slow or cut short
        status = 413 if problem.code is Code.INVALID_ARGUMENT else 408
        return Answer(status, f"{problem.message}\n", headers=problem.headers)
    except Exception:  # noqa: BLE001 - the edge: nothing of it may reach a caller
        _LOG.exception("a request failed")
        return Answer(500, "Internal error of the witness.\n")


async def _submitted(desk: Desk, receive: ASGIReceiveCallable) -> Answer:
    content = await read_body(receive, BODY_BYTES_MAX)
    try:
        signatures = await desk.add_checkpoint(content)
    except Refusal as refusal:
        if refusal.size is not None:
            return Answer(refusal.verdict.value, f"{refusal.size}\n", SIZE_TYPE)
        return Answer(refusal.verdict.value, f"{refusal.message}\n")
    except ClockBack:
        return Answer(503, "The witness's clock stands before its latest cosignature.\n")
    except (RecordProblem, LogsProblem):
        _LOG.exception("nothing is cosigned")
        return Answer(503, "The witness cannot keep its record.\n")
    return Answer(200, "".join(signature.line for signature in signatures))


def _health(desk: Desk) -> Answer:
    return Answer(503, "fenced\n") if desk.record.fenced else Answer(200, "ok\n")


def _logs(desk: Desk) -> Answer:
    shown = [
        {
            "origin": it.checkpoint.origin,
            "size": it.checkpoint.size,
            "root": it.checkpoint.root.hex(),
            "seconds": it.seconds,
            "latest": f"/latest/{file_name(it.checkpoint.origin)}",
        }
        for it in desk.record.all()
    ]
    return Answer(200, json.dumps({"logs": shown}), _JSON)


def _latest(desk: Desk, name: str) -> Answer:
    found = [it for it in desk.record.all() if file_name(it.checkpoint.origin) == name]
    if not found:
        return Answer(404, "Nothing of this log was cosigned.\n")
    return Answer(200, found[0].note.encode().decode())
