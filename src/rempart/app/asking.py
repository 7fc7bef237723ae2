"""Questions to a universe that has no server: answered to whoever holds its root, who sees all.

The same methods answer as behind the gate. Only those that change nothing are asked; the log is not
written, as it is not when a server is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from typing_extensions import override

from rempart.app.application import OWN
from rempart.app.assembly import Parts, assemble
from rempart.app.engine import open_alone
from rempart.config import Config
from rempart.core.call import Call
from rempart.core.clock import World
from rempart.core.errors import CloudError, invariant
from rempart.core.grant import Grant
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.edge.routes import Match, RouteTable
from rempart.trust.authority import Authority, Within
from rempart.trust.custody.keyring import Keyring
from rempart.trust.policy.guard import Propose
from rempart.trust.session import Session
from rempart.universe import Ask, NoAnswer, Question
from rempart.wire import all_services

_READER = Principal(Member("user:holder-of-the-root@localhost"), "", "", None)


async def answers(
    data: Path, config: Config, keyring: Keyring, asking: Callable[[Ask], Awaitable[Any]]
) -> Any:  # noqa: ANN401 - what the asker makes of the answers
    """Open the universe, have the questions answered, and return what the asker makes of them."""
    engine = await open_alone(data, config, keyring)
    try:
        parts = assemble(engine, keyring, config, World())
        routes = RouteTable((*all_services(), *OWN), config.domain)
        try:
            return await asking(lambda question: _answer(parts, routes, config, question))
        finally:
            if parts.token is not None:
                await parts.token.close()
    finally:
        await engine.close()


async def _answer(
    parts: Parts, routes: RouteTable, config: Config, question: Question
) -> dict[str, Any]:
    host, raw = f"{question.api}.{config.domain}", f"/{question.path}".encode()
    found = routes.match(host, question.verb, raw)
    if not isinstance(found, Match):
        raise NoAnswer(f"{question.path[:300]} names nothing that can be asked about.")
    call = Call(
        method=found.method,
        path=found.path,
        query=question.query,
        headers={},
        document=question.document,
        body=_Nothing(),
        kind="plain",
        base_url="",
        remote="local",
        request_id="",
        time=parts.world.clock(),
        verb=question.verb,
    )
    try:
        return await _run(parts, call)
    except CloudError as problem:
        raise NoAnswer(problem.message) from problem


async def _run(parts: Parts, call: Call) -> dict[str, Any]:
    method, service = parts.gate.method(call.method)
    invariant(method.access is Access.READ, "only what changes nothing is asked")
    tx = parts.sealed.transaction()
    authority = _SeesAll(_READER, parts.gate.rules, Within(call, method.access, service.name))
    store = service.open(Session(tx, authority, _never, call, _READER))
    grant = await authority.public(await method.resource(call, store))
    reply = await method.run(grant, call, store)
    document = reply.document
    return document if isinstance(document, dict) else {}


class _SeesAll(Authority):
    """The standing of who holds the root: nothing is hidden from it anyway."""

    __slots__ = ()

    @override
    async def require(
        self, permission: str, resource: Resource, propose: Propose | None = None
    ) -> Grant:
        return await self.public(resource)

    @override
    async def public(self, resource: Resource, propose: Propose | None = None) -> Grant:
        time = self._within.call.time
        return self._rules.decision.public(self.principal, resource, time=time)

    @override
    async def allows(self, permission: str, resource: Resource) -> bool:
        return True


class _Nothing:
    """An empty body."""

    length = 0

    async def read(self, limit: int) -> bytes:  # noqa: ARG002 - the port has it
        """Return nothing."""
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over nothing."""
        return
        yield b""


async def _never() -> None:
    """Record no intent: nothing is done."""
